package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.GpuOptions;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.batch.PackedBatch;
import io.github.baichuanreward.model.BaichuanConfig;
import io.github.baichuanreward.model.RandomModel;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** However a model is divided, its rewards have the same bits; on one GPU, listed many times. */
@ExtendWith(Gpu.class)
class ShardedGpuTest {

    private static final int LAYERS = 5;

    private static final BaichuanConfig CONFIG =
            new BaichuanConfig(300, 64, 88, LAYERS, 4, 512, 1e-6f);

    @ParameterizedTest
    @CsvSource({
        "2 copies,       0 0,         '',          AUTO",
        "2 shards,       0 0,         3 2,         AUTO",
        "3 shards,       0 0 0,       1 3 1,       AUTO",
        "5 shards,       0 0 0 0 0,   1 1 1 1 1,   AUTO",
        "2 x 2,          0 0 0 0,     2 3,         AUTO",
        "2 x 2 in int8,  0 0 0 0,     2 3,         INT8",
        "3 copies int8,  0 0 0,       '',          INT8",
    })
    void everyDivisionGivesTheSameBits(
            String name, String devices, String layers, Precision precision) throws Exception {
        try (RandomModel model = RandomModel.make(CONFIG, 5)) {
            List<PackedBatch> batches = batches(16);
            List<float[]> expected = scores(model, GpuOptions.defaults(), precision, batches, 1);
            GpuOptions gpus =
                    GpuOptions.defaults()
                            .withDevices(numbers(devices))
                            .withLayersPerDevice(numbers(layers));

            List<float[]> found = scores(model, gpus, precision, batches, 8);
            for (int n = 0; n < batches.size(); n++) {
                assertThat(found.get(n))
                        .as("%s, batch %d", name, n)
                        .containsExactly(expected.get(n));
            }
        }
    }

    /** A single sequence may be longer than what shards have room for. */
    @Test
    void shardsMakeRoomForALongSequenceTogether() throws Exception {
        try (RandomModel model = RandomModel.make(CONFIG, 5)) {
            List<PackedBatch> batches = new ArrayList<>(batches(6));
            batches.add(3, batch(new Random(1), 3000));
            batches.addAll(batches(6));
            GpuOptions gpus =
                    GpuOptions.defaults()
                            .withDevices(List.of(0, 0))
                            .withLayersPerDevice(List.of(2, 3));
            List<float[]> expected =
                    scores(model, GpuOptions.defaults(), Precision.AUTO, batches, 1);

            List<float[]> found = scores(model, gpus, Precision.AUTO, batches, 6);
            for (int n = 0; n < batches.size(); n++) {
                assertThat(found.get(n)).as("batch %d", n).containsExactly(expected.get(n));
            }
        }
    }

    private static List<float[]> scores(
            RandomModel model,
            GpuOptions gpus,
            Precision precision,
            List<PackedBatch> batches,
            int threads)
            throws IOException {
        BackendRequest request = new BackendRequest(model.weights(), precision, gpus, 256, 2);
        ExecutorService callers = Executors.newFixedThreadPool(threads);
        try (CudaBackend backend = CudaBackend.open(request, new GemmChoice(true, 256, 64))) {
            assertThat(backend.concurrency()).isEqualTo(concurrency(gpus));
            List<CompletableFuture<float[]>> asked =
                    batches.stream()
                            .map(
                                    batch ->
                                            CompletableFuture.supplyAsync(
                                                    () -> backend.score(batch), callers))
                            .toList();
            return asked.stream().map(CompletableFuture::join).toList();
        } finally {
            callers.shutdown();
        }
    }

    private static int concurrency(GpuOptions gpus) {
        int devices = Math.max(1, gpus.devices().size());
        int shards = Math.max(1, gpus.layersPerDevice().size());
        return devices / shards * (shards == 1 ? 1 : shards + 1);
    }

    private static List<PackedBatch> batches(int count) {
        Random random = new Random(count);
        List<PackedBatch> batches = new ArrayList<>();
        for (int n = 0; n < count; n++) {
            int[] lengths = random.ints(1 + random.nextInt(4), 1, 60).toArray();
            batches.add(batch(random, lengths));
        }
        return batches;
    }

    private static PackedBatch batch(Random random, int... lengths) {
        List<int[]> sequences = new ArrayList<>();
        for (int length : lengths) {
            sequences.add(random.ints(length, 0, CONFIG.vocabulary()).toArray());
        }
        return PackedBatch.pack(sequences, Integer.MAX_VALUE).get(0);
    }

    private static List<Integer> numbers(String text) {
        return text.isBlank()
                ? Collections.emptyList()
                : List.of(text.trim().split(" ")).stream().map(Integer::valueOf).toList();
    }
}
