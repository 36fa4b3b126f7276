package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.model.BaichuanConfig;
import org.junit.jupiter.api.Test;

class MemoryPlanTest {

    private static final BaichuanConfig BAICHUAN_13B =
            new BaichuanConfig(64_000, 5120, 13_696, 40, 40, 4096, 1e-6f);

    private static final GemmChoice CUBLAS = GemmChoice.cublasInBlocks();

    @Test
    void countsTheWeightsOf13B() {
        long layer = 2 * 5120 + 4L * 5120 * 5120 + 3L * 5120 * 13_696;
        long halves = 64_000L * 5120 + 40 * layer + 5120;

        assertThat(MemoryPlan.of(BAICHUAN_13B, CUBLAS, 4096).weights())
                .isBetween(2 * halves, 2 * halves + 100_000);
    }

    @Test
    void oneLargeGpuIsEnoughAndASmallOneIsNot() {
        MemoryPlan plan = MemoryPlan.of(BAICHUAN_13B, CUBLAS, 4096);

        assertThat(plan.problem(80L << 30)).isNull();
        assertThat(plan.problem(24L << 30))
                .isEqualTo(
                        "24.10 GiB of weights, 0.59 GiB for batches of 4096 tokens and 0.53 GiB for"
                                + " CUDA itself make 25.22 GiB, but it has 24.00 GiB; use a larger"
                                + " GPU, or --backend cpu");
    }

    @Test
    void namesTheLargestBatchThatFits() {
        MemoryPlan plan = MemoryPlan.of(BAICHUAN_13B, CUBLAS, 20_000);
        long bytes = 26L << 30;

        assertThat(plan.problem(bytes)).contains("lower the batch tokens to 9216 (");
        assertThat(MemoryPlan.of(BAICHUAN_13B, CUBLAS, 9216).problem(bytes)).isNull();
        assertThat(MemoryPlan.of(BAICHUAN_13B, CUBLAS, 10_240).problem(bytes)).isNotNull();
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
    }
}
