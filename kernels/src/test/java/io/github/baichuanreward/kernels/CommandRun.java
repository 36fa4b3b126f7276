package io.github.baichuanreward.kernels;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * A command that has ended, or was killed after its time limit.
 *
 * @param status exit status; of a command that a signal ended, 128 and its number
 * @param output what it wrote to standard output
 * @param errors what it wrote to standard error
 * @param timedOut whether it was killed
 */
record CommandRun(int status, String output, String errors, boolean timedOut) {

    /**
     * Runs a command in the module's folder.
     *
     * @param environment variables that are set beside those of this process
     * @throws IOException if there is no such program
     */
    static CommandRun of(List<String> command, Map<String, String> environment, Duration limit)
            throws IOException, InterruptedException {
        Path out = Files.createTempFile("kernels-", ".out");
        Path err = Files.createTempFile("kernels-", ".err");
        try {
            ProcessBuilder builder =
                    new ProcessBuilder(command)
                            .directory(Sources.MODULE.toFile())
                            .redirectOutput(out.toFile())
                            .redirectError(err.toFile());
            builder.environment().putAll(environment);
            Process process = builder.start();
            process.getOutputStream().close();
            boolean timedOut = !process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS);
            if (timedOut) {
                process.descendants().forEach(ProcessHandle::destroyForcibly);
                process.destroyForcibly();
            }
            return new CommandRun(process.waitFor(), text(out), text(err), timedOut);
        } finally {
            Files.delete(out);
            Files.delete(err);
        }
    }

    private static String text(Path file) throws IOException {
        // A program that crashed may have written anything.
        return new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
    }
}
