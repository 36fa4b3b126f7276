package io.github.baichuanreward.eval;

import java.util.List;

/**
 * How values are spread.
 *
 * @param mean their mean
 * @param deviation their standard deviation, that of a sample (n - 1); NaN of fewer than two
 * @param quantiles the values at {@link #LEVELS}, between neighbours by straight lines
 * @param histogram their counts
 */
public record Distribution(
        double mean, double deviation, List<Double> quantiles, Histogram histogram) {

    /** Shares of the values that lie at or below each of {@link #quantiles}. */
    public static final List<Double> LEVELS =
            List.of(0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0);

    /** Copies the quantiles. */
    public Distribution {
        quantiles = List.copyOf(quantiles);
    }
}
