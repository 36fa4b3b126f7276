package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.baichuanreward.TinyModel;
import io.github.baichuanreward.backend.Backend;
import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.backend.BackendProvider.Fit;
import io.github.baichuanreward.backend.BackendProvider.Suitability;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.batch.PackedBatch;
import io.github.baichuanreward.checkpoint.DType;
import io.github.baichuanreward.model.BaichuanWeights;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import jcuda.CudaException;
import jcuda.driver.CUdevice;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import jcuda.jcublas.JCublas2;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a request may not ask for, what a device may not hold, and what comes after a failure. */
@ExtendWith(FakeGpu.class)
class CudaLimitsTest {

    private static final GemmChoice GEMM = new GemmChoice(true, 64, 64);

    @TempDir Path directory;

    @Test
    void autoTakesTheCheckpointsHalfType() throws IOException {
        for (DType stored : List.of(DType.FLOAT32, DType.BFLOAT16, DType.FLOAT16)) {
            BackendRequest request =
                    request(new TinyModel(1).type(stored), Precision.AUTO, List.of(), 0);
            assertThat(Placement.half(request))
                    .isEqualTo(stored == DType.FLOAT16 ? DType.FLOAT16 : DType.BFLOAT16);
        }
    }

    /** Adapters are often float32, and have more matrices than the model has. */
    @Test
    void autoDoesNotCountAdapters() throws IOException {
        TinyModel model = new TinyModel(1).type(DType.FLOAT16);
        String[] modules = new String[10];
        for (int n = 0; n < modules.length; n++) {
            String part =
                    List.of(
                                    "self_attn.W_pack",
                                    "self_attn.o_proj",
                                    "mlp.gate_proj",
                                    "mlp.up_proj",
                                    "mlp.down_proj")
                            .get(n % 5);
            modules[n] = "model.layers." + n / 5 + "." + part;
        }
        Path adapter = Files.createDirectory(directory.resolve("adapter"));
        TinyModel.writeAdapter(adapter, 2, 3, 0, model, modules);
        BaichuanWeights weights = BaichuanWeights.open(model.write(directory), List.of(adapter));
        assertThat(Placement.half(new BackendRequest(weights, Precision.AUTO, List.of(), 0, 1)))
                .isEqualTo(DType.FLOAT16);
    }

    /** What an application has told JCuda stays, and does not change what this library says. */
    @Test
    void leavesJCudasExceptionsAsTheApplicationWantsThem() throws IOException {
        JCudaDriver.setExceptionsEnabled(true);
        JCublas2.setExceptionsEnabled(true);
        try {
            assertRefused(
                    request(Precision.AUTO, List.of(3), 0),
                    DeviceChoice.missing(3, 1, System.getenv()));
            CudaBackend.open(request(Precision.AUTO, List.of(), 0), GEMM).close();
            FakeGpu.failCall(10);
            assertThatThrownBy(() -> CudaBackend.open(request(Precision.AUTO, List.of(), 0), GEMM))
                    .isInstanceOf(BackendException.class)
                    .hasMessageContaining("CUDA_ERROR_UNKNOWN; load the model again");
            FakeGpu.failCall(0);
            assertThatThrownBy(() -> JCudaDriver.cuDeviceGet(new CUdevice(), 99))
                    .isInstanceOf(CudaException.class);
        } finally {
            JCudaDriver.setExceptionsEnabled(false);
            JCublas2.setExceptionsEnabled(false);
        }
    }

    @Test
    void saysWhatItRunsOn() throws IOException {
        BackendRequest request = request(Precision.AUTO, List.of(0), 0);
        try (Backend backend = new CudaBackendProvider().open(request)) {
            assertThat(backend.description())
                    .matches(
                            "cuda: device 0 \\(Fake GPU 9.0\\), bfloat16, cuBLAS 12\\.\\d+ in blocks of"
                                    + " 1024 rows, kernels (sm_90.cubin|compute_80.ptx)");
            assertThat(backend.batchTokens()).isEqualTo(4096);
        }
    }

    @Test
    void refusesPrecisionsThatItDoesNotHave() throws IOException {
        assertRefused(
                request(Precision.FLOAT32, List.of(), 0),
                "precision float32 is not available; use auto, bfloat16, float16 or int8, or --backend"
                        + " cpu");
    }

    @Test
    void refusesDevicesThatAreNotThere() throws IOException {
        assertRefused(
                request(Precision.AUTO, List.of(0, 1), 0),
                DeviceChoice.missing(1, 1, System.getenv()));
        assertRefused(
                request(Precision.AUTO, List.of(3), 0),
                DeviceChoice.missing(3, 1, System.getenv()));
    }

    @Test
    void refusesSizesThatItsKernelsCannotCompute() throws IOException {
        assertRefused(
                request(sized(20, 2), Precision.AUTO, List.of(), 0),
                "hidden_size 20 is not divisible by 8, which its kernels need; use --backend cpu");
        assertRefused(
                request(sized(136, 1), Precision.AUTO, List.of(), 0),
                "heads of 136 are wider than 128, the most that its kernels take; use --backend cpu");
    }

    @Test
    void refusesBatchesThatItCannotCount() throws IOException {
        assertRefused(
                request(Precision.AUTO, List.of(), 1 << 25),
                "33554432 tokens in a batch; this model allows at most 16777216");
    }

    @Test
    void isTooSmallForBatchesBeyondItsMemory() throws IOException {
        BackendRequest request = request(Precision.AUTO, List.of(), 4_000_000);
        Suitability suitability = new CudaBackendProvider().check(request);

        assertThat(suitability.fit()).isEqualTo(Fit.TOO_SMALL);
        assertThat(suitability.reason())
                .matches(
                        "device 0 \\(Fake GPU 9.0\\) is too small: 0.00 GiB of weights, \\d.\\d\\d GiB"
                                + " for batches of 4000000 tokens and 0.53 GiB for CUDA itself make"
                                + " \\d.\\d\\d GiB, but it has 2.00 GiB; lower the batch tokens to"
                                + " \\d+ \\(--batch_tokens\\), or use a larger GPU, or more of them");
        String tokens = suitability.reason().replaceAll(".*batch tokens to (\\d+).*", "$1");
        BackendRequest lower = request(Precision.AUTO, List.of(), Integer.parseInt(tokens));
        assertThat(new CudaBackendProvider().check(lower).fit()).isEqualTo(Fit.USABLE);
        assertThatThrownBy(() -> CudaBackend.open(request))
                .isInstanceOf(BackendException.class)
                .hasMessageContaining("lower the batch tokens to");
    }

    /** Others may use the device, which only shows when it is taken into use. */
    @Test
    void saysHowMuchIsFree() throws IOException {
        CudaDevice other = CudaDevice.open(CudaDevice.properties(0));
        try {
            other.within(() -> free(10 << 20));
            assertThatThrownBy(() -> CudaBackend.open(request(Precision.AUTO, List.of(), 0)))
                    .isInstanceOf(BackendException.class)
                    .hasMessageContaining(
                            "of 2.00 GiB of device 0 (Fake GPU 9.0) only 0.01 GiB are free now")
                    .hasMessageContaining("end what else uses it");
            other.within(() -> free(100 << 20));
            assertThatThrownBy(() -> CudaBackend.open(request(Precision.AUTO, List.of(), 100_000)))
                    .isInstanceOf(BackendException.class)
                    .hasMessageContaining("only 0.10 GiB are free now");
        } finally {
            other.within(() -> free(0));
            other.close();
        }
    }

    @Test
    void computesWhatItTakesBeforeItLoadsAnything() throws IOException {
        BackendRequest request = request(Precision.AUTO, List.of(), 0);
        CudaDevice other = CudaDevice.open(CudaDevice.properties(0));
        long copied = FakeGpu.copiedBytes();
        long allocated = FakeGpu.allocatedBytes();
        try {
            other.within(() -> free(32 << 20));
            assertThatThrownBy(() -> CudaBackend.open(request, GemmChoice.kernels()))
                    .isInstanceOf(BackendException.class)
                    .hasMessageContaining("only 0.03 GiB are free now");
            assertThat(FakeGpu.allocatedBytes()).as("bytes allocated").isEqualTo(allocated);
            assertThat(FakeGpu.copiedBytes()).as("bytes copied").isEqualTo(copied);
            other.within(() -> free(0));
            CudaBackend.open(request, GemmChoice.kernels()).close();
            assertThat(FakeGpu.allocatedBytes()).as("counts").isGreaterThan(allocated);
            assertThat(FakeGpu.copiedBytes()).as("counts").isGreaterThan(copied);
        } finally {
            other.within(() -> free(0));
            other.close();
        }
    }

    @ParameterizedTest
    @ValueSource(
            ints = {
                CUresult.CUDA_ERROR_INVALID_IMAGE,
                CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU,
                CUresult.CUDA_ERROR_UNSUPPORTED_PTX_VERSION
            })
    void takesThePtxWhereTheDriverRefusesMachineCode(int code) throws IOException {
        BackendRequest request = request(Precision.AUTO, List.of(), 0);
        FakeGpu.refuseImages(code, 0);
        try (Backend backend = CudaBackend.open(request, GEMM)) {
            assertThat(backend.description()).endsWith(", kernels compute_80.ptx");
            assertThat(backend.score(PackedBatch.pack(List.of(new int[] {1}), 8).get(0))[0])
                    .isFinite();
        }
    }

    @ParameterizedTest
    @ValueSource(
            ints = {CUresult.CUDA_ERROR_INVALID_PTX, CUresult.CUDA_ERROR_UNSUPPORTED_PTX_VERSION})
    void saysWhyTheDriverTakesNoImage(int code) throws IOException {
        BackendRequest request = request(Precision.AUTO, List.of(), 0);
        boolean cubins = KernelImages.read("sm_90.cubin") != null;
        FakeGpu.refuseImages(CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU, code);

        assertThatThrownBy(() -> CudaBackend.open(request, GEMM))
                .isInstanceOf(BackendException.class)
                .hasMessage(
                        ("cuda: device 0 (Fake GPU 9.0): kernels: sm_90.cubin: %s, compute_80.ptx:"
                                        + " %s; install a newer NVIDIA driver, or use --backend"
                                        + " cpu")
                                .formatted(
                                        cubins ? "CUDA_ERROR_NO_BINARY_FOR_GPU" : "not in the jar",
                                        Cuda.errorName(code)));
    }

    private static CudaDevice device(CudaBackend backend) {
        return backend.copies().get(0).shards().get(0).device();
    }

    private static int free(long bytes) {
        FakeGpu.freeMemory(bytes);
        return 0;
    }

    @Test
    void takesASequenceLongerThanItsBatches() throws IOException {
        BackendRequest small = request(Precision.AUTO, List.of(), 8);
        BackendRequest large = request(Precision.AUTO, List.of(), 1000);
        PackedBatch batch = PackedBatch.pack(List.of(new int[700], new int[] {1}), 1 << 20).get(0);
        try (Backend one = CudaBackend.open(small, GEMM);
                Backend other = CudaBackend.open(large, GEMM)) {
            PackedBatch little = PackedBatch.pack(List.of(new int[] {1}), 8).get(0);
            float before = one.score(little)[0];
            assertThat(one.score(batch)).containsExactly(other.score(batch));
            assertThat(one.score(little)).containsExactly(before);
        }
    }

    @Test
    void goesOnAfterASequenceForWhichThereIsNoMemory() throws IOException {
        PackedBatch little = PackedBatch.pack(List.of(new int[] {1}), 8).get(0);
        PackedBatch large = PackedBatch.pack(List.of(new int[60_000]), 1 << 20).get(0);
        try (CudaBackend backend = CudaBackend.open(request(Precision.AUTO, List.of(), 0), GEMM)) {
            float expected = backend.score(little)[0];
            device(backend).within(() -> free(8 << 20));
            try {
                assertThatThrownBy(() -> backend.score(large))
                        .isInstanceOf(BackendException.class)
                        .hasMessageContaining(
                                "for batches of 60032 rows: CUDA_ERROR_OUT_OF_MEMORY; ")
                        // those 8, and the room for smaller batches
                        .hasMessageContaining("10 MiB free of 2048");
            } finally {
                device(backend).within(() -> free(0));
            }
            assertThat(backend.score(little)).containsExactly(expected);
        }
    }

    /** A single sequence may be longer than batches should be, but not beyond all counting. */
    @Test
    void goesOnAfterASequenceThatItCannotCount() throws IOException {
        PackedBatch little = PackedBatch.pack(List.of(new int[] {1}), 8).get(0);
        PackedBatch large = PackedBatch.pack(List.of(new int[(1 << 24) + 1]), 8).get(0);
        try (CudaBackend backend = CudaBackend.open(request(Precision.AUTO, List.of(), 0), GEMM)) {
            float expected = backend.score(little)[0];
            assertThatThrownBy(() -> backend.score(large))
                    .isInstanceOf(BackendException.class)
                    .hasMessage(
                            "cuda: 16777217 tokens in a batch; this model allows at most 16777216");
            assertThat(backend.score(little)).containsExactly(expected);
        }
    }

    @Test
    void memoryOfTheHostIsNotTheDevices() {
        Cuda cuda = new Cuda("device 0");
        String call = Cuda.HOST_MEMORY + " of 640 MiB";

        assertThatThrownBy(() -> cuda.driver(call, () -> CUresult.CUDA_ERROR_OUT_OF_MEMORY))
                .isInstanceOf(DeviceMemoryException.class)
                .hasMessageStartingWith(
                        "cuda: device 0: cuMemAllocHost of 640 MiB: CUDA_ERROR_OUT_OF_MEMORY; free"
                                + " memory of the host");
        assertThatThrownBy(() -> cuda.driver("cuMemAlloc", () -> CUresult.CUDA_ERROR_OUT_OF_MEMORY))
                .hasMessageContaining("lower the batch tokens");
    }

    @Test
    void isNotUsedAfterClose() throws IOException {
        Backend backend = CudaBackend.open(request(Precision.AUTO, List.of(), 0), GEMM);
        PackedBatch batch = PackedBatch.pack(List.of(new int[] {1}), 8).get(0);
        backend.close();

        assertThatThrownBy(() -> backend.score(batch))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("cuda: this backend is closed");
    }

    @Test
    void isNotUsedAfterAFailureButLoadsAgain() throws IOException {
        BackendRequest request = request(Precision.AUTO, List.of(), 0);
        PackedBatch batch = PackedBatch.pack(List.of(new int[] {1, 2, 3}), 8).get(0);
        float[] expected;
        try (Backend backend = CudaBackend.open(request, GEMM)) {
            expected = backend.score(batch);
            FakeGpu.failCall(4);
            assertThatThrownBy(() -> backend.score(batch)).isInstanceOf(BackendException.class);
            assertThatThrownBy(() -> backend.score(batch))
                    .isInstanceOf(BackendException.class)
                    .hasMessageMatching(
                            "cuda: this backend has failed before, and is to be closed: device 0"
                                    + " \\(Fake GPU 9.0\\): \\w+.*: CUDA_ERROR_UNKNOWN; load the model"
                                    + " again");
        }
        try (Backend backend = CudaBackend.open(request, GEMM)) {
            assertThat(backend.score(batch)).containsExactly(expected);
        }
    }

    /** Threads take turns, and none is left with a device that is gone. */
    @Test
    void scoresForManyThreads() throws Exception {
        PackedBatch batch =
                PackedBatch.pack(Collections.nCopies(9, new int[] {1, 2, 3}), 1 << 10).get(0);
        try (Backend backend = CudaBackend.open(request(Precision.AUTO, List.of(), 0), GEMM)) {
            float expected = backend.score(batch)[0];
            List<CompletableFuture<float[]>> rewards =
                    Collections.nCopies(6, batch).stream()
                            .map(one -> CompletableFuture.supplyAsync(() -> backend.score(one)))
                            .toList();
            for (CompletableFuture<float[]> reward : rewards) {
                assertThat(reward.get()).containsOnly(expected);
            }
        }
    }

    private void assertRefused(BackendRequest request, String reason) {
        Fit fit = request.gpus().devices().isEmpty() ? Fit.ABSENT : Fit.REFUSED;
        assertThat(new CudaBackendProvider().check(request))
                .isEqualTo(new Suitability(fit, reason));
        assertThatThrownBy(() -> CudaBackend.open(request))
                .isInstanceOf(BackendException.class)
                .hasMessage("cuda: " + reason);
    }

    private static TinyModel sized(int hidden, int heads) {
        TinyModel model =
                new TinyModel(1)
                        .config("hidden_size", hidden)
                        .config("num_attention_heads", heads)
                        .tensor("model.embed_tokens.weight", 50, hidden)
                        .tensor("model.norm.weight", hidden)
                        .tensor("v_head.summary.weight", 1, hidden);
        for (int n = 0; n < 2; n++) {
            String layer = "model.layers." + n + ".";
            model.tensor(layer + "input_layernorm.weight", hidden)
                    .tensor(layer + "self_attn.W_pack.weight", 3L * hidden, hidden)
                    .tensor(layer + "self_attn.o_proj.weight", hidden, hidden)
                    .tensor(layer + "post_attention_layernorm.weight", hidden)
                    .tensor(layer + "mlp.gate_proj.weight", 40, hidden)
                    .tensor(layer + "mlp.up_proj.weight", 40, hidden)
                    .tensor(layer + "mlp.down_proj.weight", hidden, 40);
        }
        return model;
    }

    private BackendRequest request(Precision precision, List<Integer> devices, int batchTokens)
            throws IOException {
        return request(new TinyModel(1), precision, devices, batchTokens);
    }

    private BackendRequest request(
            TinyModel model, Precision precision, List<Integer> devices, int batchTokens)
            throws IOException {
        BaichuanWeights weights = BaichuanWeights.open(model.write(directory));
        return new BackendRequest(weights, precision, devices, batchTokens, 2);
    }
}
