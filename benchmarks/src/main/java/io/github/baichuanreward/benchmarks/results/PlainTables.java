package io.github.baichuanreward.benchmarks.results;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Tables that programs print as plain text, which results quote in fences. */
final class PlainTables {

    private static final String BENCH_HEADER =
            "tokens    tokens/s   (lowest - highest)  sequences/s     p50 ms     p99 ms";

    private static final String NUMBER = "\\s+([0-9.]+)";

    private static final Pattern BENCH_ROW =
            Pattern.compile(
                    "\\s*([0-9]+)" + NUMBER + NUMBER + " -" + NUMBER + NUMBER + NUMBER + NUMBER);

    private PlainTables() {}

    /** The tables among the lines of a fence; other lines are no one's. */
    static List<Table> in(List<String> lines) {
        List<Table> tables = new ArrayList<>();
        for (int i = 0; i < lines.size(); i++) {
            List<String> rest = lines.subList(i, lines.size());
            if (lines.get(i).startsWith("Benchmark ")) {
                tables.add(ofJmh(rest));
            } else if (lines.get(i).strip().equals(BENCH_HEADER)) {
                tables.add(ofBench(rest));
            }
        }
        return tables;
    }

    /**
     * What JMH prints at its end. {@code Score} and {@code Error} become one cell, and the number
     * of measurements is left out; both are missing where there was one measurement.
     */
    private static Table ofJmh(List<String> lines) {
        List<String> columns = words(lines.get(0));
        int parameters = columns.indexOf("Mode");
        if (parameters < 0
                || !columns.subList(parameters, columns.size())
                        .equals(List.of("Mode", "Cnt", "Score", "Error", "Units"))) {
            throw new IllegalArgumentException("not a header of JMH: " + lines.get(0));
        }
        List<String> kept = new ArrayList<>(columns.subList(0, parameters + 1));
        kept.addAll(List.of("Score", "Units"));
        List<List<String>> rows = new ArrayList<>();
        for (String line : lines.subList(1, lines.size())) {
            List<String> words = words(line);
            List<String> row = new ArrayList<>(words.subList(0, parameters + 1));
            List<String> figures = words.subList(parameters + 1, words.size() - 1);
            row.add(
                    switch (figures.size()) {
                        case 1 -> figures.get(0);
                        case 4 -> String.join(" ", figures.subList(1, 4)); // with a ± between
                        default -> throw new IllegalArgumentException("not a row of JMH: " + line);
                    });
            row.add(words.get(words.size() - 1));
            rows.add(row);
        }
        return new Table(kept, rows);
    }

    /** What {@code ./reward bench} prints. */
    private static Table ofBench(List<String> lines) {
        List<List<String>> rows = new ArrayList<>();
        for (String line : lines.subList(1, lines.size())) {
            Matcher row = BENCH_ROW.matcher(line);
            if (!row.matches()) {
                throw new IllegalArgumentException("not a row of ./reward bench: " + line);
            }
            rows.add(
                    List.of(
                            row.group(1),
                            "%s (%s to %s)".formatted(row.group(2), row.group(3), row.group(4)),
                            row.group(5),
                            row.group(6),
                            row.group(7)));
        }
        return new Table(
                List.of(
                        "tokens",
                        "tokens/s",
                        "sequences/s",
                        "one at a time, p50 ms",
                        "one at a time, p99 ms"),
                rows);
    }

    private static List<String> words(String line) {
        return Arrays.asList(line.strip().split("\\s+"));
    }
}
