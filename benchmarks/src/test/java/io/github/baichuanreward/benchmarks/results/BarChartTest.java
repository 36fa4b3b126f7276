package io.github.baichuanreward.benchmarks.results;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.baichuanreward.benchmarks.results.Subject.Chart;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import javax.xml.parsers.DocumentBuilderFactory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class BarChartTest {

    private static final Table TABLE =
            new Table(
                    List.of("tokens", "who", "rate", "other"),
                    List.of(
                            List.of("8", "A & <B>", "10.5 (10 to 20)", "5"),
                            List.of("8", "C", "", "7"),
                            List.of("16", "C", "20", "x")));

    @Test
    void drawsABarForEachNumberInItsGroup() throws Exception {
        String svg = BarChart.of(TABLE, chart(null, "who", List.of("rate")));

        assertThat(svg)
                .contains(">tokens 8</text>", ">tokens 16</text>", ">10.5</text>", ">20</text>")
                .contains(">A &amp; &lt;B&gt;</text>");
        assertThat(svg.split("<rect ", -1)).hasSize(1 + 2);
        assertThat(svg.split("class=\"spread\"", -1)).hasSize(1 + 1);
        DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(new ByteArrayInputStream(svg.getBytes(StandardCharsets.UTF_8)));
    }

    @Test
    void namesBarsByColumnsWhereNothingElseDoes() {
        assertThat(
                        BarChart.of(
                                TABLE,
                                chart(
                                        Map.of("who", List.of("A & <B>")),
                                        null,
                                        List.of("rate", "other"))))
                .contains(">rate</text>", ">other</text>", ">5</text>")
                .doesNotContain(">7</text>");
    }

    @Test
    void isTheSameInEveryLocale() {
        Locale before = Locale.getDefault();
        String svg = BarChart.of(TABLE, chart(null, "who", List.of("rate")));
        try {
            Locale.setDefault(Locale.GERMANY);
            assertThat(BarChart.of(TABLE, chart(null, "who", List.of("rate")))).isEqualTo(svg);
        } finally {
            Locale.setDefault(before);
        }
    }

    @Test
    void refusesWhatIsNoNumber() {
        assertThatThrownBy(() -> BarChart.of(TABLE, chart(null, "who", List.of("other"))))
                .hasMessage("not a number, with its spread or without: x");
    }

    private static Chart chart(
            @Nullable Map<String, List<String>> where, @Nullable String bars, List<String> values) {
        return new Chart("name", "A title", where, "tokens", bars, values);
    }
}
