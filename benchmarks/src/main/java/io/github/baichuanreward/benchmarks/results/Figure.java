package io.github.baichuanreward.benchmarks.results;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A number of a result with its spread.
 *
 * @param text the number alone, as it stands there
 * @param lowest the number itself where no spread is told, and so {@code highest}
 */
record Figure(String text, double value, double lowest, double highest) {

    private static final String NUMBER = "([0-9]+(?:\\.[0-9]+)?)";

    /**
     * {@code 1.5}, {@code 98 %}, {@code 1.5 ± 0.1} or {@code 1.5 (1.4 to 1.6)}, with a dash, too.
     */
    private static final Pattern PATTERN =
            Pattern.compile(
                    "%s(?: ?(?:%%|ms|s|GB))?(?: ± %s| \\(%s (?:to|-) %s\\))?"
                            .formatted(NUMBER, NUMBER, NUMBER, NUMBER));

    /** Whether a cell is one. */
    static boolean isOne(String cell) {
        return PATTERN.matcher(cell).matches();
    }

    /**
     * Reads a cell.
     *
     * @throws IllegalArgumentException if it is none; quotes it
     */
    static Figure of(String cell) {
        Matcher matcher = PATTERN.matcher(cell);
        if (!matcher.matches()) {
            throw new IllegalArgumentException("not a number, with its spread or without: " + cell);
        }
        double value = Double.parseDouble(matcher.group(1));
        if (matcher.group(2) != null) {
            double error = Double.parseDouble(matcher.group(2));
            return new Figure(matcher.group(1), value, Math.max(0, value - error), value + error);
        }
        if (matcher.group(3) != null) {
            return new Figure(
                    matcher.group(1),
                    value,
                    Double.parseDouble(matcher.group(3)),
                    Double.parseDouble(matcher.group(4)));
        }
        return new Figure(matcher.group(1), value, value, value);
    }
}
