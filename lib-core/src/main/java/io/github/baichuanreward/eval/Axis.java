package io.github.baichuanreward.eval;

import java.util.ArrayList;
import java.util.List;

/**
 * Where values lie along a line of a drawing.
 *
 * @param from the value at the start
 * @param to the value at the end; more than {@code from}
 * @param start where the line begins, in units of the drawing
 * @param end where it ends; may lie before the start, as heights do
 */
record Axis(double from, double to, double start, double end) {

    /** Checks that the values are apart. */
    Axis {
        if (!(from < to) || !Double.isFinite(to - from)) {
            throw new IllegalArgumentException("an axis from " + from + " to " + to);
        }
    }

    /** An axis over values that may all be the same. */
    static Axis over(double from, double to, double start, double end) {
        if (from < to) {
            return new Axis(from, to, start, end);
        }
        double room = Math.max(1, Math.abs(from) * 1e-3);
        return new Axis(from - room, from + room, start, end);
    }

    /** Where a value lies. */
    double at(double value) {
        return start + (value - from) / (to - from) * (end - start);
    }

    /** The distance of round numbers, one, two or five of a power of ten, so that few are there. */
    double step(int atMost) {
        double least = (to - from) / atMost;
        double power = Math.pow(10, Math.floor(Math.log10(least)));
        for (int factor : new int[] {1, 2, 5}) {
            if (factor * power >= least * (1 - 1e-9)) {
                return factor * power;
            }
        }
        return 10 * power;
    }

    /** The multiples of a step that lie on the line. */
    List<Double> ticks(double step) {
        List<Double> ticks = new ArrayList<>();
        double first = Math.ceil(from / step - 1e-9);
        double last = Math.floor(to / step + 1e-9);
        // Counted by an int: where the values are huge and close together, first + 1 is first.
        for (int i = 0; i <= Math.min(last - first, 100); i++) {
            ticks.add((first + i) * step);
        }
        return ticks;
    }
}
