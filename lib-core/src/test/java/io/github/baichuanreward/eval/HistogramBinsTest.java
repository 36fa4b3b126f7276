package io.github.baichuanreward.eval;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HistogramBinsTest {

    private static Histogram histogram(double... values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return HistogramBins.of(new SortedValues(values)).count(sorted);
    }

    private static double[] normal(int seed, int count, double mean, double deviation) {
        Random random = new Random(seed);
        double[] values = new double[count];
        for (int i = 0; i < count; i++) {
            values[i] = mean + deviation * random.nextGaussian();
        }
        return values;
    }

    /** Counts by the promise of {@link Histogram}, each value by itself. */
    private static void assertCounts(Histogram histogram, double... values) {
        int bins = histogram.counts().size();
        long[] counts = new long[bins];
        for (double value : values) {
            int bin = bins - 1;
            while (bin > 0 && value < histogram.from() + bin * histogram.width()) {
                bin--;
            }
            counts[bin]++;
        }
        assertThat(histogram.counts()).isEqualTo(Arrays.stream(counts).boxed().toList());
    }

    @ParameterizedTest
    @ValueSource(doubles = {1e-40, 1e-3, 0.7, 1, 3, 8, 1e5, 1e37})
    void aboutThirtyBinsOfARoundWidthCoverWhateverTheScale(double scale) {
        double[] values = normal(1, 1000, 0, scale);
        Histogram histogram = histogram(values);

        assertThat(histogram.counts()).hasSizeBetween(20, 42);
        double decade = Math.pow(10, Math.floor(Math.log10(histogram.width() * 1.001)));
        double leading = Math.rint(histogram.width() / decade * 1e6) / 1e6;
        assertThat(leading).isIn(1.0, 2.0, 2.5, 5.0);
        assertThat(histogram.from()).isLessThanOrEqualTo(Arrays.stream(values).min().orElseThrow());
        assertCounts(histogram, values);
    }

    @ParameterizedTest
    @ValueSource(doubles = {-3, -0.5, 0, 0.01, 2.2})
    void zeroIsAnEdgeWhereverTheValuesLie(double mean) {
        Histogram histogram = histogram(normal(2, 500, mean, 1.7));
        boolean found = false;
        for (int bin = 0; bin <= histogram.counts().size(); bin++) {
            found |= histogram.from() + bin * histogram.width() == 0;
        }
        assertThat(found).isTrue();
    }

    @Test
    void aValueOnAnEdgeBelongsToTheBinAboveIt() {
        double[] values = new double[41];
        for (int i = 0; i < values.length; i++) {
            values[i] = i - 20;
        }
        Histogram histogram = histogram(values);
        assertThat(histogram.from()).isEqualTo(-20);
        assertThat(histogram.width()).isEqualTo(1);
        assertThat(histogram.counts()).hasSize(40);
        assertThat(histogram.counts().subList(0, 39)).containsOnly(1L);
        assertThat(histogram.counts().get(39)).isEqualTo(2); // 19, and the end, 20
    }

    @ParameterizedTest
    @ValueSource(ints = {5, 6, 100, 1000})
    void oneValueFarOutDoesNotWidenTheBins(int count) {
        double[] values = normal(3, count, 0, 1);
        values[count / 2] = 1e30;
        Histogram histogram = histogram(values);
        assertThat(histogram.width()).isLessThanOrEqualTo(0.5);
        assertThat(histogram.counts().get(histogram.counts().size() - 1)).isPositive();
        assertCounts(histogram, values);
        values[count / 2] = -1e30;
        assertThat(histogram(values).counts().get(0)).isPositive();
        assertCounts(histogram(values), values);
    }

    /** Rewards' differences are more peaked than a normal distribution; these are Laplace's. */
    @Test
    void fatTailsKeepTheirBins() {
        Random random = new Random(6);
        double[] values = new double[1000];
        for (int i = 0; i < values.length; i++) {
            values[i] = Math.log(1 - random.nextDouble()) * (i % 2 == 0 ? 1 : -1);
        }
        Histogram histogram = histogram(values);
        double end = histogram.from() + histogram.counts().size() * histogram.width();
        assertThat(histogram.from()).isLessThanOrEqualTo(Arrays.stream(values).min().orElseThrow());
        assertThat(end).isGreaterThanOrEqualTo(Arrays.stream(values).max().orElseThrow());
    }

    /** The bins end where the others do, not at the fence. */
    @Test
    void whatIsFarOutIsCountedInTheOutermostBin() {
        Histogram histogram = histogram(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1e30, 1e31);
        assertThat(histogram.from()).isZero();
        assertThat(histogram.width()).isEqualTo(0.25);
        assertThat(histogram.counts()).hasSize(40).last().isEqualTo(3L); // 10, on the end, as well
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, -0.0, 3.7, -3.7, 1, -1, 1e30, -1e-30, 1.4e-45})
    void equalValuesShareOneBinThatHoldsThem(double value) {
        Histogram histogram = histogram(value, value, value);
        assertThat(histogram.counts()).containsExactly(3L);
        assertThat(value >= histogram.from()).isTrue(); // as numbers: -0.0 is 0.0
        assertThat(value <= histogram.from() + histogram.width()).isTrue();
        assertThat(histogram(value).counts()).containsExactly(1L);
    }

    @Test
    void whereMostAreEqualTheOthersStillShow() {
        double[] values = new double[100];
        values[7] = -4;
        values[8] = 9;
        Histogram histogram = histogram(values);
        assertThat(histogram.counts()).hasSizeGreaterThan(20);
        assertThat(histogram.counts().get(0)).isEqualTo(1);
        assertCounts(histogram, values);
    }

    @Test
    void nearlyEqualValuesHaveEdgesThatDiffer() {
        double[] values = {1e6, Math.nextUp(1e6), Math.nextUp(Math.nextUp(1e6))};
        Histogram histogram = histogram(values);
        assertThat(histogram.from() + histogram.width()).isGreaterThan(histogram.from());
        assertCounts(histogram, values);
    }

    @Test
    void twoSamplesShareBinsThatCoverBoth() {
        SortedValues left = new SortedValues(normal(4, 300, -20, 1));
        SortedValues right = new SortedValues(normal(5, 300, 20, 1));
        HistogramBins bins = HistogramBins.of(left, right);
        assertThat(bins.first() * bins.width()).isLessThanOrEqualTo(left.quantile(0));
        assertThat((bins.first() + bins.count()) * bins.width())
                .isGreaterThanOrEqualTo(right.quantile(1));
    }
}
