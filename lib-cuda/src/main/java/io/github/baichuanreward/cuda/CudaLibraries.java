package io.github.baichuanreward.cuda;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.cuda.CublasPlaces.Found;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import jcuda.JCudaVersion;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import jcuda.jcublas.JCublas2;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Loads the driver's and cuBLAS's bindings, each once in a process and when it is first asked for,
 * and keeps the reason where one cannot be loaded. Never throws for a library that is missing.
 */
final class CudaLibraries {

    private static final String MISSING_DRIVER =
            "no NVIDIA driver (libcuda.so.1) is installed; to use an NVIDIA GPU, install driver 450"
                    + " or newer";

    private static final String MISSING_JCUDA =
            "JCuda's classes are not there (%s); add org.jcuda:jcuda and org.jcuda:jcublas";

    private static final String INSTALL =
            "install one (pip install nvidia-cublas-cu12, or NVIDIA's package %s), or name its"
                    + " folder by --cuda_libraries";

    private static final String LINUX = "Linux amd64";

    /** Those that JCuda has natives for. */
    private static final Set<String> PLATFORMS = Set.of(LINUX, "Windows amd64");

    private static final int OLDEST_CUBLAS = 12;

    private static final Logger LOG = LoggerFactory.getLogger(CudaLibraries.class);

    private static @Nullable Answer driver;
    private static @Nullable Answer usual;
    private static @Nullable Found cublas;

    /**
     * Whether a library is there.
     *
     * @param problem why not, and what to do; null if it is
     * @param isForNow whether it may be another one next time
     */
    record Answer(@Nullable String problem, boolean isForNow) {

        Answer(@Nullable String problem) {
            this(problem, false);
        }
    }

    private CudaLibraries() {}

    /** Loads the driver. */
    static synchronized Answer driver() {
        if (driver == null) {
            Answer answer = load(CudaLibraries::loadDriver);
            if (!answer.isForNow()) {
                driver = answer;
            }
            return answer;
        }
        return driver;
    }

    /**
     * Loads cuBLAS, and the driver before it.
     *
     * @param folder where it is; null for the usual places
     */
    static Answer cublas(@Nullable Path folder) {
        return cublas(folder == null ? CublasPlaces.usual() : CublasPlaces.only(folder));
    }

    /** Loads cuBLAS from some places. A process holds only one. */
    static synchronized Answer cublas(CublasPlaces places) {
        Answer answer = driver();
        if (answer.problem() != null) {
            return answer;
        }
        if (cublas != null) {
            return new Answer(
                    places.folder() == null || isAmong(cublas, places.found())
                            ? null
                            : "%s: %s is loaded already, and a process cannot hold another; load this model in a process of its own"
                                    .formatted(places.folder(), cublas.file()));
        }
        if (places.folder() != null) {
            return load(folder -> loadCublas(folder, places));
        }
        if (usual == null) {
            answer = load(folder -> loadCublas(folder, places));
            if (!answer.isForNow()) {
                usual = answer;
            }
            return answer;
        }
        return usual;
    }

    /** What loads a library. */
    private interface Step {
        /** Returns what hinders it, or null. */
        @Nullable String in(NativeFolder folder) throws IOException;
    }

    private static Answer load(Step step) {
        if (!PLATFORMS.contains(platform())) {
            return new Answer(
                    "JCuda has no natives for %s on %s; it has for Linux and Windows on x86_64; use"
                                    .formatted(
                                            System.getProperty("os.name"),
                                            System.getProperty("os.arch"))
                            + " --backend cpu");
        }
        try (NativeFolder folder = NativeFolder.open()) {
            return new Answer(step.in(folder));
        } catch (BackendException e) {
            return new Answer(e.getMessage());
        } catch (NoClassDefFoundError e) {
            String message = String.valueOf(e.getMessage());
            return new Answer(
                    message.startsWith("Could not initialize") // the application has tried before
                            ? "JCuda cannot be loaded: " + message
                            : MISSING_JCUDA.formatted(message));
        } catch (IOException | RuntimeException e) { // before JCuda's classes were touched
            return new Answer(
                    "JCuda's natives cannot be unpacked into %s (%s); set -D%s to a folder that can"
                                    .formatted(
                                            System.getProperty(NativeFolder.TEMPORARY),
                                            e,
                                            NativeFolder.TEMPORARY)
                            + " be written",
                    true);
        }
    }

    private static @Nullable String loadDriver(NativeFolder folder) throws IOException {
        Path file = unpack(folder, "JCudaDriver");
        try {
            // Where there is no driver, which is so on most machines, the linker says so here
            // before JCuda begins to write its log and two stack traces. Where there is one, JCuda
            // finds its file there, and loaded.
            if (file != null && isOfOneLoader(JCudaDriver.class)) {
                System.load(file.toString());
            }
            folder.initialize(() -> initialize(JCudaDriver.class));
            return null;
        } catch (UnsatisfiedLinkError | ExceptionInInitializerError e) {
            return problem(message(e), "libcuda.so", MISSING_DRIVER);
        }
    }

    private static @Nullable String loadCublas(NativeFolder folder, CublasPlaces places)
            throws IOException {
        int driver = driverMajor();
        if (driver < OLDEST_CUBLAS) {
            return "cuBLAS of CUDA %d wants driver 525 or newer, and this one is of CUDA %d; install a newer driver"
                    .formatted(OLDEST_CUBLAS, driver);
        }
        Path file = unpack(folder, "JCublas2");
        Found found = new Found(Path.of(CublasPlaces.library(12)), 12);
        if (file != null) {
            CublasLoader loader = new CublasLoader(own(file), folder, driver);
            Found loaded = loader.load(places);
            if (loaded == null) {
                return notFound(places, driver, loader.failures());
            }
            found = loaded;
        } else if (places.folder() != null) {
            return places.folder()
                    + ": a folder of cuBLAS can be named where JCuda's natives for Linux on x86_64"
                    + " are; name none, and put it where the system looks for libraries";
        }
        try {
            folder.initialize(() -> initialize(JCublas2.class));
        } catch (UnsatisfiedLinkError | ExceptionInInitializerError e) {
            return problem(message(e), "libcublas", notFound(places, driver, List.of()));
        }
        cublas = found;
        LOG.debug("cuda: cuBLAS of CUDA {}: {}", found.major(), found.file());
        return null;
    }

    /** Whether JCuda throws errors or returns them is the application's to say, and stays so. */
    private static void initialize(Class<?> type) {
        try {
            Class.forName(type.getName(), true, type.getClassLoader());
        } catch (ClassNotFoundException e) {
            throw new AssertionError("it is there", e);
        }
    }

    private static String message(LinkageError e) {
        Throwable cause = e.getCause() == null ? e : e.getCause();
        return String.valueOf(cause.getMessage());
    }

    /** JCuda's native; null on Windows, where JCuda looks for it by itself. */
    private static @Nullable Path unpack(NativeFolder folder, String name) throws IOException {
        return platform().equals(LINUX)
                ? folder.unpackJCuda("lib%s-%s-linux-x86_64.so".formatted(name, JCudaVersion.get()))
                : null;
    }

    private static String platform() {
        return System.getProperty("os.name").replaceAll(" .*", "")
                + " "
                + System.getProperty("os.arch");
    }

    /** A native belongs to one class loader: where JCuda has another, this class takes a copy. */
    private static Path own(Path file) throws IOException {
        return isOfOneLoader(JCublas2.class)
                ? file
                : Files.copy(file, file.resolveSibling("own-" + file.getFileName()));
    }

    private static boolean isOfOneLoader(Class<?> type) {
        return type.getClassLoader() == CudaLibraries.class.getClassLoader();
    }

    private static boolean isAmong(Found cublas, List<Found> others) {
        for (Found other : others) {
            try {
                if (Files.isSameFile(cublas.file(), other.file())) {
                    return true;
                }
            } catch (IOException e) {
                LOG.debug("cuda: {} is not compared: {}", other.file(), e.toString());
            }
        }
        return false;
    }

    /** CUDA's major version that the driver supports; cuBLAS of a newer one does not start. */
    private static int driverMajor() {
        int[] version = new int[1];
        return Cuda.code(() -> JCudaDriver.cuDriverGetVersion(version)) == CUresult.CUDA_SUCCESS
                ? version[0] / 1000
                : Integer.MAX_VALUE; // then cuBLAS says what is wrong
    }

    /** Says where cuBLAS was looked for, and what to do. */
    static String notFound(CublasPlaces places, int driver, List<String> failures) {
        String reasons = String.join("; ", failures);
        Path folder = places.folder();
        if (folder != null) {
            if (!Files.isDirectory(folder)) {
                return folder + ": no such directory; give the one that holds libcublas.so.12";
            }
            return failures.isEmpty()
                    ? folder
                            + ": neither libcublas.so.12 nor libcublas.so.13 is there, nor in its"
                            + " lib, lib64 or */lib; give the folder that holds one"
                    : "cuBLAS cannot be loaded: " + reasons + "; give the folder of another";
        }
        return "cuBLAS is not found by the dynamic loader (LD_LIBRARY_PATH), nor in %s%s; %s"
                .formatted(
                        places.names(),
                        failures.isEmpty() ? "" : "; not usable: " + reasons,
                        INSTALL.formatted(
                                driver < 13
                                        ? "libcublas-12-*"
                                        : "libcublas-12-* or libcublas-13-*"));
    }

    /** JCuda's message is two stack traces; the sentence is the linker's. */
    static String problem(String message, String library, String missing) {
        String sentence =
                message.lines()
                        .filter(line -> line.contains("Error:"))
                        .reduce((first, last) -> last)
                        .orElse(message.lines().findFirst().orElse(message))
                        .strip();
        boolean isNowhere =
                sentence.contains("cannot open shared object file: No such file")
                        || sentence.contains("dependent libraries"); // on Windows
        boolean isMissing = isNowhere && (sentence.contains(library) || !sentence.contains(".so"));
        if (isMissing) {
            return missing;
        }
        String remedy = "";
        if (sentence.contains("failed to map segment")) { // a file system that runs no programs
            remedy =
                    "; set -D%s to a folder whose files may be run"
                            .formatted(NativeFolder.TEMPORARY);
        } else if (sentence.contains("in java.library.path")) { // nor in a jar
            remedy =
                    "; add org.jcuda:jcuda-natives and org.jcuda:jcublas-natives of this platform"
                            + " (classifier linux-x86_64 or windows-x86_64)";
        }
        return "JCuda cannot be loaded: " + sentence + remedy;
    }
}
