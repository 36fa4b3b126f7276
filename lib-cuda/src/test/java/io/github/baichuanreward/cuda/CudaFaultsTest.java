package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.github.baichuanreward.TinyModel;
import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.batch.PackedBatch;
import io.github.baichuanreward.model.BaichuanWeights;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Lets every call of the driver and of cuBLAS fail once while a model is loaded, scores and goes.
 */
@ExtendWith(FakeGpu.class)
class CudaFaultsTest {

    private static final int MOST_CALLS = 2000;

    @TempDir Path directory;

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void everyCallThatFailsIsSaidAndLeavesNothing(boolean cublas) throws IOException {
        BaichuanWeights weights = BaichuanWeights.open(new TinyModel(3).write(directory));
        GemmChoice gemm = cublas ? new GemmChoice(true, 64, 64) : GemmChoice.kernels();
        float[] expected = run(weights, gemm);
        List<String> silent = new ArrayList<>();
        Set<String> named = new TreeSet<>();
        int k = 1;
        for (; k < MOST_CALLS; k++) {
            FakeGpu.failCall(k);
            Throwable failure = catchThrowable(() -> run(weights, gemm));
            long calls = FakeGpu.calls();
            FakeGpu.failCall(0);
            if (calls < k) {
                assertThat(failure).isNull();
                break;
            }
            FakeGpu.assertNothingLives();
            if (failure == null) {
                silent.add("call " + k);
                continue;
            }
            assertThat(failure)
                    .as("call %d", k)
                    .isInstanceOf(BackendException.class)
                    .hasMessageMatching(
                            "cuda: (driver|device 0.*): cu[A-Za-z0-9]+.*:"
                                    + " (CUDA_ERROR|CUBLAS_STATUS)_[A-Z_]+; .*");
            assertThat(failure.getSuppressed()).as("after call %d: %s", k, failure).isEmpty();
            named.add(String.valueOf(failure.getMessage()).replaceAll(".*: (cu\\w+).*", "$1"));
            if (k % 16 == 0) {
                assertThat(run(weights, gemm)).containsExactly(expected);
            }
        }
        assertThat(silent).isEmpty();
        assertThat(k).isBetween(50, MOST_CALLS - 1);
        assertThat(run(weights, gemm)).containsExactly(expected);
        System.out.printf("%d calls of %s%n", k - 1, named);
    }

    private static float[] run(BaichuanWeights weights, GemmChoice gemm) throws IOException {
        BackendRequest request = new BackendRequest(weights, Precision.AUTO, List.of(), 40, 1);
        try (CudaBackend backend = CudaBackend.open(request, gemm)) {
            int[] ids = {1, 2, 3, 4, 5, 6, 7, 49};
            PackedBatch batch = PackedBatch.pack(List.of(ids, new int[] {9}), 100).get(0);
            return backend.score(batch);
        }
    }
}
