package io.github.baichuanreward.benchmarks.results;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Bars in groups, each with its name before it, its number behind it and its spread upon it: an SVG
 * of text and rectangles, whose letters are dark where the reader's page is light, and light where
 * it is dark.
 */
final class BarChart {

    private static final int WIDTH = 760;
    private static final int ROW = 20;
    private static final int BAR = 14;
    private static final int TITLE = 30;
    private static final int HEADING = 26;
    private static final int MARGIN = 8;

    /** For the number behind the longest bar. */
    private static final int NUMBER = 70;

    /** Of letters, about, so that names have room; they are not measured here. */
    private static final double CAPITAL = 9;

    private static final double SMALL = 6.5;

    /** As far from white as from black. */
    private static final List<String> COLOURS =
            List.of("#3b82c4", "#d9822b", "#3f9e6b", "#a05fb5", "#c4504a", "#7f8c8d");

    private static final String STYLE =
            """
            <style>
            text { font: 12px sans-serif; fill: #1f2328 }
            .title { font-size: 14px; font-weight: bold }
            .group { font-weight: bold }
            .spread { stroke: #1f2328; stroke-width: 1.5 }
            @media (prefers-color-scheme: dark) {
            text { fill: #e6edf3 }
            .spread { stroke: #e6edf3 }
            }
            </style>
            """;

    private record Bar(String name, Figure figure) {}

    private final String title;
    private final Map<String, List<Bar>> groups = new LinkedHashMap<>();
    private final List<String> names = new ArrayList<>();
    private final StringBuilder svg = new StringBuilder();

    private BarChart(String title) {
        this.title = title;
    }

    /**
     * Draws a table.
     *
     * @throws IllegalArgumentException if a column is not there or a cell is no number; empty cells
     *     are passed by
     */
    static String of(Table table, Subject.Chart chart) {
        Map<String, List<String>> where = chart.where();
        Table drawn = table.select(where == null ? Map.of() : where, Map.of());
        BarChart bars = new BarChart(chart.title());
        for (List<String> row : drawn.rows()) {
            bars.add(drawn, row, chart);
        }
        return bars.draw();
    }

    private void add(Table table, List<String> row, Subject.Chart chart) {
        String groups = chart.groups();
        String group = groups == null ? "" : groups + " " + row.get(table.column(groups));
        for (String value : chart.values()) {
            String cell = row.get(table.column(value));
            if (!cell.isEmpty()) {
                add(group.strip(), name(table, row, chart.bars(), value), Figure.of(cell));
            }
        }
    }

    private static String name(Table table, List<String> row, @Nullable String bars, String value) {
        return bars == null ? value : row.get(table.column(bars));
    }

    private void add(String group, String name, Figure figure) {
        groups.computeIfAbsent(group, key -> new ArrayList<>()).add(new Bar(name, figure));
        if (!names.contains(name)) {
            names.add(name);
        }
    }

    private String draw() {
        double longest =
                groups.values().stream()
                        .flatMap(List::stream)
                        .mapToDouble(bar -> bar.figure().highest())
                        .max()
                        .orElseThrow(() -> new IllegalArgumentException(title + ": no bar"));
        int left = MARGIN + (int) names.stream().mapToDouble(BarChart::width).max().orElse(0);
        double scale = (WIDTH - left - 2 * MARGIN - NUMBER) / longest;
        int y = TITLE;
        for (Map.Entry<String, List<Bar>> group : groups.entrySet()) {
            if (!group.getKey().isEmpty()) {
                text(MARGIN, y + HEADING - 9, "group", group.getKey());
                y += HEADING;
            }
            for (Bar bar : group.getValue()) {
                draw(bar, left, y, scale);
                y += ROW;
            }
        }
        return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\">\n"
                        .formatted(WIDTH, y + MARGIN, WIDTH, y + MARGIN)
                + "<title>%s</title>\n".formatted(escaped(title))
                + STYLE
                + "<text x=\"%d\" y=\"20\" class=\"title\">%s</text>\n"
                        .formatted(MARGIN, escaped(title))
                + svg
                + "</svg>\n";
    }

    private static double width(String name) {
        return name.chars().mapToDouble(c -> Character.isUpperCase(c) ? CAPITAL : SMALL).sum();
    }

    private void draw(Bar bar, int left, int y, double scale) {
        int from = left + MARGIN;
        Figure figure = bar.figure();
        svg.append(
                "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n"
                        .formatted(left, y + BAR - 2, escaped(bar.name())));
        svg.append(
                "<rect x=\"%d\" y=\"%d\" width=\"%s\" height=\"%d\" fill=\"%s\"/>\n"
                        .formatted(
                                from,
                                y,
                                number(figure.value() * scale),
                                BAR,
                                COLOURS.get(names.indexOf(bar.name()) % COLOURS.size())));
        if (figure.lowest() < figure.highest()) {
            svg.append(
                    "<path d=\"M%s %dH%s\" class=\"spread\"/>\n"
                            .formatted(
                                    number(from + figure.lowest() * scale),
                                    y + BAR / 2,
                                    number(from + figure.highest() * scale)));
        }
        int behind = (int) (from + figure.highest() * scale) + 6;
        text(behind, y + BAR - 2, "number", figure.text());
    }

    private void text(int x, int y, String style, String content) {
        svg.append(
                "<text x=\"%d\" y=\"%d\" class=\"%s\">%s</text>\n"
                        .formatted(x, y, style, escaped(content)));
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.1f", value);
    }

    private static String escaped(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
    }
}
