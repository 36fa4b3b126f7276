package io.github.baichuanreward.benchmarks.results;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A table of a result: cells as they stand there.
 *
 * @param columns their names, each once
 * @param rows as many cells as columns in each
 */
record Table(List<String> columns, List<List<String>> rows) {

    /** Checks the sizes. */
    Table {
        if (columns.stream().distinct().count() < columns.size()) {
            throw new IllegalArgumentException("two columns have one name: " + columns);
        }
        for (List<String> row : rows) {
            if (row.size() != columns.size()) {
                throw new IllegalArgumentException(
                        "a row has %d cells and there are %d columns: %s"
                                .formatted(row.size(), columns.size(), row));
            }
        }
    }

    /**
     * Where a column stands.
     *
     * @throws IllegalArgumentException if there is none of that name
     */
    int column(String name) {
        int at = columns.indexOf(name);
        if (at < 0) {
            throw new IllegalArgumentException(
                    "there is no column \"%s\", but %s".formatted(name, columns));
        }
        return at;
    }

    /**
     * Some of it.
     *
     * @param where what the cells of some columns may be; rows with other cells are left out
     * @param shown columns, by their names here, with those that they get; empty for all as they
     *     are
     * @throws IllegalArgumentException if a column is not there, or no row is left
     */
    Table select(Map<String, List<String>> where, Map<String, String> shown) {
        List<List<String>> kept = new ArrayList<>(rows);
        where.forEach(
                (column, allowed) -> {
                    int at = column(column);
                    kept.removeIf(row -> !allowed.contains(row.get(at)));
                });
        if (kept.isEmpty()) {
            throw new IllegalArgumentException("no row has " + where);
        }
        if (shown.isEmpty()) {
            return new Table(columns, kept);
        }
        List<Integer> places = shown.keySet().stream().map(this::column).toList();
        return new Table(
                List.copyOf(shown.values()),
                kept.stream().map(row -> places.stream().map(row::get).toList()).toList());
    }

    /** As Markdown; columns of numbers stand to the right. */
    String markdown() {
        StringBuilder text = new StringBuilder();
        text.append(line(columns));
        List<String> rules = new ArrayList<>();
        for (int column = 0; column < columns.size(); column++) {
            int at = column;
            boolean isNumeric =
                    rows.stream()
                            .map(row -> row.get(at))
                            .allMatch(cell -> cell.isEmpty() || Figure.isOne(cell));
            rules.add(isNumeric ? "--:" : "---");
        }
        text.append("|").append(String.join("|", rules)).append("|\n");
        rows.forEach(row -> text.append(line(row)));
        return text.toString();
    }

    private static String line(List<String> cells) {
        return "| " + String.join(" | ", cells) + " |\n";
    }

    /** Lines of a table in Markdown: a header, a rule, and rows. */
    static Table ofMarkdown(List<String> lines) {
        if (lines.size() < 3 || !lines.get(1).matches("\\|(\\s*:?-+:?\\s*\\|)+")) {
            throw new IllegalArgumentException(
                    "not a header, a rule and rows: " + String.join("\n", lines));
        }
        return new Table(
                cells(lines.get(0)),
                lines.subList(2, lines.size()).stream().map(Table::cells).toList());
    }

    private static List<String> cells(String line) {
        if (!line.endsWith("|")) {
            throw new IllegalArgumentException("a row does not end with |: " + line);
        }
        List<String> cells = new ArrayList<>();
        for (String cell : line.substring(1, line.length() - 1).split("\\|", -1)) {
            cells.add(cell.strip());
        }
        return cells;
    }
}
