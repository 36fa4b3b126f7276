package io.github.baichuanreward.eval;

import java.util.Locale;

/**
 * The frame of a chart as inline SVG: its name for those who do not see it, grid lines, and round
 * numbers along both sides. Charts draw into it with the coordinates that {@link #x} and {@link #y}
 * give.
 *
 * <p>Sizes are units of a drawing as wide as a phone; the page scales it, and its style sheet sets
 * the size of the letters for both.
 */
final class Plot {

    static final double WIDTH = 360;
    static final double LEFT = 40;
    static final double RIGHT = 350;
    static final double TOP = 38;

    private static final int TICKS = 6;

    final Axis x;
    final Axis y;
    private final Markup page;
    private final String id;
    private final double bottom;

    /**
     * Begins the drawing.
     *
     * @param id of the drawing; starts those of its parts
     * @param x across, in coordinates of the drawing
     * @param y upwards: from its bottom to its top
     */
    Plot(Markup page, String id, double height, Axis x, Axis y) {
        this.page = page;
        this.id = id;
        this.x = x;
        this.y = y;
        this.bottom = y.start();
        page.open(
                "svg",
                "xmlns",
                "http://www.w3.org/2000/svg",
                "id",
                id,
                "class",
                "plot",
                "viewBox",
                "0 0 " + number(WIDTH) + " " + number(height),
                "role",
                "img",
                "aria-labelledby",
                id + "-title " + id + "-desc");
    }

    /** What the chart is, and what it shows. */
    void name(String title, String description) {
        page.element("title", title, "id", id + "-title");
        page.element("desc", description, "id", id + "-desc").newline();
    }

    /** Grid lines across, with the numbers at the left, and what they count above them. */
    void countsAtTheLeft(String what) {
        double step = Math.max(1, y.step(4));
        for (double tick : y.ticks(step)) {
            horizontal(tick, NumberText.tick(tick, step));
        }
        page.element("text", what, "class", "name", "x", "0", "y", number(TOP - 10));
    }

    /** A grid line with its number at the left. */
    void horizontal(double value, String text) {
        double at = y.at(value);
        line("grid", LEFT, at, RIGHT, at);
        text("tick end", LEFT - 5, at + 3.5, text);
    }

    /** Numbers below, and what they are. */
    void valuesBelow(String what) {
        double step = x.step(TICKS);
        for (double tick : x.ticks(step)) {
            below(tick, NumberText.tick(tick, step), bottom);
        }
        nameBelow(what, bottom);
    }

    /** A number below a line that stands for one of {@link #x}. */
    void below(double value, String text, double line) {
        line("mark", x.at(value), line, x.at(value), line + 4);
        text("tick middle", x.at(value), line + 15, text);
    }

    void nameBelow(String what, double line) {
        text("name middle", (LEFT + RIGHT) / 2, line + 31, what);
    }

    void line(String kind, double x1, double y1, double x2, double y2) {
        page.empty(
                        "line",
                        "class",
                        kind,
                        "x1",
                        number(x1),
                        "y1",
                        number(y1),
                        "x2",
                        number(x2),
                        "y2",
                        number(y2))
                .newline();
    }

    void text(String kind, double atX, double atY, String text) {
        page.element("text", text, "class", kind, "x", number(atX), "y", number(atY)).newline();
    }

    /** A rectangle that says something to those who point at it. */
    void rectangle(String kind, double x1, double x2, double y1, double y2, String hint) {
        page.open(
                "rect",
                "class",
                kind,
                "x",
                number(Math.min(x1, x2)),
                "y",
                number(Math.min(y1, y2)),
                "width",
                number(Math.abs(x2 - x1)),
                "height",
                number(Math.abs(y2 - y1)));
        page.element("title", hint).close().newline();
    }

    /** A way to draw: everything about it that is not a pattern says the style sheet. */
    record Ink(String kind, String fill) {}

    Ink solid(String kind) {
        return new Ink(kind, "none");
    }

    /** Filled with slanted lines, for those who cannot tell colours apart. */
    Ink hatched(String kind) {
        String name = id + "-" + kind;
        page.open(
                "pattern",
                "id",
                name,
                "patternUnits",
                "userSpaceOnUse",
                "width",
                "5",
                "height",
                "5",
                "patternTransform",
                "rotate(45)");
        line(kind + "-hatching", 0, 0, 0, 5);
        page.close().newline();
        return new Ink(kind, "url(#" + name + ")");
    }

    void path(Ink ink, String outline) {
        page.empty("path", "class", ink.kind(), "d", outline, "fill", ink.fill()).newline();
    }

    /** A sample of an ink, and what is drawn with it, above everything. */
    void legend(double atX, Ink ink, String text) {
        path(ink, "M" + number(atX) + " 3h16v9h-16z");
        text("key", atX + 21, 11, text);
    }

    void circle(String kind, double atX, double atY, double radius, String hint) {
        page.open(
                "circle", "class", kind, "cx", number(atX), "cy", number(atY), "r", number(radius));
        page.element("title", hint).close().newline();
    }

    void end() {
        page.close().newline();
    }

    /** A coordinate, to a hundredth. */
    static String number(double coordinate) {
        String text = String.format(Locale.ROOT, "%.2f", coordinate);
        return text.replaceFirst("\\.?0+$", "").replaceFirst("^-0$", "0");
    }
}
