package io.github.baichuanreward.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class LetJuly2023Test {

    private static double lossOf(Float... differences) {
        return lossOf(List.of(differences));
    }

    private static double lossOf(List<Float> differences) {
        LetJuly2023 then = new LetJuly2023();
        differences.forEach(difference -> then.add(difference, 0));
        return then.loss();
    }

    @Test
    void aTieCostsTheHalfNearestToTheLogarithmOfTwo() {
        assertThat(lossOf(0f)).isEqualTo(0.693359375);
    }

    /**
     * The sigmoid of a half is 1 from ln(4095) = 8.3175 on, half-way between the halves below 1.
     */
    @Test
    void aLargeDifferenceCostsNothing() {
        assertThat(lossOf(8.4f)).isZero();
        assertThat(lossOf(8.3203125f)).isZero();
        assertThat(lossOf(8.3125f)).isEqualTo(0x1p-11); // that half is 1 - 2^-11
    }

    /** The sigmoid of a half is 0 from -ln(2^25 - 1) = -17.3287 on. */
    @Test
    void anEquallyWrongOneIsInfinite() {
        assertThat(lossOf(-17.4f)).isEqualTo(Double.POSITIVE_INFINITY);
        assertThat(lossOf(-17.34375f)).isEqualTo(Double.POSITIVE_INFINITY);
        assertThat(lossOf(-17.328125f)).isEqualTo(16.640625); // 24 ln 2
    }

    @Test
    void oneInfiniteLossMakesTheWholeInfinite() {
        List<Float> differences = new ArrayList<>(Collections.nCopies(1000, 1f));
        differences.set(123, -20f);
        assertThat(lossOf(differences)).isEqualTo(Double.POSITIVE_INFINITY);
    }

    @Test
    void differencesBeyondHalfPrecisionAreInfinite() {
        LetJuly2023 then = new LetJuly2023();
        then.add(65504, -65504);
        assertThat(then.loss()).isZero();
        then.add(-65504, 65504);
        assertThat(then.loss()).isEqualTo(Double.POSITIVE_INFINITY);
        assertThat(then.accuracy()).isEqualTo(new Proportion(1, 2));
    }

    /** 2049 has no half; 2048 - 0.5 has none either. */
    @Test
    void rewardsAndTheirDifferenceAreRounded() {
        LetJuly2023 then = new LetJuly2023();
        then.add(2049, 2048);
        assertThat(then.accuracy()).isEqualTo(new Proportion(0, 1));
        assertThat(then.loss()).isEqualTo(0.693359375);
        assertThat(LetJuly2023.half(1 + 0x1p-11f)).isEqualTo(1);
    }

    /**
     * Seven ties and a pair of loss 0 average to 0.6064 in their step, which is rounded; the step
     * then counts for each of its pairs.
     */
    @Test
    void theMeanOfAStepIsRounded() {
        Float[] step = {0f, 0f, 0f, 0f, 0f, 0f, 0f, 9f};
        double exact = 7 * 0.693359375 / 8;
        double mean = HalfPrecision.round(exact);
        assertThat(mean).isNotEqualTo(exact);
        assertThat(lossOf(step)).isEqualTo(mean);
    }

    @Test
    void aLastStepOfFewerPairsCountsByItsPairs() {
        List<Float> differences = new ArrayList<>(Collections.nCopies(8, 9f));
        differences.add(0f);
        assertThat(lossOf(differences)).isEqualTo(HalfPrecision.round(0.693359375 / 9));
    }

    /** Computed with NumPy 2.4 in float16 and float32, by the formulas that the class names. */
    @ParameterizedTest
    @CsvSource({
        "6, 1, 1, 0.11529541015625",
        "6, 7, 5, 0.615234375",
        "6, 8, 5, 0.72021484375",
        "6, 9, 6, 0.65380859375",
        "6, 100, 57, 1.087890625",
        "6, 1000, 491, 1.294921875",
        "6, 8193, 4107, 1.21484375",
        "6, 37753, 19093, 1.212890625",
        "20, 1, 1, 0.0009775161743164062",
        "20, 8, 5, 1.7265625",
        "20, 9, 6, 1.53515625",
        "20, 100, 57, Infinity",
        "40, 1, 1, 0",
        "40, 8, 5, 3.341796875",
        "40, 9, 6, 2.970703125",
    })
    void equalsNumPy(double scale, int pairs, long right, double loss) {
        LetJuly2023 then = new LetJuly2023();
        long state = 12345;
        for (int pair = 0; pair < pairs; pair++) {
            float[] rewards = new float[2];
            for (int answer = 0; answer < 2; answer++) {
                state = (state * 1_103_515_245 + 12_345) % (1L << 31);
                rewards[answer] = (float) ((state / (double) (1L << 31) - 0.5) * scale);
            }
            then.add(rewards[0], rewards[1]);
        }
        assertThat(then.accuracy()).isEqualTo(new Proportion(right, pairs));
        assertThat(then.loss()).isEqualTo(loss);
    }

    /** A sum of halves one after another would stop at 2048 times their size. */
    @Test
    void aMillionPairsDoNotDrift() {
        List<Float> differences = Collections.nCopies(1_000_000, 0f);
        assertThat(lossOf(differences)).isEqualTo(0.693359375);
    }

    @Test
    void thePublishedLossesAreOfHalfPrecision() {
        for (double loss : new double[] {0.197021484375, 0.63916015625}) {
            assertThat(HalfPrecision.round(loss)).isEqualTo((float) loss);
            assertThat((double) (float) loss).isEqualTo(loss);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "1.234, 1.23",
        "-0.445, -0.45", // the half is a little more
        "0.125, 0.12", // a half itself, and half-way: to the even digit
        "-0.375, -0.38",
        "0.005, 0.01",
        "-0.001, -0.0",
        "0, 0.0",
        "-0.0, -0.0",
        "1, 1.0",
        "2.5, 2.5",
        "3.996, 4.0",
        "1000, 1000.0",
        "65504, 65504.0",
    })
    void predictionsHaveTwoDecimalsAsPythonPrintsThem(float reward, String decimals) {
        assertThat(LetJuly2023.prediction(reward, 1.5f))
                .isEqualTo("{\"accept\": " + decimals + ", \"reject\": 1.5}");
        assertThat(LetJuly2023.prediction(-2, reward))
                .isEqualTo("{\"accept\": -2.0, \"reject\": " + decimals + "}");
    }

    @ParameterizedTest
    @ValueSource(floats = {65520, -1e5f, Float.POSITIVE_INFINITY, Float.NaN})
    void rewardsBeyondHalfPrecisionAreRefusedAndNotCounted(float reward) {
        LetJuly2023 then = new LetJuly2023();
        then.add(1, 0);
        assertThatThrownBy(() -> then.add(1, reward))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "reward "
                                + reward
                                + " does not fit into half precision, which ends at 65504");
        assertThatThrownBy(() -> LetJuly2023.prediction(reward, 0))
                .isInstanceOf(IllegalArgumentException.class);
        assertThat(then.accuracy()).isEqualTo(new Proportion(1, 1));
    }

    @Test
    void thereIsNoLossOfNothing() {
        assertThatThrownBy(() -> new LetJuly2023().loss())
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("no pair was added, so there is no loss");
    }
}
