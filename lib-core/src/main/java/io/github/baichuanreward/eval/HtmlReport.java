package io.github.baichuanreward.eval;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.Map;

/**
 * An evaluation as one page for a browser, which needs nothing beside it: no network, no script, no
 * font.
 *
 * <pre>{@code
 * HtmlReport.write(report, Path.of("report.html"));
 * }</pre>
 *
 * <p>Texts of the data set are shown as they are, whatever is written in them: all are escaped, and
 * the page's own policy lets a browser load nothing and run nothing, and take no style but the
 * page's. The page is well-formed XML, too. The first two entries of {@link EvaluationReport#run}
 * stand below the title: model and data belong there.
 */
public final class HtmlReport {

    private static final String TITLE = "Reward model evaluation";

    private HtmlReport() {}

    /**
     * Writes the page, over a file that is there already.
     *
     * @throws IOException if it cannot be written
     */
    public static void write(EvaluationReport report, Path file) throws IOException {
        Files.writeString(file, html(report));
    }

    /** The page. */
    public static String html(EvaluationReport report) {
        Markup page = new Markup();
        page.raw("<!DOCTYPE html>\n");
        page.open("html", "xmlns", "http://www.w3.org/1999/xhtml", "lang", "en", "xml:lang", "en");
        page.newline();
        head(page);
        page.open("body").newline();
        header(page, report);
        page.open("main").newline();
        SummarySection.write(page, report);
        spread(page, report.numbers());
        GroupSections.write(page, report.numbers());
        WrongPairsSection.write(page, report);
        RunSection.write(page, report.run(), report.metrics());
        page.close(3).newline();
        return page.toString();
    }

    private static void head(Markup page) {
        String style = style();
        page.open("head").newline();
        page.empty("meta", "charset", "utf-8").newline();
        page.empty("meta", "http-equiv", "Content-Security-Policy", "content", policy(style));
        page.newline();
        page.empty("meta", "name", "viewport", "content", "width=device-width, initial-scale=1");
        page.newline();
        page.empty("meta", "name", "color-scheme", "content", "light dark").newline();
        page.empty("meta", "name", "referrer", "content", "no-referrer").newline();
        page.element("title", TITLE).newline();
        page.open("style").raw(style).close().newline().close().newline();
    }

    /** Nothing may be loaded or run, and this style alone applies. */
    private static String policy(String style) {
        return "default-src 'none'; style-src 'sha256-"
                + sha256(style)
                + "'; base-uri 'none'; form-action 'none'";
    }

    private static void header(Markup page, EvaluationReport report) {
        page.open("header").element("h1", TITLE);
        if (!report.run().isEmpty()) {
            page.open("dl", "class", "subject");
            report.run().entrySet().stream().limit(2).forEach(entry -> subject(page, entry));
            page.close();
        }
        page.open("nav", "aria-label", "Sections").open("ul");
        link(page, "rewards-section", "Rewards");
        link(page, "calibration-section", "Calibration");
        link(page, "lengths", "Length");
        link(page, "subsets", "Subsets");
        link(page, "wrong", "Most wrong pairs");
        link(page, "run", "The run");
        page.close(3).newline();
    }

    private static void subject(Markup page, Map.Entry<String, String> entry) {
        page.open("div").open("dt").element("bdi", entry.getKey()).close();
        page.open("dd").element("bdi", entry.getValue()).close(2);
    }

    private static void link(Markup page, String section, String name) {
        page.open("li").element("a", name, "href", "#" + section).close();
    }

    private static void spread(Markup page, EvaluationNumbers numbers) {
        page.open("section", "id", "rewards-section").element("h2", "Rewards");
        page.open("div", "class", "charts").newline();
        HistogramChart.rewards(page, numbers.spread());
        HistogramChart.differences(page, numbers);
        page.close(2).newline();
        page.open("section", "id", "calibration-section").element("h2", "Calibration");
        page.open("div", "class", "charts").newline();
        CalibrationChart.write(page, numbers.calibration());
        page.open("div", "class", "aside");
        page.element(
                "p",
                "A pair's confidence is the sigmoid of the size of its difference: how probable it"
                        + " is, by the model's own rewards, that the preferred answer is the better"
                        + " one. Pairs are grouped by confidence into ten bins; the bars are 95 %"
                        + " intervals of their accuracy.");
        page.element(
                "p",
                "Expected calibration error "
                        + NumberText.percent(numbers.calibration().error(), 1)
                        + ": the distance of the points from the diagonal, each weighted by its"
                        + " pairs.");
        page.close(3).newline();
    }

    private static String style() {
        try (InputStream in = HtmlReport.class.getResourceAsStream("report.css")) {
            if (in == null) {
                throw new AssertionError("no report.css beside HtmlReport");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String sha256(String text) {
        try {
            byte[] hash =
                    MessageDigest.getInstance("SHA-256")
                            .digest(text.getBytes(StandardCharsets.UTF_8));
            return Base64.getEncoder().encodeToString(hash);
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java has SHA-256", e);
        }
    }
}
