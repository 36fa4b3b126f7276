package io.github.baichuanreward.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PairLossTest {

    private static final MathContext DIGITS = new MathContext(60);

    @Test
    void aTieCostsTheLogarithmOfTwo() {
        assertThat(PairLoss.of(0, 0)).isEqualTo(Math.log(2));
        assertThat(PairLoss.of(-0.0, 0)).isEqualTo(Math.log(2));
        assertThat(PairLoss.of(1.5, 1.5)).isEqualTo(Math.log(2));
    }

    @Test
    void aMarginIsTakenOffTheDifference() {
        assertThat(PairLoss.of(3, 1)).isEqualTo(PairLoss.of(2, 0));
        assertThat(PairLoss.of(-3, -1)).isEqualTo(PairLoss.of(-2, 0));
    }

    @Test
    void largeDifferencesNeitherOverflowNorVanishTooEarly() {
        assertThat(PairLoss.of(-1e308, 0)).isEqualTo(1e308);
        assertThat(PairLoss.of(-Double.MAX_VALUE, 0)).isEqualTo(Double.MAX_VALUE);
        assertThat(PairLoss.of(-1000, 0)).isEqualTo(1000);
        assertThat(PairLoss.of(100, 0)).isEqualTo(StrictMath.exp(-100));
        assertThat(PairLoss.of(740, 0)).isEqualTo(StrictMath.exp(-740)).isPositive();
        assertThat(PairLoss.of(Double.MAX_VALUE, 0)).isZero();
        assertThat(PairLoss.of(Double.NEGATIVE_INFINITY, 0)).isInfinite();
        assertThat(PairLoss.of(Double.POSITIVE_INFINITY, 0)).isZero();
    }

    @ParameterizedTest
    @ValueSource(doubles = {700, 40, 8.4, 1, 1e-3, 1e-9, 1e-17, 4.9e-324})
    void isWithinTwoUlpOfSixtyDigits(double size) {
        Random random = new Random(3);
        for (int i = 0; i < 60; i++) {
            double difference = size * (i < 2 ? 2 * i - 1 : 2 * random.nextDouble() - 1);
            double exact = exactLoss(difference).doubleValue();
            double error = Math.abs(PairLoss.of(difference, 0) - exact) / Math.ulp(exact);
            assertThat(error).as("ulps at %s", difference).isLessThanOrEqualTo(2);
        }
    }

    @Test
    void lossesOfADifferenceAndItsOppositeDifferByIt() {
        for (double difference = -30; difference <= 30; difference += 0.37) {
            assertThat(PairLoss.of(-difference, 0) - PairLoss.of(difference, 0))
                    .isCloseTo(difference, within(1e-14));
        }
    }

    @Test
    void confidenceIsTheSigmoidOfTheSize() {
        assertThat(PairLoss.confidence(0)).isEqualTo(0.5);
        assertThat(PairLoss.confidence(Math.log(3))).isCloseTo(0.75, within(1e-15));
        assertThat(PairLoss.confidence(-Math.log(3))).isCloseTo(0.75, within(1e-15));
        assertThat(PairLoss.confidence(Double.MAX_VALUE)).isEqualTo(1);
        assertThat(PairLoss.confidence(-Double.MAX_VALUE)).isEqualTo(1);
    }

    /** {@code log(1 + exp(-x))} by series, and nothing that the code under test uses. */
    private static BigDecimal exactLoss(double x) {
        BigDecimal power = exp(new BigDecimal(-Math.abs(x)));
        BigDecimal tail = log1p(power);
        return x < 0 ? tail.subtract(new BigDecimal(x)) : tail;
    }

    /** Taylor's series of the argument over 2^20, squared as often. */
    private static BigDecimal exp(BigDecimal x) {
        MathContext more = new MathContext(90);
        BigDecimal small = x.divide(BigDecimal.valueOf(1 << 20), more);
        BigDecimal sum = BigDecimal.ONE;
        BigDecimal term = BigDecimal.ONE;
        for (int n = 1; n < 40; n++) {
            term = term.multiply(small, more).divide(BigDecimal.valueOf(n), more);
            sum = sum.add(term, more);
        }
        for (int i = 0; i < 20; i++) {
            sum = sum.multiply(sum, more);
        }
        return sum;
    }

    /** {@code 2 artanh(y / (2 + y))}, for y from 0 to 1. */
    private static BigDecimal log1p(BigDecimal y) {
        BigDecimal z = y.divide(y.add(BigDecimal.valueOf(2)), DIGITS);
        BigDecimal square = z.multiply(z, DIGITS);
        BigDecimal sum = BigDecimal.ZERO;
        BigDecimal power = z;
        for (int n = 1; n < 150; n += 2) {
            sum = sum.add(power.divide(BigDecimal.valueOf(n), DIGITS), DIGITS);
            power = power.multiply(square, DIGITS);
        }
        return sum.multiply(BigDecimal.valueOf(2));
    }
}
