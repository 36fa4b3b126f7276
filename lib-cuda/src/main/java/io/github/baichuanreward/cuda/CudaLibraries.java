package io.github.baichuanreward.cuda;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import jcuda.JCudaVersion;
import jcuda.driver.JCudaDriver;
import jcuda.jcublas.JCublas2;
import org.jspecify.annotations.Nullable;

/**
 * Loads the driver's and cuBLAS's bindings, each once in a process and when it is first asked for,
 * and keeps the reason where one cannot be loaded. Never throws for a library that is missing.
 *
 * <p>JCuda unpacks its natives into the temporary directory under names that anybody can tell
 * beforehand, and loads what it finds there. While it does so here, that directory is a fresh one
 * that only this user can enter; it is deleted when all is loaded.
 */
final class CudaLibraries {

    private static final String TEMPORARY = "java.io.tmpdir";

    private static final String MISSING_DRIVER =
            "no NVIDIA driver (libcuda.so.1) is installed; to use an NVIDIA GPU, install driver 450"
                    + " or newer";

    private static final String MISSING_CUBLAS =
            "cuBLAS of CUDA 12 (libcublas.so.12) is not installed; install it (package"
                    + " libcublas-12-*, or the CUDA 12 toolkit), or put its folder into"
                    + " LD_LIBRARY_PATH";

    private static @Nullable Answer driver;
    private static @Nullable Answer cublas;

    /**
     * Whether a library is there.
     *
     * @param problem why not, and what to do; null if it is
     */
    record Answer(@Nullable String problem) {}

    private CudaLibraries() {}

    /** Loads the driver. */
    static synchronized Answer driver() {
        if (driver == null) {
            driver =
                    load(
                            folder -> {
                                loadDriverFirst(folder);
                                JCudaDriver.setExceptionsEnabled(false);
                            },
                            "libcuda.so",
                            MISSING_DRIVER);
        }
        return driver;
    }

    /** Loads cuBLAS, and the driver before it. */
    static synchronized Answer cublas() {
        if (driver().problem() != null) {
            return driver();
        }
        if (cublas == null) {
            cublas =
                    load(
                            folder -> JCublas2.setExceptionsEnabled(false),
                            "libcublas",
                            MISSING_CUBLAS);
        }
        return cublas;
    }

    /** What initialises a class of JCuda. */
    private interface Use {
        /** Natives are unpacked into {@code folder}. */
        void in(Path folder) throws IOException;
    }

    /**
     * Where there is no driver, which is so on most machines, the linker says so here before JCuda
     * begins to write its log and two stack traces. Where there is one, JCuda finds its file there,
     * and loaded.
     */
    private static void loadDriverFirst(Path folder) throws IOException {
        // A native library belongs to one class loader.
        if (JCudaDriver.class.getClassLoader() != CudaLibraries.class.getClassLoader()) {
            return;
        }
        String platform = System.getProperty("os.name") + " " + System.getProperty("os.arch");
        String name = "libJCudaDriver-%s-linux-x86_64.so".formatted(JCudaVersion.get());
        try (InputStream stream = CudaLibraries.class.getResourceAsStream("/lib/" + name)) {
            if (stream != null && platform.equals("Linux amd64")) {
                Path file = folder.resolve(name);
                Files.copy(stream, file);
                System.load(file.toString());
            }
        }
    }

    private static Answer load(Use use, String library, String missing) {
        String before = System.getProperty(TEMPORARY);
        Path folder = null;
        try {
            folder = Files.createTempDirectory("baichuan-reward-jcuda-", ownerOnly());
            System.setProperty(TEMPORARY, folder.toString());
            use.in(folder.toAbsolutePath());
            return new Answer(null);
        } catch (LinkageError e) {
            return new Answer(problem(String.valueOf(e.getMessage()), library, missing));
        } catch (IOException | RuntimeException e) {
            return new Answer(
                    "JCuda's natives cannot be unpacked into %s (%s); set -D%s to a folder that can"
                                    .formatted(before, e, TEMPORARY)
                            + " be written");
        } finally {
            System.setProperty(TEMPORARY, before);
            delete(folder);
        }
    }

    /** JCuda's message is two stack traces; the sentence is the linker's. */
    static String problem(String message, String library, String missing) {
        if (message.contains(library)) {
            return missing;
        }
        if (message.contains("not found")) {
            return "JCuda has no natives for %s on %s; it has for Linux on x86_64"
                    .formatted(System.getProperty("os.name"), System.getProperty("os.arch"));
        }
        return "JCuda cannot be loaded: "
                + message.lines()
                        .filter(line -> line.contains("Error:"))
                        .reduce((first, last) -> last)
                        .orElse(message.lines().findFirst().orElse(message))
                        .strip();
    }

    private static FileAttribute<?>[] ownerOnly() {
        if (!FileSystems.getDefault().supportedFileAttributeViews().contains("posix")) {
            return new FileAttribute<?>[0]; // the user's own temporary directory, on Windows
        }
        return new FileAttribute<?>[] {
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"))
        };
    }

    private static void delete(@Nullable Path folder) {
        if (folder == null) {
            return;
        }
        try (Stream<Path> files = Files.walk(folder)) {
            List<Path> deepestFirst = files.sorted(Comparator.reverseOrder()).toList();
            for (Path file : deepestFirst) {
                Files.deleteIfExists(file);
            }
        } catch (IOException | UncheckedIOException e) {
            folder.toFile().deleteOnExit(); // a loaded file cannot be deleted everywhere
        }
    }
}
