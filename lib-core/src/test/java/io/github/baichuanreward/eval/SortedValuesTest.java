package io.github.baichuanreward.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SortedValuesTest {

    private static final HistogramBins ANY = new HistogramBins(0, 1, 1);

    @Test
    void quantilesLieBetweenNeighboursByStraightLines() {
        SortedValues values = new SortedValues(new double[] {10, -2, 4, 1});
        assertThat(values.quantile(0)).isEqualTo(-2);
        assertThat(values.quantile(0.25)).isEqualTo(0.25);
        assertThat(values.quantile(0.5)).isEqualTo(2.5);
        assertThat(values.quantile(0.75)).isEqualTo(5.5);
        assertThat(values.quantile(1)).isEqualTo(10);
    }

    @Test
    void theMedianOfAnOddNumberIsOneOfThem() {
        assertThat(new SortedValues(new double[] {3, 1, 2}).quantile(0.5)).isEqualTo(2);
    }

    @Test
    void oneValueIsEveryQuantileAndHasNoDeviation() {
        Distribution distribution = new SortedValues(new double[] {1.5}).distribution(ANY);
        assertThat(distribution.mean()).isEqualTo(1.5);
        assertThat(distribution.deviation()).isNaN();
        assertThat(distribution.quantiles()).hasSameSizeAs(Distribution.LEVELS).containsOnly(1.5);
    }

    @Test
    void equalValuesHaveNoDeviationAtAll() {
        double[] values = new double[1001];
        Arrays.fill(values, 0.1);
        Distribution distribution = new SortedValues(values).distribution(ANY);
        assertThat(distribution.mean()).isEqualTo(0.1);
        assertThat(distribution.deviation()).isZero();
    }

    @Test
    void theDeviationIsThatOfASample() {
        Distribution distribution =
                new SortedValues(new double[] {2, 4, 4, 4, 5, 5, 7, 9}).distribution(ANY);
        assertThat(distribution.mean()).isEqualTo(5);
        assertThat(distribution.deviation()).isEqualTo(Math.sqrt(32.0 / 7));
    }

    /** A difference of sums of squares would have nothing left of it. */
    @Test
    void theDeviationSurvivesALargeMean() {
        double[] values = {1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16};
        Distribution distribution = new SortedValues(values).distribution(ANY);
        assertThat(distribution.deviation()).isCloseTo(Math.sqrt(30), within(1e-14));
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 5, 101, 1000})
    void everyLevelEqualsTheDefinition(int count) {
        Random random = new Random(count);
        double[] values = random.doubles(count, -5, 5).toArray();
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        SortedValues sample = new SortedValues(values);
        for (double level : Distribution.LEVELS) {
            double position = level * (count - 1);
            double below = sorted[(int) Math.floor(position)];
            double above = sorted[(int) Math.ceil(position)];
            double weight = position - Math.floor(position);
            assertThat(sample.quantile(level))
                    .isCloseTo((1 - weight) * below + weight * above, within(1e-14));
        }
    }
}
