package io.github.baichuanreward.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ExactSumTest {

    private static double sum(double... values) {
        ExactSum sum = new ExactSum();
        for (double value : values) {
            sum.add(value);
        }
        return sum.value();
    }

    @Test
    void ofNothingIsZero() {
        assertThat(sum()).isZero();
    }

    @Test
    void keepsWhatIsSmallBesideWhatIsLarge() {
        assertThat(sum(1e300, 1, -1e300)).isEqualTo(1);
        assertThat(sum(1e-300, 1e300, 1, -1e300, -1)).isEqualTo(1e-300);
        assertThat(sum(Double.MIN_VALUE, Double.MAX_VALUE, -Double.MAX_VALUE))
                .isEqualTo(Double.MIN_VALUE);
        assertThat(sum(-Double.MIN_VALUE, 0, -0.0)).isEqualTo(-Double.MIN_VALUE);
    }

    @Test
    void roundsOnceAndToTheEvenOneOfTwo() {
        assertThat(sum(1, 0x1p-53)).isEqualTo(1);
        assertThat(sum(1, 0x1p-53, 0x1p-1000)).isEqualTo(Math.nextUp(1.0));
        assertThat(sum(1, 0x1p-52, 0x1p-53)).isEqualTo(1 + 0x1p-51);
    }

    @Test
    void isInfiniteBeyondTheDoublesAndComesBack() {
        double most = Double.MAX_VALUE;
        assertThat(sum(most, most)).isEqualTo(Double.POSITIVE_INFINITY);
        assertThat(sum(-most, -most)).isEqualTo(Double.NEGATIVE_INFINITY);
        assertThat(sum(most, most, -most)).isEqualTo(most);
    }

    @Test
    void refusesWhatIsNotFinite() {
        for (double value : new double[] {Double.NaN, Double.POSITIVE_INFINITY}) {
            assertThatThrownBy(() -> new ExactSum().add(value))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining(String.valueOf(value));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 100, 1 << 29})
    void equalsExactDecimalsHoweverOftenItCarries(int additionsBetweenCarries) {
        Random random = new Random(additionsBetweenCarries);
        ExactSum sum = new ExactSum(additionsBetweenCarries);
        BigDecimal exact = BigDecimal.ZERO;
        for (int i = 0; i < 2000; i++) {
            double value = Double.longBitsToDouble(random.nextLong());
            if (Double.isFinite(value) && Math.abs(value) < 1e300) {
                sum.add(value);
                exact = exact.add(new BigDecimal(value));
            }
        }
        assertThat(sum.value()).isEqualTo(exact.doubleValue());
    }

    @Test
    void aMillionTenthsAreNearestToAMillionTimesTheDouble() {
        double tenth = 0.1;
        ExactSum sum = new ExactSum();
        for (int i = 0; i < 1_000_000; i++) {
            sum.add(tenth);
        }
        BigDecimal exact = new BigDecimal(tenth).multiply(BigDecimal.valueOf(1_000_000));
        assertThat(sum.value()).isEqualTo(exact.doubleValue());
    }
}
