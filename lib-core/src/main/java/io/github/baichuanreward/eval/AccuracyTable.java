package io.github.baichuanreward.eval;

import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * Accuracies in rows, each with a drawing of its interval, all on one scale: chart and table at
 * once, which a hundred rows do not make less readable, and paper can break between them.
 *
 * <p>The drawings are as wide as their column, so they count across in percent.
 */
final class AccuracyTable {

    private static final int HEIGHT = 20;
    private static final String MIDDLE = "10";

    /** About what fits two lines; who points at a name sees all of it. */
    private static final int LONGEST_NAME = 56;

    private final Markup page;
    private final Axis axis;
    private final double step;
    private final double reference;
    private final List<String> more;

    /**
     * A row.
     *
     * @param name of a data set or ours
     * @param accuracy what is drawn
     * @param more further cells, as many as there are headings
     */
    record Row(String name, Proportion accuracy, List<String> more) {}

    private AccuracyTable(Markup page, Axis axis, double reference, List<String> more) {
        this.page = page;
        this.axis = axis;
        this.step = axis.step(5);
        this.reference = reference;
        this.more = more;
    }

    /**
     * Writes a table.
     *
     * @param caption what it shows, for those who do not see the drawings
     * @param reference an accuracy that a line marks, and from which those whose interval leaves it
     *     out stand out; or NaN
     * @param first heading of the names
     * @param more headings of further columns
     */
    static void write(
            Markup page,
            String caption,
            double reference,
            String first,
            List<String> more,
            List<Row> rows) {
        Axis axis = axis(rows.stream().map(Row::accuracy), reference);
        new AccuracyTable(page, axis, reference, more).write(caption, first, rows);
    }

    /**
     * Covers all intervals and the reference in steps of ten percent, two of them at least: small
     * distances should not look large.
     */
    static Axis axis(Stream<Proportion> accuracies, double reference) {
        double from = Double.isNaN(reference) ? 1 : reference;
        double to = Double.isNaN(reference) ? 0 : reference;
        for (Proportion accuracy : accuracies.filter(share -> share.of() > 0).toList()) {
            from = Math.min(from, accuracy.lower());
            to = Math.max(to, accuracy.upper());
        }
        long first = Math.max(0, (long) Math.floor(from * 10 + 1e-9));
        long last = Math.min(10, (long) Math.ceil(to * 10 - 1e-9));
        if (first >= last) {
            return new Axis(0, 1, 0, 100);
        }
        first = Math.max(0, Math.min(first, last - 2));
        last = Math.max(last, first + 2);
        return new Axis(first / 10.0, last / 10.0, 0, 100);
    }

    private void write(String caption, String first, List<Row> rows) {
        page.open("table", "class", "accuracies");
        page.element("caption", caption).open("thead").open("tr");
        page.element("th", first, "scope", "col", "class", "name");
        page.open("th", "scope", "col", "class", "drawing");
        scale();
        page.close();
        heading("accuracy");
        heading("95 % interval");
        heading("pairs");
        more.forEach(this::heading);
        page.close(2).open("tbody").newline();
        rows.forEach(this::row);
        page.close(2).newline();
    }

    private void heading(String text) {
        page.element("th", text, "scope", "col");
    }

    private void row(Row row) {
        page.open("tr").open("th", "scope", "row", "class", "name");
        if (row.name().isBlank()) {
            page.element("span", "no name", "class", "nothing");
        } else {
            String name = VisibleText.withoutMiddle(row.name(), LONGEST_NAME);
            page.element("bdi", name, "title", row.name());
        }
        page.close().open("td", "class", "drawing");
        drawing(row.accuracy());
        page.close();
        cell("accuracy", NumberText.percent(row.accuracy(), 1));
        cell("interval", NumberText.interval(row.accuracy(), 1));
        cell("pairs", NumberText.count(row.accuracy().of()));
        for (int i = 0; i < more.size(); i++) {
            cell(more.get(i), row.more().get(i));
        }
        page.close().newline();
    }

    /** A cell with a label that shows where the headings do not: on phones. */
    private void cell(String label, String text) {
        page.element("td", text, "data-label", label);
    }

    /** The numbers of the scale. */
    private void scale() {
        page.element("span", "drawn", "class", "unseen");
        begin("scale");
        for (double tick : axis.ticks(step)) {
            page.element(
                    "text",
                    Math.round(100 * tick) + "\u00A0%",
                    "class",
                    "tick middle",
                    "x",
                    across(tick),
                    "y",
                    "14");
        }
        page.close();
    }

    private void drawing(Proportion accuracy) {
        begin("strip");
        axis.ticks(step).forEach(tick -> vertical("grid", tick));
        if (!Double.isNaN(reference)) {
            vertical("reference", reference);
        }
        if (accuracy.of() > 0) {
            page.empty(
                    "line",
                    "class",
                    "interval",
                    "x1",
                    across(accuracy.lower()),
                    "x2",
                    across(accuracy.upper()),
                    "y1",
                    MIDDLE,
                    "y2",
                    MIDDLE);
            page.empty(
                    "circle",
                    "class",
                    standsOut(accuracy) ? "point apart" : "point",
                    "cx",
                    across(accuracy.value()),
                    "cy",
                    MIDDLE,
                    "r",
                    "4");
        }
        page.close();
    }

    private boolean standsOut(Proportion accuracy) {
        return Double.isNaN(reference)
                || accuracy.upper() < reference
                || accuracy.lower() > reference;
    }

    /** Hidden from those who do not see: what is drawn stands in the row as well. */
    private void begin(String kind) {
        page.open(
                "svg",
                "xmlns",
                "http://www.w3.org/2000/svg",
                "class",
                kind,
                "width",
                "100%",
                "height",
                Integer.toString(HEIGHT),
                "aria-hidden",
                "true");
    }

    private void vertical(String kind, double value) {
        String x = across(value);
        page.empty("line", "class", kind, "x1", x, "x2", x, "y1", "0", "y2", "100%");
    }

    private String across(double value) {
        return String.format(Locale.ROOT, "%.2f%%", axis.at(value));
    }
}
