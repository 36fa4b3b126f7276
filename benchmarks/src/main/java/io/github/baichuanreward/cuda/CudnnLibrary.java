package io.github.baichuanreward.cuda;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import jcuda.JCudaVersion;
import jcuda.jcudnn.JCudnn;
import org.jspecify.annotations.Nullable;

/**
 * Loads cuDNN's binding, once in a process, and keeps the reason where it cannot be loaded.
 *
 * <p>The binding's classes are of version 11.7 and its native of {@code jcuda.version}: the newest
 * of each that were published. What the native lacks of the classes is no function that is called
 * here. It wants {@code libcudnn.so.9}, and takes one that is in the process already.
 */
final class CudnnLibrary {

    private static final String LIBRARY = "libcudnn.so.9";

    private static boolean isAsked;
    private static @Nullable String problem;

    private CudnnLibrary() {}

    /**
     * Loads it when first asked.
     *
     * @param folder where to look for cuDNN before the usual places, itself and its {@code lib} and
     *     those of the folders in it; null for none
     * @return why there is none, and what to do; null if there is one
     */
    static synchronized @Nullable String problem(@Nullable Path folder) {
        if (!isAsked) {
            isAsked = true;
            problem = load(folder);
        }
        return problem;
    }

    private static @Nullable String load(@Nullable Path folder) {
        String driver = CudaLibraries.driver().problem();
        if (driver != null) {
            return driver;
        }
        try (NativeFolder natives = NativeFolder.open()) {
            Path binding = unpack(natives);
            if (binding == null) {
                return "org.jcuda:jcudnn-natives has no native for this platform";
            }
            String refusal = loadFirst(binding, candidates(folder));
            if (refusal != null) {
                return "cuDNN 9 cannot be loaded: %s; install it (pip install nvidia-cudnn-cu12) and name its folder by --cuda_libraries, or put it into LD_LIBRARY_PATH"
                        .formatted(refusal);
            }
            // From here on JCuda finds its file in this folder, and loaded.
            natives.initialize(JCudnn::initialize);
            return null;
        } catch (LinkageError e) {
            return "JCudnn cannot be loaded: " + e;
        } catch (IOException e) {
            return "JCudnn's native cannot be unpacked: " + e;
        }
    }

    private static @Nullable Path unpack(NativeFolder natives) throws IOException {
        String name = "libJCudnn-%s-linux-x86_64.so".formatted(JCudaVersion.get());
        try (InputStream stream = CudnnLibrary.class.getResourceAsStream("/lib/" + name)) {
            if (stream == null) {
                return null;
            }
            Path file = natives.path().resolve(name);
            Files.copy(stream, file);
            return file;
        }
    }

    /** Loads the binding with the first cuDNN that it can use; returns what the linker says. */
    private static @Nullable String loadFirst(Path binding, List<Path> libraries) {
        List<String> refusals = new ArrayList<>();
        for (Path library : libraries) {
            String refusal = refusal(library);
            if (refusal == null) {
                return refusal(binding);
            }
            refusals.add(refusal);
        }
        String refusal = refusal(binding);
        if (refusal == null) {
            return null;
        }
        refusals.add(refusal);
        return String.join("; ", refusals);
    }

    private static @Nullable String refusal(Path file) {
        try {
            System.load(file.toString());
            return null;
        } catch (UnsatisfiedLinkError e) {
            // It names the temporary file first, which is gone when the message is read.
            return String.valueOf(e.getMessage())
                    .replace(file + ": ", file.endsWith(LIBRARY) ? file + ": " : "");
        }
    }

    /** Libraries that are there, in the folder that was named and in Python's environment. */
    private static List<Path> candidates(@Nullable Path folder) throws IOException {
        List<Path> folders = new ArrayList<>();
        if (folder != null) {
            folders.add(folder);
            folders.add(folder.resolve("lib"));
            folders.addAll(matching(folder, "*", "lib"));
        }
        for (String variable : List.of("VIRTUAL_ENV", "CONDA_PREFIX")) {
            String prefix = System.getenv(variable);
            if (prefix != null && !prefix.isEmpty()) {
                Path lib = Path.of(prefix, "lib");
                folders.addAll(matching(lib, "python3*", "site-packages/nvidia/cudnn/lib"));
                folders.add(lib);
            }
        }
        return folders.stream()
                .map(each -> each.resolve(LIBRARY).toAbsolutePath())
                .filter(Files::exists)
                .toList();
    }

    private static List<Path> matching(Path folder, String pattern, String inside)
            throws IOException {
        List<Path> found = new ArrayList<>();
        if (Files.isDirectory(folder)) {
            try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder, pattern)) {
                entries.forEach(entry -> found.add(entry.resolve(inside)));
            }
        }
        found.sort(null);
        return found;
    }
}
