package io.github.baichuanreward.benchmarks.results;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class TableTest {

    private static final Table TABLE =
            Table.ofMarkdown(
                    List.of(
                            "| tokens | | tokens/s |",
                            "|---|:--|--:|",
                            "| 8 | we | 9.5 (9 to 10) |",
                            "| 16 | they |  |"));

    @Test
    void selectsRowsAndNamesColumns() {
        Map<String, String> shown = new LinkedHashMap<>();
        shown.put("tokens/s", "rate");
        shown.put("", "who");

        Table selected = TABLE.select(Map.of("tokens", List.of("8", "32")), shown);

        assertThat(selected.columns()).containsExactly("rate", "who");
        assertThat(selected.rows()).containsExactly(List.of("9.5 (9 to 10)", "we"));
    }

    @Test
    void refusesToSelectWhatIsNotThere() {
        assertThatThrownBy(() -> TABLE.select(Map.of(), Map.of("token", "n")))
                .hasMessage("there is no column \"token\", but [tokens, , tokens/s]");
        assertThatThrownBy(() -> TABLE.select(Map.of("tokens", List.of("9")), Map.of()))
                .hasMessage("no row has {tokens=[9]}");
    }

    @Test
    void putsNumbersToTheRight() {
        assertThat(TABLE.markdown())
                .isEqualTo(
                        """
                        | tokens |  | tokens/s |
                        |--:|---|--:|
                        | 8 | we | 9.5 (9 to 10) |
                        | 16 | they |  |
                        """);
    }

    @Test
    void refusesTwoColumnsOfOneName() {
        assertThatThrownBy(() -> Table.ofMarkdown(List.of("| a | a |", "|---|---|", "| 1 | 2 |")))
                .hasMessage("two columns have one name: [a, a]");
    }

    @Test
    void refusesWhatIsNoTable() {
        assertThatThrownBy(() -> Table.ofMarkdown(List.of("| a |", "| 1 |")))
                .hasMessageStartingWith("not a header, a rule and rows: ");
        assertThatThrownBy(() -> Table.ofMarkdown(List.of("| a |", "|---|", "| 1")))
                .hasMessage("a row does not end with |: | 1");
    }
}
