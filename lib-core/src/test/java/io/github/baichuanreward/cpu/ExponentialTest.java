package io.github.baichuanreward.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ExponentialTest {

    /** Bits of negative floats grow with their distance from 0; odd, so that all mantissas come. */
    private static final int STEP = 97;

    @Test
    void isWithinOneUlpOfTheTrueValueFromZeroDownToWhereItVanishes() {
        int last = Float.floatToRawIntBits(-110f) - Float.floatToRawIntBits(-0f);
        float[] x = new float[100_000];
        float[] y = new float[x.length];
        Exponential exponential = new Exponential(y.length);
        float[] zeros = new float[y.length];
        double worst = 0;
        float worstAt = 0;
        for (long first = 0; first < last; first += (long) x.length * STEP) {
            for (int i = 0; i < x.length; i++) {
                long offset = Math.min(last, first + (long) i * STEP);
                x[i] = Float.intBitsToFloat(Float.floatToRawIntBits(-0f) + (int) offset);
                y[i] = x[i];
            }
            exponential.apply(y, zeros, y.length);
            for (int i = 0; i < x.length; i++) {
                double exact = Math.exp(x[i]);
                double error = Math.abs(y[i] - exact) / Math.ulp((float) exact);
                if (!(error <= worst)) {
                    worst = error;
                    worstAt = x[i];
                }
            }
        }

        assertThat(worst).as("error in ulp, worst at %s", worstAt).isLessThan(1);
    }

    @Test
    void isExactAtBothZeros() {
        assertThat(exp(0f, -0f)).containsExactly(1, 1);
    }

    @Test
    void isZeroWhereTheTrueValueRoundsToZero() {
        assertThat(exp(-103.98f, -104, -1000, -1e38f, Float.NEGATIVE_INFINITY)).containsOnly(0f);
    }

    @Test
    void keepsDenormalResults() {
        assertThat(exp(-103, -100, -88))
                .containsExactly(
                        (float) Math.exp(-103), (float) Math.exp(-100), (float) Math.exp(-88));
    }

    /**
     * A factor of infinity and its opposite are what an overflow looks like after a subtraction.
     */
    @Test
    void nanStaysNanWhateverItsBits() {
        float[] nans = {
            Float.NaN,
            Float.POSITIVE_INFINITY - Float.POSITIVE_INFINITY,
            Float.intBitsToFloat(0xffc00000),
            Float.intBitsToFloat(0x7f800001),
            Float.intBitsToFloat(0xffffffff),
            Float.POSITIVE_INFINITY
        };
        for (float value : exp(nans)) {
            assertThat(value).isNaN();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 15, 17, 511, 512, 513, 1025})
    void aValueHasTheSameBitsAtEveryPlaceAndNothingElseIsTouched(int count) {
        Random random = new Random(count);
        float[] x = new float[count + 3];
        for (int i = 0; i < x.length; i++) {
            x[i] = -100 * random.nextFloat();
        }
        float[] y = x.clone();
        new Exponential(y.length).apply(y, new float[y.length], count);
        for (int i = 0; i < x.length; i++) {
            assertThat(y[i]).isEqualTo(i < count ? exp(x[i])[0] : x[i]);
        }
    }

    @Test
    void isOfTheDifferenceFromTheLargest() {
        float[] x = {-3, 7.5f, -1e30f, Float.NEGATIVE_INFINITY, 1, Float.NaN};
        float[] largest = {-3, 9, -1e30f, 5, Float.NaN, 1};
        new Exponential(x.length).apply(x, largest, x.length);
        assertThat(x).containsExactly(1, exp(-1.5f)[0], 1, 0, Float.NaN, Float.NaN);
    }

    private static float[] exp(float... x) {
        float[] y = x.clone();
        new Exponential(y.length).apply(y, new float[y.length], y.length);
        return y;
    }
}
