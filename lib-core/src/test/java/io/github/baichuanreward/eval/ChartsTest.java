package io.github.baichuanreward.eval;

import static io.github.baichuanreward.eval.ReportPage.number;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.xml.xpath.XPathExpressionException;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Element;

/** Positions are computed anew here, from the marks of the axes alone. */
class ChartsTest {

    private static final EvaluationReport REPORT = DemoReport.of(5000, 24);

    @Test
    void everyChartHasANameADescriptionAndATable() throws Exception {
        ReportPage page = ReportPage.of(REPORT);
        List<Element> plots = page.all("//*[@class='plot']");
        assertThat(plots)
                .extracting(plot -> plot.getAttribute("id"))
                .containsExactly("rewards", "differences", "calibration");
        for (Element plot : plots) {
            String id = plot.getAttribute("id");
            assertThat(plot.getAttribute("role")).isEqualTo("img");
            assertThat(plot.getAttribute("aria-labelledby"))
                    .isEqualTo(id + "-title " + id + "-desc");
            assertThat(page.text("//*[@id='" + id + "-title']")).isNotBlank();
            assertThat(page.text("//*[@id='" + id + "-desc']")).isNotBlank();
            page.one("//figure[*[@id='" + id + "']]/details//table");
        }
    }

    @Test
    void theTablesOfTheHistogramsHoldTheCounts() throws Exception {
        ReportPage page = ReportPage.of(REPORT);
        EvaluationNumbers.Spread spread = REPORT.numbers().spread();
        String rewards = "//figure[*[@id='rewards']]//tbody/tr/";
        assertThat(page.texts(rewards + "td[2]")).isEqualTo(counts(spread.chosen()));
        assertThat(page.texts(rewards + "td[3]")).isEqualTo(counts(spread.rejected()));
        String differences = "//figure[*[@id='differences']]//tbody/tr/";
        assertThat(page.texts(differences + "td[2]")).isEqualTo(counts(spread.differences()));
        assertThat(page.texts(differences + "th").get(0))
                .isEqualTo(NumberText.reward(spread.differences().histogram().from()));
    }

    private static List<String> counts(Distribution distribution) {
        return distribution.histogram().counts().stream().map(NumberText::count).toList();
    }

    @Test
    void binsStandWhereTheAxisSaysAndAsHighAsTheyCount() throws Exception {
        ReportPage page = ReportPage.of(REPORT);
        Histogram histogram = REPORT.numbers().spread().chosen().histogram();
        String plot = "//*[@id='rewards']";
        double zero = markAt(page, plot, "0");
        double unit = (markAt(page, plot, "5") - zero) / 5;
        List<Element> bins = page.all(plot + "/rect");
        assertThat(bins).hasSize(histogram.counts().size());
        for (int i = 0; i < bins.size(); i++) {
            double from = histogram.from() + i * histogram.width();
            assertThat(number(bins.get(i), "x")).isCloseTo(zero + unit * from, within(0.02));
            assertThat(number(bins.get(i), "width"))
                    .isCloseTo(unit * histogram.width(), within(0.02));
        }
        assertThat(heights(page.one(plot + "/path[@class='chosen'][1]").getAttribute("d")))
                .usingElementComparator((a, b) -> Math.abs(a - b) < 0.02 ? 0 : Double.compare(a, b))
                .isEqualTo(
                        histogram.counts().stream()
                                .map(count -> height(page, plot, count))
                                .toList());
    }

    @Test
    void theWrongSideEndsAtZeroWhereTheRightOneBegins() throws Exception {
        ReportPage page = ReportPage.of(REPORT);
        String plot = "//*[@id='differences']";
        String zero = Plot.number(markAt(page, plot, "0"));
        assertThat(page.one(plot + "/path[@class='wrong'][1]").getAttribute("d"))
                .endsWith("H" + zero + "V192Z");
        assertThat(page.one(plot + "/path[@class='right'][1]").getAttribute("d"))
                .startsWith("M" + zero + " 192");
        assertThat(page.one(plot + "/line[@class='zero']").getAttribute("x1")).isEqualTo(zero);
        assertThat(page.texts(plot + "/text[@class='key']"))
                .element(1)
                .isEqualTo("right " + NumberText.percent(REPORT.numbers().accuracy(), 1));
    }

    /** Across, where a number stands below. */
    private static double markAt(ReportPage page, String plot, String text) throws Exception {
        return number(page.one(plot + "/text[@class='tick middle' and .='" + text + "']"), "x");
    }

    /** Upwards, from two grid lines: the first is that of 0, the second that of 200. */
    private static double height(ReportPage page, String plot, double count) {
        try {
            List<Element> lines = page.all(plot + "/line[@class='grid']");
            double second =
                    Double.parseDouble(page.texts(plot + "/text[@class='tick end']").get(1));
            double zero = number(lines.get(0), "y1");
            return zero + (number(lines.get(1), "y1") - zero) * count / second;
        } catch (XPathExpressionException e) {
            throw new AssertionError(e);
        }
    }

    private static List<Double> heights(String outline) {
        return Pattern.compile("V([\\d.]+)H")
                .matcher(outline)
                .results()
                .map(match -> Double.valueOf(match.group(1)))
                .toList();
    }

    @Test
    void calibrationPointsStandAtConfidenceAndAccuracy() throws Exception {
        ReportPage page = ReportPage.of(REPORT);
        List<Calibration.Bin> bins = REPORT.numbers().calibration().bins();
        List<Element> points = page.all("//*[@id='calibration']/circle");
        Element diagonal = page.one("//*[@id='calibration']/line[@class='diagonal']");
        double x = number(diagonal, "x1");
        double y = number(diagonal, "y1");
        double width = number(diagonal, "x2") - x;
        double height = number(diagonal, "y2") - y;
        assertThat(points).hasSameSizeAs(bins);
        for (int i = 0; i < bins.size(); i++) {
            Calibration.Bin bin = bins.get(i);
            assertThat(number(points.get(i), "cx"))
                    .isCloseTo(x + width * (bin.confidence() - 0.5) * 2, within(0.02));
            assertThat(number(points.get(i), "cy"))
                    .isCloseTo(y + height * (bin.accuracy().value() - 0.5) * 2, within(0.02));
            Element bar = page.all("//*[@id='calibration']/line[@class='interval']").get(3 * i);
            assertThat(number(bar, "y1"))
                    .isCloseTo(y + height * (bin.accuracy().lower() - 0.5) * 2, within(0.02));
            assertThat(number(bar, "y2"))
                    .isCloseTo(y + height * (bin.accuracy().upper() - 0.5) * 2, within(0.02));
        }
        assertThat(page.texts("//figure[*[@id='calibration']]//tbody/tr/td[3]"))
                .isEqualTo(
                        bins.stream().map(bin -> NumberText.count(bin.accuracy().of())).toList());
    }

    @Test
    void aHundredSubsetsAreRowsWithTheirIntervals() throws Exception {
        EvaluationReport report = DemoReport.of(20_000, 100);
        List<Group> groups = report.numbers().groups().subsets();
        assertThat(groups).hasSize(100);
        ReportPage page = ReportPage.of(report);
        String table = "//section[@id='subsets']/table";
        List<Element> scale = page.all(table + "/thead//text");
        double first = percent(scale.get(0));
        double origin = number(scale.get(0), "x");
        Element last = scale.get(scale.size() - 1);
        double unit = (number(last, "x") - origin) / (percent(last) - first);
        List<Element> points = page.all(table + "/tbody//circle");
        List<Element> bars = page.all(table + "/tbody//line[@class='interval']");
        double all = report.numbers().accuracy().value();
        for (int i = 0; i < groups.size(); i++) {
            Proportion accuracy = groups.get(i).accuracy();
            assertThat(number(points.get(i), "cx"))
                    .isCloseTo(origin + unit * (100 * accuracy.value() - first), within(0.02));
            assertThat(number(bars.get(i), "x1"))
                    .isCloseTo(origin + unit * (100 * accuracy.lower() - first), within(0.02));
            assertThat(number(bars.get(i), "x2"))
                    .isCloseTo(origin + unit * (100 * accuracy.upper() - first), within(0.02));
            assertThat(points.get(i).getAttribute("class").equals("point apart"))
                    .isEqualTo(accuracy.lower() > all || accuracy.upper() < all);
        }
        assertThat(page.texts(table + "/tbody//td[@data-label='pairs']"))
                .isEqualTo(groups.stream().map(g -> NumberText.count(g.accuracy().of())).toList());
        assertThat(page.texts(table + "/tbody//td[@data-label='loss']"))
                .isEqualTo(groups.stream().map(g -> NumberText.loss(g.loss())).toList());
    }

    private static double percent(Element tick) {
        return Double.parseDouble(tick.getTextContent().replace("\u00A0%", ""));
    }

    @Test
    void everyLengthIsARow() throws Exception {
        ReportPage page = ReportPage.of(REPORT);
        assertThat(page.texts("//section[@id='lengths']/table[1]/tbody//bdi"))
                .isEqualTo(REPORT.numbers().groups().lengths().stream().map(Group::name).toList());
        assertThat(page.texts("//section[@id='lengths']/table[2]/tbody//bdi")).hasSize(3);
    }

    @Test
    void oneValueOfAllPairsIsDrawn() throws Exception {
        ReportPage page = ReportPage.of(DemoReport.ties(9));
        assertThat(page.all("//*[@class='plot']")).hasSize(3);
        assertThat(page.texts("//*[@id='differences']/text[@class='key']").get(0))
                .isEqualTo("wrong 100.0\u00A0%");
        assertThat(page.text("//*[@id='differences-desc']"))
                .endsWith("; ties, 9 at zero, count as wrong.");
    }

    @Test
    void aNarrowIntervalIsNotBlownUp() {
        Axis axis = AccuracyTable.axis(Stream.of(new Proportion(8_512, 10_000)), 0.85);
        assertThat(axis.from()).isEqualTo(0.7);
        assertThat(axis.to()).isEqualTo(0.9);
    }
}
