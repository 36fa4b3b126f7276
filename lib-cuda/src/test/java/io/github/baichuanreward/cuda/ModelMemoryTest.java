package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.model.BaichuanConfig;
import org.junit.jupiter.api.Test;

class ModelMemoryTest {

    static final BaichuanConfig BAICHUAN_13B =
            new BaichuanConfig(64_000, 5120, 13_696, 40, 40, 4096, 1e-6f);

    private static final GemmChoice CUBLAS = GemmChoice.cublasInBlocks();

    @Test
    void countsTheWeightsOf13B() {
        long projections = 4L * 5120 * 5120 + 3L * 5120 * 13_696;
        long halves = 64_000L * 5120 + 40 * (2 * 5120 + projections) + 5120;
        long scales = 40 * (3 * 5120 + 5120 + 2 * 13_696 + 5120);

        assertThat(memory(WeightForm.HALF).weights()).isBetween(2 * halves, 2 * halves + 100_000);
        assertThat(memory(WeightForm.INT8).weights())
                .isBetween(
                        2 * halves - 40 * projections + 4 * scales,
                        2 * halves - 40 * projections + 4 * scales + 100_000);
    }

    @Test
    void countsAPlaceForTheLargestWeightInHalves() {
        long largest = 2L * 13_696 * 5120 * 2;

        assertThat(memory(WeightForm.INT8).workspace() - memory(WeightForm.HALF).workspace())
                .isEqualTo(largest);
    }

    @Test
    void saysWhatGoesWhere() {
        assertThat(memory(WeightForm.HALF).numbers())
                .isEqualTo(
                        "24.10 GiB of weights, 0.59 GiB for batches of 4096 tokens and 0.53 GiB for"
                                + " CUDA itself make 25.22 GiB");
    }

    @Test
    void shardsTogetherAreTheWhole() {
        ModelMemory memory = memory(WeightForm.HALF);
        long first = memory.shard(20, true, false);
        long second = memory.shard(20, false, false);

        assertThat(first - second).isEqualTo(memory.embedding());
        assertThat(first + second)
                .isEqualTo(
                        memory.weights()
                                + memory.ends()
                                + 2 * (memory.activations() + memory.handover())
                                + 2 * memory.workspace());
        assertThat(memory.fitting(first, true, false)).isEqualTo(20);
        assertThat(memory.fitting(first - 1, true, false)).isEqualTo(19);
        assertThat(memory.fitting(1 << 20, true, true)).isEqualTo(-1);
    }

    /** Layers of a few bytes, in batches of which billions would be needed to make them fit. */
    @Test
    void howEverMuchIsMissingNothingFits() {
        ModelMemory memory = new ModelMemory(4, 8, 0, 0, 8L << 32, 0, 0, 1 << 24);

        assertThat(memory.fitting(0, true, true)).isEqualTo(-1);
        assertThat(memory.fitting(-(20L << 30), true, true)).isEqualTo(-1);
        assertThat(memory.fitting(8L << 40, true, true)).isEqualTo(4);
    }

    @Test
    void roomIsWholeBlocks() {
        assertThat(CUBLAS.room(1)).isEqualTo(1024);
        assertThat(CUBLAS.room(1024)).isEqualTo(1024);
        assertThat(CUBLAS.room(1025)).isEqualTo(2048);
        assertThat(GemmChoice.kernels().room(7)).isEqualTo(7);
    }

    @Test
    void oddSizesAreFilledUp() {
        BaichuanConfig odd = new BaichuanConfig(400, 120, 323, 2, 6, 100, 1e-6f);

        assertThat(PaddedSizes.of(odd)).isEqualTo(new PaddedSizes(120, 6, 24, 328));
        assertThat(PaddedSizes.of(odd).attention()).isEqualTo(144);
        assertThat(PaddedSizes.problem(odd)).isNull();
        assertThat(PaddedSizes.of(odd).isFilledUp(odd)).isTrue();
        assertThat(PaddedSizes.of(BAICHUAN_13B).isFilledUp(BAICHUAN_13B)).isFalse();
    }

    private static ModelMemory memory(WeightForm form) {
        return ModelMemory.of(BAICHUAN_13B, CUBLAS, form, 4096);
    }
}
