package io.github.baichuanreward.eval;

import java.util.Arrays;
import java.util.List;

/** A sample in ascending order; nothing about it depends on the order that it came in. */
final class SortedValues {

    private final double[] values;

    /**
     * Takes and sorts an array.
     *
     * @param values one or more, all finite
     */
    SortedValues(double[] values) {
        this.values = values;
        Arrays.sort(values);
    }

    /**
     * The value that a share of all values does not exceed, between neighbours by straight lines:
     * {@code level * (n - 1)} values lie below it (type 7 of Hyndman and Fan, 1996, and what NumPy
     * does).
     *
     * @param level from 0 to 1
     */
    double quantile(double level) {
        double position = level * (values.length - 1);
        int below = (int) position;
        double part = position - below;
        return part == 0
                ? values[below]
                : values[below] + part * (values[below + 1] - values[below]);
    }

    /** The least value that is not below a bound, which the greatest is not. */
    double leastFrom(double bound) {
        int i = 0;
        while (values[i] < bound) {
            i++;
        }
        return values[i];
    }

    /** The greatest value that is not above a bound, which the least is not. */
    double greatestTo(double bound) {
        int i = values.length - 1;
        while (values[i] > bound) {
            i--;
        }
        return values[i];
    }

    /** All of it, counted in the given bins. */
    Distribution distribution(HistogramBins bins) {
        double mean = mean();
        List<Double> quantiles = Distribution.LEVELS.stream().map(this::quantile).toList();
        return new Distribution(mean, deviation(mean), quantiles, bins.count(values));
    }

    private double mean() {
        ExactSum sum = new ExactSum();
        for (double value : values) {
            sum.add(value);
        }
        return sum.value() / values.length;
    }

    /** In a second pass, for a difference of large sums of squares would lose its digits. */
    private double deviation(double mean) {
        ExactSum squares = new ExactSum();
        for (double value : values) {
            squares.add((value - mean) * (value - mean));
        }
        return Math.sqrt(squares.value() / (values.length - 1));
    }
}
