package io.github.baichuanreward.kernels;

import static org.assertj.core.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** GNU make and the compilers, which a machine has or has not. */
final class Toolchain {

    private static final int OLDEST_GCC = 12;
    private static final Duration BUILD_LIMIT = Duration.ofMinutes(10);

    private Toolchain() {}

    /** Says what is missing to build the programs, if anything is. */
    static Optional<String> missingCompiler() throws Exception {
        if (!System.getProperty("os.name", "").equals("Linux")) {
            return Optional.of("the emulator runs on Linux only");
        }
        if (!runs("make", "--version")) {
            return Optional.of("there is no make: install make and g++");
        }
        String compiler = System.getenv().getOrDefault("CXX", "g++");
        String remedy = ": install g++ " + OLDEST_GCC + " or newer";
        if (!runs(compiler, "-dumpversion")) {
            return Optional.of("there is no " + compiler + remedy);
        }
        String version = run(compiler, "-dumpversion").output().strip();
        return Integer.parseInt(version.split("\\.", 2)[0]) < OLDEST_GCC
                ? Optional.of(compiler + " is " + version + remedy)
                : Optional.empty();
    }

    /** Skips the calling test where its programs cannot be built. */
    static void requireCompiler() throws Exception {
        missingCompiler().ifPresent(message -> missing(message, "true", "compiler"));
    }

    /** Skips the calling test where no cubins can be made. */
    static void requireNvcc() throws Exception {
        requireCompiler();
        if (!runs(System.getenv().getOrDefault("NVCC", "nvcc"), "--version")) {
            missing("there is no nvcc: install the CUDA toolkit to look at cubins", "true");
        }
    }

    /** Makes targets of the Makefile and returns what it printed; a failure shows it. */
    static String make(String... targets) throws Exception {
        List<String> command = new ArrayList<>(List.of("make", "-j2", "--no-print-directory"));
        command.addAll(Arrays.asList(targets));
        CommandRun run = CommandRun.of(command, Map.of(), BUILD_LIMIT);
        if (run.timedOut() || run.status() != 0) {
            fail(
                    "%s: %s%n%s%n%s",
                    String.join(" ", command),
                    run.timedOut() ? "took longer than " + BUILD_LIMIT : "status " + run.status(),
                    run.output(),
                    run.errors());
        }
        return run.output();
    }

    private static boolean runs(String... command) throws InterruptedException {
        try {
            return run(command).status() == 0;
        } catch (IOException e) {
            return false; // there is no such program
        }
    }

    private static CommandRun run(String... command) throws IOException, InterruptedException {
        return CommandRun.of(Arrays.asList(command), Map.of(), Duration.ofMinutes(1));
    }

    /** Fails where the system property {@code kernels.required} has one of the values. */
    private static void missing(String message, String... requiring) {
        if (List.of(requiring).contains(System.getProperty("kernels.required", ""))) {
            fail(message);
        }
        System.out.println("kernels: tests skipped: " + message);
        abort(message);
    }
}
