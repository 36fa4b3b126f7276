package io.github.baichuanreward.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.baichuanreward.Golden;
import io.github.baichuanreward.TinyModel;
import io.github.baichuanreward.backend.Backend;
import io.github.baichuanreward.backend.BackendContract;
import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.backend.BackendProvider;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.batch.PackedBatch;
import io.github.baichuanreward.checkpoint.DType;
import io.github.baichuanreward.model.BaichuanWeights;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CpuBackendTest extends BackendContract {

    @TempDir Path directory;

    @Override
    protected Backend open(BackendRequest request) throws IOException {
        return CpuBackend.open(request);
    }

    @Override
    protected double tolerance() {
        return Golden.FLOAT32_REWARD;
    }

    @Test
    void refusesAPrecisionThatItDoesNotHave() throws IOException {
        BackendRequest request = request(Precision.INT8, List.of(), 0);

        assertThatThrownBy(() -> CpuBackend.open(request))
                .isInstanceOf(BackendException.class)
                .hasMessage("cpu: precision int8 is not available; use auto, float32 or bfloat16");
    }

    @Test
    void refusesDevices() throws IOException {
        BackendRequest request = request(Precision.AUTO, List.of(0, 1), 0);

        assertThatThrownBy(() -> CpuBackend.open(request))
                .isInstanceOf(BackendException.class)
                .hasMessage("cpu: devices [0, 1] were given, but devices are GPUs; leave them out");
    }

    @Test
    void refusesABatchBeyondTheSizeOfAnArray() throws IOException {
        BackendRequest request = request(Precision.AUTO, List.of(), 30_000_000);

        assertThatThrownBy(() -> CpuBackend.open(request))
                .isInstanceOf(BackendException.class)
                .hasMessage("cpu: 30000000 tokens in a batch; this model allows at most 29826161");
    }

    @Test
    void refusesASequenceBeyondTheSizeOfAnArray() throws IOException {
        try (CpuBackend backend = CpuBackend.open(request(Precision.AUTO, List.of(), 0))) {
            assertThatThrownBy(() -> backend.activationsFor(30_000_000))
                    .isInstanceOf(BackendException.class)
                    .hasMessage(
                            "cpu: 30000000 tokens in a batch; this model allows at most 29826161");
        }
    }

    @Test
    void bfloat16NeedsWeightsOfThatType() throws IOException {
        String odd = "model.layers.1.mlp.up_proj.weight";
        for (DType type : List.of(DType.FLOAT32, DType.FLOAT16)) {
            Path model = new TinyModel(1).type(DType.BFLOAT16).type(odd, type).write(directory);
            BackendRequest request =
                    new BackendRequest(
                            BaichuanWeights.open(model), Precision.BFLOAT16, List.of(), 0, 1);

            assertThatThrownBy(() -> CpuBackend.open(request))
                    .isInstanceOf(BackendException.class)
                    .hasMessage(
                            "cpu: precision bfloat16 needs weights in bfloat16, but %s is %s; use"
                                    + " float32",
                            odd, type);
        }
    }

    @Test
    void isNotUsedAfterClose() throws IOException {
        CpuBackend backend = CpuBackend.open(request(Precision.AUTO, List.of(), 0));
        PackedBatch batch = PackedBatch.pack(List.of(new int[] {1, 2, 3}), 10).get(0);
        backend.close();

        assertThatThrownBy(() -> backend.score(batch))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("cpu: this backend is closed");
    }

    /** Native memory must not go while a batch is computed in it. */
    @Test
    void closingWaitsForTheBatchThatIsComputed() throws Exception {
        for (int round = 0; round < 20; round++) {
            CpuBackend backend = CpuBackend.open(request(Precision.AUTO, List.of(), 0));
            int[] ids = new int[64];
            PackedBatch batch = PackedBatch.pack(Collections.nCopies(40, ids), 1 << 20).get(0);
            float expected = backend.score(batch)[0];
            CountDownLatch started = new CountDownLatch(1);
            CompletableFuture<float[]> rewards =
                    CompletableFuture.supplyAsync(
                            () -> {
                                started.countDown();
                                return backend.score(batch);
                            });
            started.await();
            Thread.sleep(round % 5);
            backend.close();
            try {
                assertThat(rewards.get(20, TimeUnit.SECONDS)).containsOnly(expected);
            } catch (ExecutionException e) { // it came after close
                assertThat(e.getCause()).isInstanceOf(IllegalStateException.class);
            }
        }
    }

    @Test
    void closingLetsTheActivationsGo() throws IOException {
        CpuBackend backend = CpuBackend.open(request(Precision.AUTO, List.of(), 0));
        backend.score(PackedBatch.pack(List.of(new int[] {1, 2, 3}), 10).get(0));
        assertThat(backend.activationsFor(0).tokens()).isEqualTo(3);

        backend.close();
        assertThat(backend.activationsFor(0).tokens()).isZero();
    }

    @Test
    void looksTooSmallForWeightsBeyondPhysicalMemory() throws IOException {
        BackendRequest request = request(Precision.AUTO, List.of(), 0);
        long bytes = request.weights().bytes();

        assertThat(new CpuBackendProvider(() -> bytes).check(request).fit())
                .isEqualTo(BackendProvider.Fit.USABLE);
        assertThat(new CpuBackendProvider(() -> bytes - 1).check(request).fit())
                .isEqualTo(BackendProvider.Fit.TOO_SMALL);
        assertThat(new CpuBackendProvider(() -> bytes - 1).check(request).reason())
                .startsWith("the weights take 0.00 GiB but this machine has 0.00 GiB of memory")
                .contains("backend cpu");
    }

    private BackendRequest request(Precision precision, List<Integer> devices, int batchTokens)
            throws IOException {
        BaichuanWeights weights = BaichuanWeights.open(new TinyModel(1).write(directory));
        return new BackendRequest(weights, precision, devices, batchTokens, 1);
    }
}
