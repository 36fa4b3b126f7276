package io.github.baichuanreward.eval;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The page as a browser shows it. A page and pictures of it are left in {@code target/report}. */
class HtmlReportInBrowserTest {

    private static final int PHONE = 360;

    private static final String OPEN_ALL =
            "for (const one of document.querySelectorAll('details')) one.open = true";

    @TempDir static Path folder;
    private static @Nullable Chromium started;
    private Chromium browser;

    @AfterAll
    static void stop() {
        if (started != null) {
            started.close();
        }
    }

    /** Before each, not once: so each test counts as skipped where there is no browser. */
    @BeforeEach
    void desktop() throws Exception {
        if (started == null) {
            started = Chromium.start(folder.resolve("profile"));
        }
        browser = started;
        browser.resize(1280, 900);
        browser.prefer("light");
    }

    private Path open(EvaluationReport report) throws Exception {
        Path file = Files.createTempFile(folder, "report", ".html");
        HtmlReport.write(report, file);
        browser.open(file);
        return file;
    }

    @Test
    void nothingIsComplainedOfAndNothingElseAskedFor() throws Exception {
        Path file = open(DemoReport.of(5000, 24));
        browser.evaluate(OPEN_ALL);
        assertThat(browser.complaints()).isEmpty();
        assertThat(browser.requests()).containsExactly(file.toUri().toString());
    }

    @Test
    void complaintsAreHeard() throws Exception {
        String page = Files.readString(open(DemoReport.of(1, 0)));
        Path file = folder.resolve("injected.html");
        Files.writeString(
                file,
                page.replace(
                        "</h1>",
                        "</h1><script>window.owned = 1</script>"
                                + "<p id=\"styled\" style=\"color: red\">x</p>"));
        browser.open(file);
        assertThat(browser.complaints()).hasSize(2).allMatch(it -> it.contains("Security Policy"));
        assertThat(browser.evaluate("typeof window.owned").asText()).isEqualTo("undefined");
    }

    @Test
    void hostileTextsAreShownAndNeverRun() throws Exception {
        Path file = open(DemoReport.hostile(300));
        browser.evaluate(OPEN_ALL);
        browser.evaluate(
                "for (const one of document.querySelectorAll('*'))"
                        + " { one.dispatchEvent(new Event('mouseover')); one.focus?.() }");
        assertThat(browser.evaluate("document.title").asText())
                .isEqualTo("Reward model evaluation");
        assertThat(browser.evaluate("typeof window.owned").asText()).isEqualTo("undefined");
        assertThat(browser.complaints()).isEmpty();
        assertThat(browser.requests()).containsExactly(file.toUri().toString());
        List<String> shown = texts(".chosen .text");
        assertThat(shown)
                .containsExactlyElementsOf(
                        DemoTexts.HOSTILE.stream()
                                .filter(text -> !text.isBlank())
                                .map(VisibleText::of)
                                .toList());
        assertThat(browser.evaluate("document.querySelectorAll('.chosen .text *').length").asInt())
                .isZero();
    }

    private List<String> texts(String selector) throws Exception {
        JsonNode found =
                browser.evaluate(
                        "[...document.querySelectorAll('%s')].map(one => one.textContent)"
                                .formatted(selector));
        List<String> texts = new ArrayList<>();
        found.forEach(text -> texts.add(text.asText()));
        return texts;
    }

    @Test
    void everyChartIsVisible() throws Exception {
        open(DemoReport.of(5000, 24));
        JsonNode plots =
                browser.evaluate(
                        "[...document.querySelectorAll('svg.plot')].map(plot =>"
                                + " [plot.id, plot.getBoundingClientRect().width,"
                                + " plot.getBoundingClientRect().height])");
        assertThat(plots)
                .extracting(plot -> plot.get(0).asText())
                .containsExactly("rewards", "differences", "calibration");
        assertThat(plots)
                .allMatch(plot -> plot.get(1).asDouble() > 300 && plot.get(2).asDouble() > 200);
        assertThat(browser.evaluate("document.querySelectorAll('svg.strip').length").asInt())
                .isEqualTo(3 + 5 + 3 + 24);
    }

    @Test
    void colourIsNotAllThatTellsChosenFromRejected() throws Exception {
        open(DemoReport.of(500, 0));
        String style = "getComputedStyle(document.querySelector('#rewards path.%s')).%s";
        assertThat(browser.evaluate(style.formatted("rejected", "fill")).asText())
                .contains("#rewards-rejected");
        assertThat(browser.evaluate(style.formatted("rejected", "strokeDasharray")).asText())
                .isNotEqualTo("none");
        assertThat(browser.evaluate(style.formatted("chosen", "strokeDasharray")).asText())
                .isEqualTo("none");
    }

    @ParameterizedTest
    @ValueSource(strings = {"light", "dark"})
    void aPhoneNeverScrollsSideways(String scheme) throws Exception {
        browser.resize(PHONE, 740);
        browser.prefer(scheme);
        for (EvaluationReport report :
                List.of(
                        DemoReport.of(5000, 100),
                        DemoReport.hostile(300),
                        DemoReport.of(1, 0),
                        DemoReport.of(0, 0),
                        DemoReport.ties(20))) {
            open(report);
            browser.evaluate(OPEN_ALL);
            assertThat(browser.evaluate("document.documentElement.clientWidth").asInt())
                    .isEqualTo(PHONE);
            assertThat(browser.evaluate("document.documentElement.scrollWidth").asInt())
                    .isLessThanOrEqualTo(PHONE);
        }
    }

    @Test
    void noWidthScrollsSideways() throws Exception {
        open(DemoReport.of(2000, 24));
        browser.evaluate(OPEN_ALL);
        for (int width : new int[] {320, 481, 737, 768, 897, 1024, 1920}) {
            browser.resize(width, 740);
            assertThat(browser.evaluate("document.documentElement.scrollWidth").asInt())
                    .isLessThanOrEqualTo(width);
        }
    }

    @Test
    void darkAndLightFollowTheReader() throws Exception {
        open(DemoReport.of(500, 0));
        String ground = "getComputedStyle(document.body).backgroundColor";
        assertThat(browser.evaluate(ground).asText()).isEqualTo("rgb(255, 255, 255)");
        browser.prefer("dark");
        assertThat(browser.evaluate(ground).asText()).isEqualTo("rgb(21, 24, 28)");
    }

    @Test
    void picturesAreLeftForPeople() throws Exception {
        Path pictures = Files.createDirectories(Path.of("target", "report"));
        Path file = pictures.resolve("report.html").toAbsolutePath();
        HtmlReport.write(DemoReport.of(22_311, 24), file);
        browser.open(file);
        browser.evaluate("document.getElementById('wrong-1').open = true");
        for (String scheme : List.of("light", "dark")) {
            browser.prefer(scheme);
            browser.resize(1280, 900);
            browser.screenshot(pictures.resolve(scheme + ".png"));
            browser.resize(PHONE, 740);
            browser.screenshot(pictures.resolve("phone-" + scheme + ".png"));
        }
        assertThat(pictures.resolve("phone-dark.png")).isNotEmptyFile();
    }
}
