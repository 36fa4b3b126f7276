package io.github.baichuanreward.eval;

import java.util.Arrays;
import java.util.List;

/**
 * Bins of equal, round width, 20 to 42 of them where values differ, and with 0 at an edge if it
 * lies between them.
 *
 * <p>They reach to the last values that are no farther from the quartiles than six times the
 * distance between these: in a normal distribution 8.8 deviations from the mean, and fat tails are
 * within it. So one value far out does not squeeze all others into one bin. What is beyond is
 * counted in the outermost bins.
 *
 * @param first index of the first bin, the one from 0 on having index 0
 * @param width of each
 * @param count how many
 */
record HistogramBins(long first, double width, int count) {

    /** What a decade is divided by: round numbers, each at most twice the one before. */
    private static final List<String> ROUND = List.of("1", "2", "2.5", "5");

    private static final int MOST_BINS = 40;
    private static final double FENCE = 6;

    /** Below this part of their size, values are taken for equal: edges must differ as doubles. */
    private static final double SAME = 1e-9;

    /** Bins that suit all the samples, so that they can be compared. */
    static HistogramBins of(SortedValues... samples) {
        double low = Double.POSITIVE_INFINITY;
        double high = Double.NEGATIVE_INFINITY;
        for (SortedValues sample : samples) {
            double fence = FENCE * (sample.quantile(0.75) - sample.quantile(0.25));
            if (fence == 0) { // most are equal; then the others matter
                fence = Double.POSITIVE_INFINITY;
            }
            low = Math.min(low, sample.leastFrom(sample.quantile(0.25) - fence));
            high = Math.max(high, sample.greatestTo(sample.quantile(0.75) + fence));
        }
        return covering(low, high);
    }

    private static HistogramBins covering(double low, double high) {
        double size = Math.max(Math.abs(low), Math.abs(high));
        double span = high - low > SAME * size ? high - low : size;
        double width = span == 0 ? 1 : roundWidth(span / MOST_BINS);
        long first = (long) Math.floor(low / width);
        long end = (long) Math.ceil(high / width);
        return new HistogramBins(first, width, (int) Math.max(1, end - first));
    }

    /** The least round number that is not below {@code least}. */
    private static double roundWidth(double least) {
        for (int decade = (int) Math.floor(Math.log10(least)) - 1; ; decade++) {
            for (String digits : ROUND) {
                // Parsed, and not multiplied by a power, it is the double nearest to the decimal.
                double width = Double.parseDouble(digits + "e" + decade);
                if (width >= least) {
                    return width;
                }
            }
        }
    }

    /** Counts values that are in ascending order. */
    Histogram count(double[] sorted) {
        double from = first * width;
        long[] counts = new long[count];
        int bin = 0;
        for (double value : sorted) {
            while (bin < count - 1 && value >= from + (bin + 1) * width) {
                bin++;
            }
            counts[bin]++;
        }
        return new Histogram(from, width, Arrays.stream(counts).boxed().toList());
    }
}
