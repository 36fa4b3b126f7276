package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.github.baichuanreward.backend.Backend;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.batch.BatchPlanner;
import io.github.baichuanreward.batch.PackedBatch;
import io.github.baichuanreward.model.BaichuanConfig;
import io.github.baichuanreward.model.RandomModel;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The same bits alone, in any batch and any order, at the width of Baichuan-13B, where a real
 * cuBLAS has many ways to divide a product. {@link BackendGpuTest} asks the same of small models.
 */
@ExtendWith(Gpu.class)
class InvarianceGpuTest {

    private static final BaichuanConfig TWO_LAYERS =
            new BaichuanConfig(1000, 5120, 13_696, 2, 40, 4096, 1e-6f);

    private static final int[] LENGTHS = {1, 2, 17, 128, 129, 500, 700, 1024, 1500};

    @ParameterizedTest
    @CsvSource({"BFLOAT16, true", "FLOAT16, true", "BFLOAT16, false"})
    void rewardsKeepTheirBitsAtFullWidth(Precision precision, boolean cublas) throws IOException {
        assumeFalse(Gpu.isFake(), "products of this width take minutes on the fake GPU");
        Random random = new Random(3);
        List<int[]> sequences = new ArrayList<>();
        for (int length : LENGTHS) {
            sequences.add(random.ints(length, 0, TWO_LAYERS.vocabulary()).toArray());
        }
        int[] prompt = random.ints(515, 0, TWO_LAYERS.vocabulary()).toArray();
        for (int answer = 1; answer <= 6; answer++) {
            int[] ids = Arrays.copyOf(prompt, prompt.length + 30 * answer);
            Arrays.setAll(ids, t -> t < prompt.length ? ids[t] : random.nextInt(1000));
            sequences.add(ids);
        }
        GemmChoice choice = cublas ? GemmChoice.cublasInBlocks() : GemmChoice.kernels();
        try (RandomModel model = RandomModel.make(TWO_LAYERS, 5);
                Backend backend =
                        CudaBackend.open(
                                new BackendRequest(model.weights(), precision, List.of(), 0, 0),
                                choice)) {
            List<Float> alone = new ArrayList<>();
            for (int[] sequence : sequences) {
                alone.add(score(backend, List.of(sequence)).get(0));
            }
            for (int round = 0; round < 20; round++) {
                List<Integer> order = new ArrayList<>();
                for (int copy = 0; copy <= round % 3; copy++) {
                    for (int n = 0; n < sequences.size(); n++) {
                        order.add(n);
                    }
                }
                Collections.shuffle(order, random);
                List<int[]> shuffled = order.stream().map(sequences::get).toList();
                List<Float> expected = order.stream().map(alone::get).toList();
                assertThat(score(backend, shuffled))
                        .as("%s, order %s", backend.description(), order)
                        .isEqualTo(expected);
                assertThat(scoreSharing(backend, shuffled))
                        .as("%s, prefixes shared, order %s", backend.description(), order)
                        .isEqualTo(expected);
            }
        }
    }

    private static List<Float> scoreSharing(Backend backend, List<int[]> sequences) {
        PackedBatch batch = BatchPlanner.next(sequences, Integer.MAX_VALUE, Integer.MAX_VALUE);
        assertThat(batch.segments().size()).isGreaterThan(batch.sequences());
        float[] rewards = new float[sequences.size()];
        batch.scatter(rewards, backend.score(batch));
        List<Float> list = new ArrayList<>();
        for (float reward : rewards) {
            list.add(reward);
        }
        return list;
    }

    private static List<Float> score(Backend backend, List<int[]> sequences) {
        PackedBatch batch = PackedBatch.pack(sequences, Integer.MAX_VALUE).get(0);
        List<Float> rewards = new ArrayList<>();
        for (float reward : backend.score(batch)) {
            rewards.add(reward);
        }
        return rewards;
    }
}
