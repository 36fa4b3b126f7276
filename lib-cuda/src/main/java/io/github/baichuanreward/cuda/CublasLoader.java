package io.github.baichuanreward.cuda;

import io.github.baichuanreward.cuda.CublasPlaces.Found;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Loads a cuBLAS that JCuda's native can use, and that native.
 *
 * <p>The native calls for libcublas.so.12 by name, and the linker takes a library of that name
 * which is in the process already, wherever it came from. So a library is loaded by its path first;
 * for libcublas.so.13, one of ours that has the name wanted and jumps there. JCuda's class must not
 * ask before: failed once, it fails for the life of the process.
 */
final class CublasLoader {

    /** See {@code src/main/c}. */
    static final String FORWARDING = "libcublas-12-to-13.so";

    private final Path jcublas;
    private final NativeFolder folder;
    private final int driver;
    private final List<String> failures = new ArrayList<>();
    private @Nullable Path forwarding;

    /**
     * Prepares to load.
     *
     * @param jcublas JCuda's native, unpacked
     * @param folder where others can be unpacked
     * @param driver CUDA's major version that the driver supports; newer ones are passed by
     */
    CublasLoader(Path jcublas, NativeFolder folder, int driver) {
        this.jcublas = jcublas;
        this.folder = folder;
        this.driver = driver;
    }

    /** Loads the first that can be, or returns null. */
    @Nullable Found load(CublasPlaces places) throws IOException {
        if (places.folder() == null) {
            for (int major : CublasPlaces.MAJORS) {
                String library = CublasPlaces.library(major);
                // The linker's sentence names what it finds nowhere without a folder.
                if (major <= driver && loadNatives(major, " " + library + ": ")) {
                    return new Found(inProcess(library), major);
                }
            }
        }
        for (Found found : places.found()) {
            if (found.major() > driver) {
                failures.add(
                        "%s wants a driver of CUDA %d, and this one is of CUDA %d"
                                .formatted(found.file(), found.major(), driver));
            } else if ((!Files.exists(found.light()) || load(found.light(), null))
                    && load(found.file(), null)
                    && loadNatives(found.major(), null)) {
                return found;
            }
        }
        return null;
    }

    /** Why those that are there are not used, mostly in the linker's words. */
    List<String> failures() {
        return failures;
    }

    private boolean loadNatives(int major, @Nullable String usual) throws IOException {
        return (major == 12 || load(forwarding(), usual)) && load(jcublas, usual);
    }

    private Path forwarding() throws IOException {
        if (forwarding == null) {
            forwarding = folder.unpackOwn(FORWARDING);
        }
        return forwarding;
    }

    /** Keeps what the linker says, unless it is the usual thing. */
    private boolean load(Path file, @Nullable String usual) {
        try {
            System.load(file.toString());
            return true;
        } catch (UnsatisfiedLinkError e) {
            String message = String.valueOf(e.getMessage());
            // Then it is in the process, and the linker will find it.
            if (message.contains("already loaded in another classloader")) {
                return true;
            }
            if (usual == null || !message.contains(usual)) {
                failures.add(message.startsWith(file.toString()) ? message : file + ": " + message);
            }
            return false;
        }
    }

    /** Where the linker found it; its name alone where that cannot be told. */
    private static Path inProcess(String library) {
        try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
            return maps.filter(line -> line.contains("/" + library))
                    .map(line -> Path.of(line.substring(line.indexOf('/'))))
                    .findFirst()
                    .orElse(Path.of(library));
        } catch (IOException | RuntimeException e) {
            return Path.of(library);
        }
    }
}
