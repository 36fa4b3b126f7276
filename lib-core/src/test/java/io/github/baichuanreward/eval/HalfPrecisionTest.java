package io.github.baichuanreward.eval;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.checkpoint.DType;
import java.util.Random;
import org.junit.jupiter.api.Test;

class HalfPrecisionTest {

    private static float half(int bits) {
        return DType.halfToFloat((short) bits);
    }

    @Test
    void everyHalfStaysWhatItIs() {
        for (int bits = 0; bits <= 0xffff; bits++) {
            float value = half(bits);
            assertSame(HalfPrecision.round(value), value, value);
        }
    }

    @Test
    void floatsAreRoundedAsWeightsAre() {
        Random random = new Random(1);
        for (int i = 0; i < 1_000_000; i++) {
            float value = Float.intBitsToFloat(random.nextInt());
            float expected = DType.halfToFloat(DType.floatToHalf(value));
            assertSame(HalfPrecision.round(value), expected, value);
        }
    }

    /**
     * Half-way between two halves, and a double's last bit beside that: a float has no such bit.
     */
    @Test
    void doublesAreRoundedOnce() {
        for (int bits = 0; bits < 0x7c00; bits++) {
            float low = half(bits);
            float high = bits == 0x7bff ? 0x1p16f : half(bits + 1);
            float above = bits == 0x7bff ? Float.POSITIVE_INFINITY : high;
            double middle = ((double) low + high) / 2;
            assertSame(HalfPrecision.round(Math.nextDown(middle)), low, middle);
            assertSame(HalfPrecision.round(Math.nextUp(middle)), above, middle);
            assertSame(HalfPrecision.round(middle), bits % 2 == 0 ? low : above, middle);
            assertSame(HalfPrecision.round(-Math.nextDown(middle)), -low, middle);
            assertSame(HalfPrecision.round(-Math.nextUp(middle)), -above, middle);
        }
    }

    @Test
    void whatIsFarOutsideIsInfiniteOrZeroOfItsSign() {
        assertThat(HalfPrecision.round(Double.MAX_VALUE)).isEqualTo(Float.POSITIVE_INFINITY);
        assertThat(HalfPrecision.round(-1e5)).isEqualTo(Float.NEGATIVE_INFINITY);
        assertThat(HalfPrecision.round(Double.MIN_VALUE)).isEqualTo(0f);
        assertThat(HalfPrecision.round(-1e-300)).isEqualTo(-0f);
        assertThat(HalfPrecision.round(Double.NaN)).isNaN();
    }

    private static void assertSame(float actual, float expected, double of) {
        if (Float.floatToIntBits(actual) != Float.floatToIntBits(expected)) {
            assertThat(actual).as("half of %s", of).isEqualTo(expected);
        }
    }
}
