package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.github.baichuanreward.backend.Backend;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.batch.PackedBatch;
import io.github.baichuanreward.model.BaichuanConfig;
import io.github.baichuanreward.model.RandomModel;
import java.io.IOException;
import java.util.ArrayList;
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
                    for (int n = 0; n < LENGTHS.length; n++) {
                        order.add(n);
                    }
                }
                Collections.shuffle(order, random);
                assertThat(score(backend, order.stream().map(sequences::get).toList()))
                        .as("%s, order %s", backend.description(), order)
                        .isEqualTo(order.stream().map(alone::get).toList());
            }
        }
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
