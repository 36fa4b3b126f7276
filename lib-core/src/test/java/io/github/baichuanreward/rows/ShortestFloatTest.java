package io.github.baichuanreward.rows;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.JRE;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ShortestFloatTest {

    @ParameterizedTest
    @CsvSource({
        "0x0.0p0, 0.0",
        "-0x0.0p0, -0.0",
        "1, 1.0",
        "-1, -1.0",
        "0.1, 0.1",
        "0.001, 0.001",
        "0.0009999999, 9.999999E-4",
        "9999999, 9999999.0",
        "10000000, 1.0E7",
        "16777216, 1.6777216E7",
        "33554432, 3.3554432E7",
        "1.7146980, 1.714698",
        "-3.7836048, -3.7836049",
        "1.4E-45, 1.4E-45",
        "2.8E-45, 2.8E-45",
        "1.17549435E-38, 1.1754944E-38",
        "3.4028235E38, 3.4028235E38",
        "2.0E-3, 0.002",
        // Java 17 writes these with a digit too many, or not the nearest digits.
        "1.1E10, 1.1E10",
        "1.0E23, 1.0E23",
        "8.5899346E9, 8.589935E9",
        "2.2E-44, 2.2E-44",
        "1.3E-44, 1.3E-44",
    })
    void writesWhatTheDocumentationOfFloatPromises(float value, String expected) {
        assertThat(ShortestFloat.toString(value)).isEqualTo(expected);
    }

    @Test
    void readsBackAsTheSameFloatAndHasNoShorterNeighbour() {
        Random random = new Random(17);
        for (int i = 0; i < 200_000; i++) {
            float value = Float.intBitsToFloat(random.nextInt());
            if (Float.isFinite(value)) {
                assertShortest(value);
            }
        }
    }

    @Test
    void holdsForRewardsAndAtEveryPowerOfTwo() {
        Random random = new Random(18);
        for (int i = 0; i < 200_000; i++) {
            assertShortest((float) (4 * random.nextGaussian()));
        }
        for (int exponent = Float.MIN_EXPONENT - 23; exponent <= Float.MAX_EXPONENT; exponent++) {
            float power = Math.scalb(1f, exponent);
            assertShortest(power);
            assertShortest(Math.nextUp(power));
            assertShortest(Math.nextDown(power));
        }
    }

    @Test
    @EnabledForJreRange(min = JRE.JAVA_19)
    void equalsFloatToStringWhereThatKeepsItsPromise() {
        Random random = new Random(19);
        for (int i = 0; i < 500_000; i++) {
            float value = Float.intBitsToFloat(random.nextInt());
            assertThat(ShortestFloat.toString(value)).isEqualTo(Float.toString(value));
        }
    }

    /** Checks against the definition: no decimal of fewer digits reads back as {@code value}. */
    private static void assertShortest(float value) {
        String text = ShortestFloat.toString(value);
        if (Float.floatToIntBits(Float.parseFloat(text)) != Float.floatToIntBits(value)) {
            assertThat(text).as("bits %08x", Float.floatToIntBits(value)).isEqualTo("the same");
        }
        if (value == 0) {
            return;
        }
        BigDecimal printed = new BigDecimal(text).stripTrailingZeros();
        int digits = printed.precision();
        if (digits <= 2) {
            return;
        }
        // The only candidates of one digit less are the two that enclose the printed decimal.
        BigDecimal unit =
                BigDecimal.ONE.scaleByPowerOfTen(
                        printed.precision() - printed.scale() - digits + 1);
        BigDecimal below = printed.divideToIntegralValue(unit).multiply(unit);
        BigDecimal above = below.add(unit.multiply(BigDecimal.valueOf(printed.signum())));
        if (Float.parseFloat(below.toString()) == value
                || Float.parseFloat(above.toString()) == value) {
            assertThat(text).as("one of %s and %s is shorter", below, above).isEmpty();
        }
    }
}
