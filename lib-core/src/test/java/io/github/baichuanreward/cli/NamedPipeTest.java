package io.github.baichuanreward.cli;

import static io.github.baichuanreward.cli.CommandLineRun.MODEL;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

class NamedPipeTest {

    /** A pipe has no position, and so no stream on it says what is available. */
    @Test
    @Timeout(60)
    void readsAPipeThatHasANameToItsEnd(@TempDir Path folder) throws Exception {
        Path pipe = folder.resolve("rows.jsonl");
        assumeThat(Path.of("/usr/bin/mkfifo")).exists();
        Process make = new ProcessBuilder("/usr/bin/mkfifo", pipe.toString()).start();
        assertThat(make.waitFor(10, TimeUnit.SECONDS)).isTrue();
        CompletableFuture<Void> writing =
                CompletableFuture.runAsync(
                        () -> {
                            try {
                                Files.writeString(pipe, "{\"input_ids\": [5]}\n".repeat(5000));
                            } catch (IOException e) {
                                throw new UncheckedIOException(e);
                            }
                        });

        CommandLineRun run =
                CommandLineRun.of("score", "--model", MODEL, "--input", pipe.toString(), "--quiet");

        assertThat(run.err()).isEmpty();
        assertThat(run.outLines()).hasSize(5000);
        writing.join();
    }
}
