package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.JavaProcess;
import io.github.baichuanreward.TinyModel;
import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.batch.PackedBatch;
import io.github.baichuanreward.model.BaichuanWeights;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/**
 * A kernel that faults, which shows only when the batch is waited for. CUDA wants the process ended
 * then, so each test has one of its own.
 */
@ExtendWith(FakeGpu.class)
class DeviceFaultTest {

    private static final String FAULT =
            "cuda: device 0 \\(Fake GPU 9\\.0\\): %s: CUDA_ERROR_ILLEGAL_ADDRESS; %s";
    private static final String RESTART =
            "end this process and start it again; the kernel's log \\(dmesg, lines with Xid\\) says"
                    + " more";

    @TempDir Path directory;

    /** Scores, lets a kernel read what is not there, closes, and loads again. */
    static final class Program {
        private Program() {}

        public static void main(String[] args) throws IOException {
            assertThat(CudaLibraries.cublas((Path) null).problem()).isNull();
            BaichuanWeights weights = BaichuanWeights.open(Path.of(args[0]));
            BackendRequest request = new BackendRequest(weights, Precision.AUTO, List.of(), 64, 1);
            try (CudaBackend backend = CudaBackend.open(request)) {
                score(backend, 1);
                score(backend, 1 << 30); // no token of this vocabulary, which nobody checks here
                score(backend, 1);
            }
            System.out.println("closed");
            FakeGpu.assertNothingLives();
            try (CudaBackend backend = CudaBackend.open(request)) {
                score(backend, 1);
            } catch (BackendException e) {
                System.out.println(e.getMessage());
            }
            FakeGpu.assertNothingLives();
        }

        private static void score(CudaBackend backend, int id) {
            PackedBatch batch = PackedBatch.pack(List.of(new int[] {1, id}), 9).get(0);
            try {
                System.out.println("scored " + backend.score(batch)[0]);
            } catch (BackendException e) {
                System.out.println(e.getMessage());
            }
        }
    }

    @Test
    void endsWhatThisProcessCanDo() throws Exception {
        List<String> lines = run("process");

        assertThat(lines).hasSize(5);
        assertThat(lines.get(0)).startsWith("scored ");
        assertThat(lines.get(1)).matches(FAULT.formatted("cuStreamSynchronize", RESTART));
        assertThat(lines.get(2))
                .startsWith("cuda: this backend has failed before, and is to be closed: device 0 ")
                .matches(".*" + RESTART);
        assertThat(lines.get(3)).isEqualTo("closed");
        assertThat(lines.get(4)).matches(FAULT.formatted("cuDevicePrimaryCtxRetain", RESTART));
    }

    /** Where the driver goes on, nothing of the model that failed is in the way. */
    @Test
    void leavesNothingThatKeepsAModelFromLoadingAgain() throws Exception {
        List<String> lines = run("context");

        assertThat(lines).hasSize(5);
        assertThat(lines.get(1)).matches(FAULT.formatted("cuStreamSynchronize", RESTART));
        assertThat(lines.get(4)).isEqualTo(lines.get(0));
    }

    private List<String> run(String faults) throws Exception {
        new TinyModel(1).write(directory);
        ProcessBuilder builder = JavaProcess.of(List.of(), Program.class, directory.toString());
        builder.environment().put("FAKE_GPU_FAULTS", faults);
        builder.redirectError(directory.resolve("errors").toFile());
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        assertThat(directory.resolve("errors"))
                .content()
                .as("what the fake GPU says of the fault")
                .contains("fake GPU: device 0: embedding_bf16");
        return output.lines().toList();
    }
}
