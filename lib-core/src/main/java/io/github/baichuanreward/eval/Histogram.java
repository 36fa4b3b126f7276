package io.github.baichuanreward.eval;

import java.util.List;

/**
 * Counts of values in bins of equal width; bin {@code i} goes from {@code from + i * width},
 * inclusive, to {@code from + (i + 1) * width}. The first bin also counts what lies below it, and
 * the last one its end and what lies above: a few values far out do not make all bins wide.
 *
 * @param from where the first bin begins
 * @param width of each bin; positive
 * @param counts values in each
 */
public record Histogram(double from, double width, List<Long> counts) {

    /** Copies the counts. */
    public Histogram {
        counts = List.copyOf(counts);
    }
}
