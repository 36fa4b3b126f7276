package io.github.baichuanreward.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.w3c.dom.Attr;
import org.w3c.dom.Element;
import org.w3c.dom.NamedNodeMap;

/**
 * The page, read as XML, for it must be well-formed: what it says, and what can be in it at all.
 */
class HtmlReportTest {

    private static final EvaluationReport REPORT = DemoReport.of(5000, 24);

    static Stream<EvaluationReport> reports() {
        return Stream.of(
                REPORT,
                DemoReport.of(3000, 100),
                DemoReport.hostile(300),
                DemoReport.of(1, 0),
                DemoReport.of(1, 1),
                DemoReport.of(0, 0),
                DemoReport.ties(9));
    }

    @ParameterizedTest
    @MethodSource("reports")
    void holdsNothingThatRunsOrLoads(EvaluationReport report) throws Exception {
        ReportPage page = ReportPage.of(report);
        Set<String> tags = new HashSet<>();
        Set<String> attributes = new HashSet<>();
        Set<String> ids = new HashSet<>();
        for (Element element : page.all("//*")) {
            tags.add(element.getTagName());
            NamedNodeMap all = element.getAttributes();
            for (int i = 0; i < all.getLength(); i++) {
                Attr attribute = (Attr) all.item(i);
                attributes.add(attribute.getName());
                if (attribute.getName().equals("id")) {
                    assertThat(ids.add(attribute.getValue())).as(attribute.getValue()).isTrue();
                }
                if (attribute.getName().equals("href")) {
                    assertThat(attribute.getValue()).matches("#[a-z-]+");
                    page.one("//section[@id='" + attribute.getValue().substring(1) + "']");
                }
            }
        }
        assertThat(tags)
                .doesNotContain("script", "link", "img", "iframe", "base", "object", "form", "a:");
        assertThat(attributes).doesNotContain("style", "src", "srcset", "action", "xlink:href");
        assertThat(attributes).noneMatch(name -> name.startsWith("on"));
    }

    @Test
    void thePolicyAllowsItsOwnStyleAndNothingElse() throws Exception {
        ReportPage page = ReportPage.of(REPORT);
        byte[] style = page.text("//style").getBytes(StandardCharsets.UTF_8);
        String hash =
                Base64.getEncoder()
                        .encodeToString(MessageDigest.getInstance("SHA-256").digest(style));
        assertThat(
                        page.one("//meta[@http-equiv='Content-Security-Policy']")
                                .getAttribute("content"))
                .isEqualTo(
                        "default-src 'none'; style-src 'sha256-"
                                + hash
                                + "'; base-uri 'none'; form-action 'none'");
    }

    @Test
    void theNumbersAreThoseOfTheReport() throws Exception {
        ReportPage page = ReportPage.of(REPORT);
        EvaluationNumbers numbers = REPORT.numbers();
        double accuracy = 100.0 * numbers.accuracy().count() / 5000;
        assertThat(leading(page.figure("Accuracy"))).isCloseTo(accuracy, within(0.00501));
        assertThat(page.note("Accuracy"))
                .isEqualTo("95 % interval " + NumberText.interval(numbers.accuracy(), 2));
        assertThat(leading(page.figure("Loss"))).isCloseTo(numbers.loss(), within(0.0000501));
        assertThat(page.figure("Pairs")).isEqualTo("5,000");
        assertThat(page.figure("Pairs per second")).isEqualTo("31.4");
        assertThat(page.figure("Ties")).isEqualTo(numbers.counts().ties() + "");
        assertThat(page.figure("Cut")).isEqualTo("161");
        assertThat(page.figure("Skipped rows")).isEqualTo("2");
        assertThat(leading(page.figure("Calibration error")))
                .isCloseTo(100 * numbers.calibration().error(), within(0.0501));
        assertThat(leading(page.figure("Always the longer answer")))
                .isCloseTo(100 * numbers.baselines().longerWins().value(), within(0.0501));
        assertThat(leading(page.figure("Ranking accuracy")))
                .isCloseTo(100 * numbers.ranking().value(), within(0.0501));
        assertThat(page.texts("//dl[@class='run metrics']//dd"))
                .startsWith(REPORT.metrics().accuracy() + "", REPORT.metrics().loss() + "");
    }

    private static double leading(String text) {
        return Double.parseDouble(text.replace("\u00A0%", ""));
    }

    @Test
    void thePublishedEvaluationsStandBesideThisOne() throws Exception {
        ReportPage page = ReportPage.of(REPORT);
        String rows = "//section[@id='summary']//tbody/tr";
        assertThat(page.texts(rows + "/th")).first().isEqualTo("this evaluation");
        assertThat(page.texts(rows + "[th='rw_safe_13b_wpack']/td"))
                .containsSequence("88.8\u00A0%", "88.3–89.2\u00A0%", "22,311", "0.1970", "19.7");
        assertThat(page.texts(rows + "[th='rw_helpful_13b_wpack']/td"))
                .containsSequence("63.9\u00A0%", "63.4–64.4\u00A0%", "37,753", "0.6392", "17.2");
        assertThat(page.text("//section[@id='summary']/p")).contains("8 A100");
    }

    @Test
    void thePublishedSharesAreThoseOfTheCounts() {
        assertThat(PublishedEvaluation.ALL)
                .extracting(one -> one.accuracy().value())
                .containsExactly(0.8876339025592757, 0.6387571848594814);
    }

    @Test
    void aLossThatIsNoNumberIsSaidInWords() throws Exception {
        double infinite = Double.POSITIVE_INFINITY;
        ReportPage page = ReportPage.of(DemoReport.withLoss(REPORT, infinite, infinite));
        assertThat(page.figure("Loss")).isEqualTo("infinite");
        assertThat(page.note("Loss")).isEqualTo("that of at least one pair is infinite");
        page = ReportPage.of(DemoReport.withLoss(REPORT, Double.NaN, Double.NaN));
        assertThat(page.figure("Loss")).isEqualTo("undefined");
    }

    @Test
    void anotherLossOfTheOriginalArithmeticIsSaid() throws Exception {
        ReportPage page =
                ReportPage.of(DemoReport.withLoss(REPORT, 0.25, Double.POSITIVE_INFINITY));
        assertThat(page.figure("Loss")).isEqualTo("0.2500");
        assertThat(page.note("Loss"))
                .isEqualTo("infinite in the arithmetic of the original evaluation");
    }

    @Test
    void noPairsAreAPageOfWords() throws Exception {
        ReportPage page = ReportPage.of(DemoReport.of(0, 0));
        assertThat(page.figure("Accuracy")).isEqualTo("–");
        assertThat(page.note("Accuracy")).isEqualTo("no pairs were scored");
        assertThat(page.all("//*[@class='plot']")).isEmpty();
        assertThat(page.texts("//figure//p[@class='nothing']")).hasSize(3);
        assertThat(page.text("//section[@id='subsets']/p"))
                .isEqualTo("No comparison names a subset.");
        assertThat(page.text("//section[@id='wrong']/p")).isEqualTo("No pair is wrong.");
    }

    @Test
    void wrongPairsThatWereNotKeptAreNotDenied() throws Exception {
        EvaluationReport report =
                new EvaluationReport(REPORT.run(), REPORT.metrics(), REPORT.numbers(), List.of());
        assertThat(ReportPage.of(report).text("//section[@id='wrong']/p"))
                .isEqualTo("No wrong pairs were kept.");
    }

    @Test
    void theRunStandsAtTheEndInItsOrderAndItsStartBelowTheTitle() throws Exception {
        ReportPage page = ReportPage.of(REPORT);
        assertThat(page.texts("//section[@id='run']/dl[@class='run']//dt"))
                .containsExactlyElementsOf(REPORT.run().keySet());
        assertThat(page.texts("//section[@id='run']/dl[@class='run']//dd"))
                .containsExactlyElementsOf(REPORT.run().values());
        assertThat(page.texts("//header//dd"))
                .containsExactlyElementsOf(REPORT.run().values().stream().limit(2).toList());
    }

    @Test
    void theFileIsUtf8(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("report.html");
        HtmlReport.write(REPORT, file);
        assertThat(Files.readString(file))
                .isEqualTo(HtmlReport.html(REPORT))
                .contains("安全", "<meta charset=\"utf-8\"/>");
    }

    /** As where somebody took a column of ids for one of subsets. */
    @Test
    void showsTheLargestOfVeryManySubsets() throws Exception {
        EvaluationReport many = DemoReport.of(4000, 700);
        List<Group> subsets = many.numbers().groups().subsets();
        assertThat(subsets).hasSizeGreaterThan(GroupSections.MOST_SUBSETS);
        ReportPage page = ReportPage.of(many);
        assertThat(page.all("//section[@id='subsets']//tbody/tr"))
                .hasSize(GroupSections.MOST_SUBSETS);
        assertThat(page.texts("//section[@id='subsets']/p[@class='nothing']"))
                .containsExactly(
                        "The 200 largest of %d subsets; eval_results.json has all."
                                .formatted(subsets.size()));
    }
}
