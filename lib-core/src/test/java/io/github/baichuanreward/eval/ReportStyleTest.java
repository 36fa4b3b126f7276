package io.github.baichuanreward.eval;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Whether everybody can tell the colours from what they stand on (WCAG 2.2, level AA). */
class ReportStyleTest {

    private static final Pattern COLOUR = Pattern.compile("--([a-z]+): #([0-9a-f]{6});");

    /** Light, then dark. */
    private static List<Map<String, Integer>> schemes() throws Exception {
        String style = ReportPage.of(DemoReport.of(1, 0)).text("//style");
        int dark = style.indexOf("prefers-color-scheme: dark");
        return List.of(colours(style.substring(0, dark)), colours(style.substring(dark)));
    }

    private static Map<String, Integer> colours(String style) {
        Map<String, Integer> colours = new HashMap<>();
        Matcher matcher = COLOUR.matcher(style);
        while (matcher.find()) {
            colours.put(matcher.group(1), Integer.valueOf(matcher.group(2), 16));
        }
        return colours;
    }

    private static int colour(Map<String, Integer> scheme, String name) {
        return Objects.requireNonNull(scheme.get(name), name);
    }

    @Test
    void textStandsOutInBothSchemes() throws Exception {
        for (Map<String, Integer> scheme : schemes()) {
            for (String text : List.of("ink", "muted", "link", "bad")) {
                for (String ground : List.of("paper", "well")) {
                    assertThat(contrast(colour(scheme, text), colour(scheme, ground)))
                            .as("%s on %s", text, ground)
                            .isGreaterThanOrEqualTo(4.5);
                }
            }
        }
    }

    @Test
    void linesAndPointsStandOutInBothSchemes() throws Exception {
        for (Map<String, Integer> scheme : schemes()) {
            for (String line : List.of("good", "bad", "mark", "link")) {
                assertThat(contrast(colour(scheme, line), colour(scheme, "paper")))
                        .as(line)
                        .isGreaterThanOrEqualTo(3);
            }
        }
    }

    @Test
    void whatTheMeasureSaysOfBlackAndWhite() {
        assertThat(contrast(0x000000, 0xFFFFFF)).isEqualTo(21);
    }

    private static double contrast(int one, int other) {
        double first = luminance(one);
        double second = luminance(other);
        return (Math.max(first, second) + 0.05) / (Math.min(first, second) + 0.05);
    }

    private static double luminance(int colour) {
        return 0.2126 * linear(colour >> 16)
                + 0.7152 * linear(colour >> 8 & 0xFF)
                + 0.0722 * linear(colour & 0xFF);
    }

    private static double linear(int part) {
        double share = part / 255.0;
        return share <= 0.04045 ? share / 12.92 : Math.pow((share + 0.055) / 1.055, 2.4);
    }
}
