package io.github.baichuanreward.benchmarks.peers;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;

/**
 * The middle of some numbers, and how far they go.
 *
 * @param median the middle one, or the mean of the two in the middle
 */
record Spread(double median, double lowest, double highest) {

    /**
     * Of numbers.
     *
     * @throws IllegalArgumentException if there are none
     */
    static Spread of(Collection<Double> values) {
        List<Double> sorted = sorted(values);
        int upper = sorted.size() / 2;
        int lower = (sorted.size() - 1) / 2;
        return new Spread(
                (sorted.get(lower) + sorted.get(upper)) / 2,
                sorted.get(0),
                sorted.get(sorted.size() - 1));
    }

    /** The lowest that at least so many percent do not exceed. */
    static double percentile(int percent, Collection<Double> values) {
        List<Double> sorted = sorted(values);
        // In whole numbers: 100 * 0.07 is more than 7.
        int rank = (sorted.size() * percent + 99) / 100;
        return sorted.get(Math.max(1, rank) - 1);
    }

    private static List<Double> sorted(Collection<Double> values) {
        if (values.isEmpty()) {
            throw new IllegalArgumentException("no numbers");
        }
        List<Double> sorted = new ArrayList<>(values);
        sorted.sort(null);
        return sorted;
    }

    /** As {@code 1.5 (1.4 to 1.6)}, each in a format of its own. */
    String text(String format) {
        return String.format(
                Locale.ROOT,
                format + " (" + format + " to " + format + ")",
                median,
                lowest,
                highest);
    }
}
