package io.github.baichuanreward.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.JavaProcess;
import io.github.baichuanreward.TinyModel;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.batch.PackedBatch;
import io.github.baichuanreward.model.BaichuanWeights;
import java.io.IOException;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Limits are read when a process starts to use JavaCPP, so each case is a process of its own. */
class JavaCppLimitsTest {

    private static final int OTHER = 300 << 20;

    @TempDir Path directory;

    @Test
    void anApplicationMayHaveManyTimesTheHeapInNativeMemory() throws Exception {
        List<String> output = run();

        assertThat(output).hasSize(3);
        assertThat(output.get(0)).startsWith("cpu: float32, oneDNN");
        assertThat(output.get(1)).isEqualTo("scored");
        assertThat(output.get(2)).isEqualTo("limit 0, property null");
    }

    @Test
    void theLimitOfAnApplicationHoldsAndIsNamedWhenItIsReached() throws Exception {
        List<String> output =
                run(
                        "-Dorg.bytedeco.javacpp.maxPhysicalBytes=200m",
                        "-Dorg.bytedeco.javacpp.maxRetries=1");

        assertThat(output).hasSize(4);
        assertThat(output.get(0))
                .contains("cpu: products in plain Java, which is slow: no native memory for oneDNN")
                .contains("-Dorg.bytedeco.javacpp.maxPhysicalBytes=..., 0 for none");
        assertThat(output.get(1)).startsWith("cpu: float32, plain Java");
        assertThat(output.get(2)).isEqualTo("scored");
        assertThat(output.get(3)).isEqualTo("limit 209715200, property null");
    }

    private List<String> run(String... more) throws IOException, InterruptedException {
        new TinyModel(1).write(directory);
        List<String> options =
                new ArrayList<>(
                        List.of("-Xmx40m", "-XX:+UseSerialGC", "-XX:MaxDirectMemorySize=400m"));
        options.addAll(List.of(more));
        ProcessBuilder builder =
                JavaProcess.of(options, JavaCppLimitsTest.class, directory.toString());
        builder.redirectErrorStream(true);
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).isZero();
        return output.lines().toList();
    }

    /** Scores beside much native memory: directory. */
    public static void main(String[] args) throws IOException {
        Path directory = Path.of(args[0]);
        ByteBuffer other = ByteBuffer.allocateDirect(OTHER); // which is cleared, and so resident
        BaichuanWeights weights = BaichuanWeights.open(directory);
        BackendRequest request = new BackendRequest(weights, Precision.AUTO, List.of(), 0, 2);
        try (CpuBackend backend = CpuBackend.open(request)) {
            System.out.println(backend.description());
            backend.score(PackedBatch.pack(List.of(new int[] {1, 2, 3}), 10).get(0));
            System.out.println("scored");
        } finally {
            Reference.reachabilityFence(other);
        }
        System.out.printf(
                "limit %d, property %s%n",
                Pointer.maxPhysicalBytes(),
                System.getProperty("org.bytedeco.javacpp.maxphysicalbytes"));
    }
}
