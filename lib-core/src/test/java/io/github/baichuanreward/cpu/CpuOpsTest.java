package io.github.baichuanreward.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;

class CpuOpsTest {

    @Test
    void normalisesByTheRootOfTheMeanSquare() {
        float[] y = new float[4];
        CpuOps.rmsNorm(y, new float[] {3, 4, 0, 0}, new float[] {1, 2, 1, 1}, 0, 1, 0);

        assertThat(y).containsExactly(new float[] {1.2f, 3.2f, 0, 0}, within(1e-6f));
    }

    @Test
    void normalisesOnlyItsRowsAndMayWriteInPlace() {
        float[] x = {1, 1, 2, 2, 3, 3};
        CpuOps.rmsNorm(x, x, new float[] {1, 1}, 1, 2, 0);

        assertThat(x).containsExactly(1, 1, 1, 1, 3, 3);
    }

    @Test
    void epsilonIsInsideTheRoot() {
        float[] y = new float[1];
        CpuOps.rmsNorm(y, new float[] {0}, new float[] {1}, 0, 1, 1e-6f);
        assertThat(y[0]).isZero();

        CpuOps.rmsNorm(y, new float[] {0.001f}, new float[] {1}, 0, 1, 3e-6f);
        assertThat(y[0]).isCloseTo(0.5f, within(1e-6f));
    }

    @Test
    void aSingleTokenAttendsToItself() {
        float[] qkv = {1, 2, 3, 4, 5, 6};
        float[] context = new float[2];
        CpuOps.alibiAttention(context, qkv, 0.5f, 0, 0, 0, 1, 0, 2, 2);

        assertThat(context).containsExactly(5, 6);
    }

    /** Two keys of equal product: what is left of the score is {@code slope * (j - i)}. */
    @Test
    void distanceCostsTheSlope() {
        float[] qkv = {0, 0, 1, 0, 0, 0};
        float[] context = new float[2];
        CpuOps.alibiAttention(context, qkv, (float) Math.log(3), 0, 0, 0, 2, 0, 1, 1);

        assertThat(context[0]).isEqualTo(1);
        assertThat(context[1]).isCloseTo(0.25f, within(1e-7f));
    }

    @Test
    void scoresAreDividedByTheRootOfHeadDim() {
        float log3 = (float) Math.log(3);
        // Query of token 1 is (2, 0, 0, 0); the keys give the products 0 and 2 log 3.
        float[] qkv = new float[24];
        qkv[12] = 2;
        qkv[16] = log3;
        qkv[8] = 4;
        qkv[20] = 8;
        float[] context = new float[8];
        CpuOps.alibiAttention(context, qkv, 0, 0, 0, 0, 2, 0, 4, 4);

        assertThat(context[4]).isCloseTo(0.25f * 4 + 0.75f * 8, within(1e-6f));
    }

    @Test
    void attentionSeesNothingOutsideItsSequence() {
        Random random = new Random(3);
        int hidden = 6;
        float[] qkv = new float[9 * 3 * hidden];
        for (int i = 0; i < qkv.length; i++) {
            qkv[i] = (float) random.nextGaussian();
        }
        float[] before = new float[4 * hidden];
        CpuOps.alibiAttention(before, qkv, 0.25f, 0, 3, 3, 7, 1, 3, hidden);
        for (int i = 0; i < qkv.length; i++) {
            boolean inside = i >= 3 * 3 * hidden && i < 7 * 3 * hidden;
            qkv[i] = inside ? qkv[i] : Float.NaN;
        }
        float[] after = new float[4 * hidden];
        CpuOps.alibiAttention(after, qkv, 0.25f, 0, 3, 3, 7, 1, 3, hidden);

        assertThat(after).containsExactly(before);
    }

    @Test
    void onlyTheRowsThatAskAreWritten() {
        Random random = new Random(4);
        float[] qkv = new float[5 * 3 * 2];
        for (int i = 0; i < qkv.length; i++) {
            qkv[i] = (float) random.nextGaussian();
        }
        float[] all = new float[10];
        CpuOps.alibiAttention(all, qkv, 0.25f, 0, 0, 0, 5, 0, 2, 2);
        float[] last = {7, 7, 0, 0, 7, 7};
        CpuOps.alibiAttention(last, qkv, 0.25f, 1, 0, 4, 5, 0, 2, 2);

        assertThat(last).containsExactly(7, 7, all[8], all[9], 7, 7);
    }

    @Test
    void swigluIsTheGateTimesItsSigmoidTimesUp() {
        float[] gated = new float[5];
        CpuOps.swiglu(
                gated, new float[] {0, 1, -1, 100, -100}, new float[] {5, 2, 2, 3, 3}, 0, 5, 1);

        float sigmoid = (float) (1 / (1 + Math.exp(-1)));
        assertThat(gated)
                .containsExactly(
                        new float[] {0, 2 * sigmoid, -2 * (1 - sigmoid), 300, 0}, within(1e-6f));
    }

    @Test
    void swigluOfHugeNumbersIsNotNan() {
        float[] gated = new float[2];
        CpuOps.swiglu(gated, new float[] {1e30f, -1e30f}, new float[] {1, 1}, 0, 1, 2);

        assertThat(gated).containsExactly(1e30f, -0.0f);
    }

    @Test
    void valueHeadIsAProductAndABias() {
        float[] x = {9, 9, 1, 2};
        assertThat(CpuOps.valueHead(x, new float[] {3, 4}, 0.5f, 1)).isEqualTo(11.5f);
    }
}
