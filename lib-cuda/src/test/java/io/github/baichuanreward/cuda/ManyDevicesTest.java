package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.github.baichuanreward.JavaProcess;
import io.github.baichuanreward.LoadOptions;
import io.github.baichuanreward.RewardModel;
import io.github.baichuanreward.Score;
import io.github.baichuanreward.TinyModel;
import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.GpuOptions;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.batch.PackedBatch;
import io.github.baichuanreward.model.BaichuanConfig;
import io.github.baichuanreward.model.BaichuanWeights;
import io.github.baichuanreward.model.RandomModel;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Several fake GPUs, whose number and memory a process is told when it begins. */
@ExtendWith(FakeGpu.class)
@Timeout(240) // what waits for a device that failed would wait for ever
class ManyDevicesTest {

    private static final int LAYERS = 8;

    private static final BaichuanConfig CONFIG =
            new BaichuanConfig(300, 64, 90, LAYERS, 4, 512, 1e-6f);

    private static final BaichuanConfig SMALL = new BaichuanConfig(50, 16, 24, 4, 2, 64, 1e-6f);

    private static final GemmChoice GEMM = new GemmChoice(true, 64, 64);

    private static final int BATCH_TOKENS = 128;

    @TempDir Path directory;

    /** The same model on all kinds of divisions, some of which its small devices force. */
    static final class Divisions {
        private Divisions() {}

        public static void main(String[] args) throws Exception {
            try (RandomModel model = RandomModel.make(CONFIG, 5)) {
                for (Precision precision : List.of(Precision.BFLOAT16, Precision.INT8)) {
                    List<float[]> expected = scores(model, precision, gpus(0));
                    for (GpuOptions gpus :
                            List.of(
                                    GpuOptions.defaults(),
                                    gpus(0, 3),
                                    gpus(0, 3).withLayersPerDevice(List.of(5, 3)),
                                    gpus(3, 0, 4).withLayersPerDevice(List.of(1, 6, 1)),
                                    gpus(0, 3, 4, 5, 0).withLayersPerDevice(List.of(1, 2, 2, 2, 1)),
                                    gpus(0, 3, 4, 5).withLayersPerDevice(List.of(4, 4)),
                                    gpus(1, 2),
                                    gpus(1).withOffload(true),
                                    gpus(2, 1).withLayersPerDevice(List.of(2, 6)).withOffload(true),
                                    gpus(2).withOffload(true))) {
                        List<float[]> found = scores(model, precision, gpus);
                        for (int n = 0; n < found.size(); n++) {
                            assertThat(found.get(n))
                                    .as("%s, %s, batch %d", precision, gpus, n)
                                    .containsExactly(expected.get(n));
                        }
                        FakeGpu.assertNothingLives();
                    }
                }
            }
        }

        private static List<float[]> scores(RandomModel model, Precision precision, GpuOptions gpus)
                throws Exception {
            BackendRequest request =
                    new BackendRequest(model.weights(), precision, gpus, BATCH_TOKENS, 1);
            try (CudaBackend backend = CudaBackend.open(request, GEMM)) {
                System.out.println(backend.description());
                List<CompletableFuture<float[]>> asked = new ArrayList<>();
                for (PackedBatch batch : batches(10)) {
                    asked.add(CompletableFuture.supplyAsync(() -> backend.score(batch)));
                }
                return asked.stream().map(CompletableFuture::join).toList();
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"1", "0"})
    void everyDivisionGivesTheSameBits(String peers) throws Exception {
        ModelMemory halves = ModelMemory.of(CONFIG, GEMM, WeightForm.HALF, BATCH_TOKENS);
        long five = halves.shard(5, true, false) + ModelMemory.RESERVE;
        long four = halves.shard(4, true, true) + ModelMemory.RESERVE;
        List<String> lines =
                run(
                        Divisions.class,
                        Map.of(
                                "FAKE_GPU_DEVICES",
                                "6",
                                "FAKE_GPU_PEERS",
                                peers,
                                "FAKE_GPU_SEED",
                                peers,
                                "FAKE_GPU_MEMORY",
                                "2147483648,%d,%d,2147483648".formatted(five, four)));

        assertThat(lines.get(1)).contains("5 copies of the model on devices 0, 1+2, 3, 4, 5 (");
        assertThat(lines).anyMatch(line -> line.contains("one copy of the model on devices 1+2 "));
        assertThat(lines)
                .anyMatch(line -> line.matches(".*device 2 \\(.*\\), \\d of 8 layers offloaded.*"));
    }

    private static GpuOptions gpus(Integer... devices) {
        return GpuOptions.defaults().withDevices(List.of(devices));
    }

    private static List<PackedBatch> batches(int count) {
        Random random = new Random(count);
        List<PackedBatch> batches = new ArrayList<>();
        for (int n = 0; n < count; n++) {
            List<int[]> sequences = new ArrayList<>();
            for (int s = 0; s <= random.nextInt(3); s++) {
                int length = 1 + random.nextInt(40);
                sequences.add(random.ints(length, 0, CONFIG.vocabulary()).toArray());
            }
            batches.add(PackedBatch.pack(sequences, Integer.MAX_VALUE).get(0));
        }
        return batches;
    }

    /** A device breaks while 1,000 items are computed. */
    static final class BreakingDevice {
        private BreakingDevice() {}

        public static void main(String[] args) throws IOException {
            Path directory = Path.of(args[0]);
            List<int[]> items = new ArrayList<>();
            Random random = new Random(1);
            for (int n = 0; n < 1000; n++) {
                items.add(random.ints(1 + random.nextInt(12), 0, 50).toArray());
            }
            LoadOptions options =
                    LoadOptions.defaults().withBackend("cuda").withBatchTokens(64).withThreads(1);
            List<Float> expected;
            try (RewardModel model = RewardModel.load(directory, options.withDevices(List.of(4)))) {
                expected = model.scoreIds(items).stream().map(Score::reward).toList();
            }
            List<Integer> devices =
                    List.of(args[1].split(",")).stream().map(Integer::valueOf).toList();
            CudaDevice breaking = CudaDevice.open(CudaDevice.properties(1));
            int answered = 0;
            int failed = 0;
            try (RewardModel model =
                    RewardModel.load(
                            directory,
                            options.withDevices(devices).withLayersPerDevice(List.of(1, 1)))) {
                System.out.println(model.backend());
                breaking.within(
                        () -> {
                            FakeGpu.breakAfter(150);
                            return breaking;
                        });
                List<CompletableFuture<Score>> futures = model.scoreIdsAsync(items);
                for (int n = 0; n < futures.size(); n++) {
                    try {
                        assertThat(futures.get(n).join().reward()).isEqualTo(expected.get(n));
                        answered++;
                    } catch (CompletionException e) {
                        assertThat(e.getCause())
                                .isInstanceOf(BackendException.class)
                                .hasMessageContaining("device 1 ");
                        failed++;
                    }
                }
            }
            System.out.printf("%d answered, %d failed%n", answered, failed);
        }
    }

    @Test
    void aDeviceThatBreaksTakesDownItsCopyOnly() throws Exception {
        List<String> lines = breakADevice("0,1,2,3");

        assertThat(lines.get(0)).contains("2 copies of the model on devices 0+1, 2+3 ");
        assertThat(lines.get(1)).isEqualTo("1000 answered, 0 failed");
        assertThat(directory.resolve("errors"))
                .content()
                .contains("one copy of the model is lost, its batches go to the others");
    }

    @Test
    void everyItemIsToldWhereNoCopyIsLeft() throws Exception {
        List<String> lines = breakADevice("0,1");

        int answered = Integer.parseInt(lines.get(1).replaceAll(" .*", ""));
        assertThat(answered).isBetween(1, 999);
        assertThat(lines.get(1))
                .isEqualTo("%d answered, %d failed".formatted(answered, 1000 - answered));
    }

    private List<String> breakADevice(String devices) throws Exception {
        Path model = new TinyModel(1).write(Files.createDirectory(directory.resolve("model")));
        return run(
                BreakingDevice.class, Map.of("FAKE_GPU_DEVICES", "5"), model.toString(), devices);
    }

    /** Each call of the driver fails once: on devices that hand over, or are copies. */
    static final class FailingCalls {
        private FailingCalls() {}

        public static void main(String[] args) throws IOException {
            assertThat(CudaLibraries.cublas((Path) null).problem()).isNull();
            try (RandomModel model = RandomModel.make(SMALL, 5)) {
                GpuOptions gpus =
                        args[0].equals("shards")
                                ? gpus(0, 1).withLayersPerDevice(List.of(2, 2))
                                : gpus(0, 1).withOffload(true);
                failEachCall(model.weights(), gpus);
            }
        }

        private static void failEachCall(BaichuanWeights weights, GpuOptions gpus)
                throws IOException {
            float[] expected = score(weights, gpus);
            Set<String> named = new TreeSet<>();
            int answered = 0;
            int k = 1;
            for (; ; k++) {
                FakeGpu.failCall(k);
                float[][] found = new float[1][];
                Throwable failure = catchThrowable(() -> found[0] = score(weights, gpus));
                long calls = FakeGpu.calls();
                FakeGpu.failCall(0);
                FakeGpu.assertNothingLives();
                if (failure == null) {
                    assertThat(found[0]).as("call %d", k).containsExactly(expected);
                    if (calls < k) {
                        break;
                    }
                    answered++; // by the other copy, or by a model that was divided anew
                    continue;
                }
                assertThat(failure)
                        .as("call %d", k)
                        .isInstanceOf(BackendException.class)
                        .hasMessageContaining("; ");
                named.add(String.valueOf(failure.getMessage()).replaceAll(".*: (cu\\w+).*", "$1"));
                if (k % 16 == 0) {
                    assertThat(score(weights, gpus)).containsExactly(expected);
                }
            }
            System.out.printf("%d calls of %s, %d answered%n", k - 1, named, answered);
        }

        private static float[] score(BaichuanWeights weights, GpuOptions gpus) throws IOException {
            BackendRequest request = new BackendRequest(weights, Precision.AUTO, gpus, 40, 1);
            try (CudaBackend backend = CudaBackend.open(request, GEMM)) {
                int[] ids = {1, 2, 3, 4, 5, 6, 7, 49};
                PackedBatch batch = PackedBatch.pack(List.of(ids, new int[] {9}), 100).get(0);
                backend.score(batch);
                return backend.score(batch);
            }
        }
    }

    @Test
    void everyCallThatFailsIsSaidAndLeavesNothing() throws Exception {
        List<String> lines = run(FailingCalls.class, Map.of("FAKE_GPU_DEVICES", "2"), "shards");

        assertThat(lines.get(0))
                .contains("cuMemcpyPeerAsync", "cuEventCreate", "cuEventRecord")
                .contains("cuStreamWaitEvent", "cuEventSynchronize", "cuEventDestroy")
                .contains("cuDeviceCanAccessPeer", "cuCtxEnablePeerAccess")
                .doesNotContain("cuMemAlloc,"); // which is tried once more
    }

    /** What fails while a batch is computed, the other copy makes good. */
    @Test
    void everyCallThatFailsBesideAnOffloadingCopyIsMadeGoodOrSaid() throws Exception {
        ModelMemory halves = ModelMemory.of(SMALL, GEMM, WeightForm.HALF, 40);
        long small = halves.shard(ModelMemory.STREAMING, true, true) + ModelMemory.RESERVE;
        List<String> lines =
                run(
                        FailingCalls.class,
                        Map.of(
                                "FAKE_GPU_DEVICES",
                                "2",
                                "FAKE_GPU_MEMORY",
                                "%d,%d".formatted(small, small)),
                        "offload");

        assertThat(lines.get(0))
                .contains("cuMemcpyHtoDAsync", "cuMemGetInfo")
                .doesNotContain("cuMemcpyPeerAsync", "cuMemAlloc")
                .doesNotContain("cuStreamWaitEvent") // only batches wait
                .matches(".*, [1-9]\\d+ answered");
    }

    /** A copy has no memory for a sequence, and another has. */
    static final class LongSequence {
        private LongSequence() {}

        public static void main(String[] args) throws IOException {
            int[] ids = new Random(1).ints(400, 0, SMALL.vocabulary()).toArray();
            PackedBatch longer = PackedBatch.pack(List.of(ids), Integer.MAX_VALUE).get(0);
            PackedBatch usual = PackedBatch.pack(List.of(new int[] {1, 2}), 100).get(0);
            assertThat(CudaLibraries.driver().problem()).isNull();
            assertThat(CudaDevice.initialize()).isZero();
            CudaDevice full = CudaDevice.open(CudaDevice.properties(0));
            try (RandomModel model = RandomModel.make(SMALL, 5)) {
                float expected = score(model, full, gpus(1), longer, usual);
                assertThat(score(model, full, gpus(0, 1), longer, usual)).isEqualTo(expected);
                Throwable refused = catchThrowable(() -> score(model, full, gpus(0), longer));
                System.out.println(refused.getMessage());
            } finally {
                full.close();
            }
        }

        private static float score(
                RandomModel model, CudaDevice full, GpuOptions gpus, PackedBatch... batches)
                throws IOException {
            BackendRequest request =
                    new BackendRequest(model.weights(), Precision.AUTO, gpus, 40, 1);
            try (CudaBackend backend = CudaBackend.open(request, GEMM)) {
                leaveFree(full, 4096);
                float first = backend.score(batches[0])[0];
                for (int n = 1; n < batches.length; n++) {
                    assertThat(backend.score(batches[n])[0]).isFinite();
                }
                assertThat(backend.copies()).allMatch(copy -> copy.failure() == null);
                return first;
            } finally {
                leaveFree(full, 0);
            }
        }

        private static void leaveFree(CudaDevice device, long bytes) {
            device.within(
                    () -> {
                        FakeGpu.freeMemory(bytes);
                        return device;
                    });
        }
    }

    @Test
    void aSequenceThatIsTooLongForOneCopyGoesToAnother() throws Exception {
        List<String> lines = run(LongSequence.class, Map.of("FAKE_GPU_DEVICES", "2"));

        assertThat(lines.get(0)).contains("device 0 ", "CUDA_ERROR_OUT_OF_MEMORY");
    }

    private List<String> run(Class<?> program, Map<String, String> environment, String... args)
            throws Exception {
        ProcessBuilder builder = JavaProcess.of(List.of(), program, args);
        builder.environment().putAll(environment);
        Path errors = directory.resolve("errors");
        builder.redirectError(errors.toFile());
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output + Files.readString(errors)).isZero();
        return output.lines().toList();
    }
}
