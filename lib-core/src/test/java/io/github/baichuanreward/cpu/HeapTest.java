package io.github.baichuanreward.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.JavaProcess;
import io.github.baichuanreward.TinyModel;
import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.model.BaichuanWeights;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A heap has a size when a process starts, so the small one is a process of its own. */
class HeapTest {

    @TempDir Path directory;

    @Test
    void growsWithoutHoldingTheOldAndNamesTheHeapWhereItIsTooSmall() throws Exception {
        new TinyModel(1).write(directory);
        ProcessBuilder builder =
                JavaProcess.of(
                        List.of("-XX:+UseG1GC", "-Xmx76m"), HeapTest.class, directory.toString());
        builder.redirectError(ProcessBuilder.Redirect.INHERIT);
        Process process = builder.start();
        byte[] output = process.getInputStream().readAllBytes();

        assertThat(process.waitFor()).isZero();
        assertThat(new String(output, StandardCharsets.UTF_8).lines())
                .containsExactly(
                        "45000",
                        "65000",
                        "cpu: a batch of 200000 tokens needs 140 MiB of the Java heap, whose limit"
                                + " is 76 MiB; raise it (-Xmx), or lower batchTokens or the lengths"
                                + " of the texts",
                        "65000");
    }

    /** Asks for rooms of 31, 45 and 140 MiB: directory. */
    public static void main(String[] args) throws IOException {
        BaichuanWeights weights = BaichuanWeights.open(Path.of(args[0]));
        BackendRequest request = new BackendRequest(weights, Precision.AUTO, List.of(), 0, 1);
        try (CpuBackend backend = CpuBackend.open(request)) {
            for (int tokens : new int[] {45_000, 65_000, 200_000, 65_000}) {
                try {
                    System.out.println(backend.activationsFor(tokens).tokens());
                } catch (BackendException e) {
                    System.out.println(e.getMessage());
                }
            }
        }
    }
}
