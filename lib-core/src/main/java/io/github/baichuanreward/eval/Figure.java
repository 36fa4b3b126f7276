package io.github.baichuanreward.eval;

import java.util.List;

/** A chart with its title and description above, and its numbers as a table below. */
final class Figure {

    private Figure() {}

    static void begin(Markup page, String title, String description) {
        page.open("figure").open("figcaption").element("h3", title);
        page.element("p", description).close().newline();
    }

    /** A whole figure, where there is nothing to draw. */
    static void nothing(Markup page, String title) {
        page.open("figure").open("figcaption").element("h3", title);
        page.element("p", "There are no pairs to show.", "class", "nothing").close(2).newline();
    }

    /**
     * Ends a figure with its numbers, closed until somebody wants them.
     *
     * @param headings of the columns
     * @param rows as many cells each; the first one names the row
     */
    static void end(Markup page, List<String> headings, List<List<String>> rows) {
        page.open("details", "class", "numbers").element("summary", "The numbers of this chart");
        page.open(
                "div",
                "class",
                "scroll",
                "tabindex",
                "0",
                "role",
                "group",
                "aria-label",
                "Numbers");
        page.open("table").open("thead").open("tr");
        headings.forEach(heading -> page.element("th", heading, "scope", "col"));
        page.close(2).open("tbody").newline();
        for (List<String> row : rows) {
            page.open("tr").element("th", row.get(0), "scope", "row");
            row.subList(1, row.size()).forEach(cell -> page.element("td", cell));
            page.close().newline();
        }
        page.close(5).newline();
    }
}
