package io.github.baichuanreward.benchmarks.results;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

class PlainTablesTest {

    @Test
    void readsJmh() {
        Table table =
                only(
                        """
                        Benchmark       (rows)   Mode  Cnt     Score     Error  Units
                        A.multiply:x         1  thrpt    5    20.868 ±   1.449  ops/s
                        A.load             N/A     ss          509.5            ms/op
                        """);

        assertThat(table.columns())
                .containsExactly("Benchmark", "(rows)", "Mode", "Score", "Units");
        assertThat(table.rows())
                .containsExactly(
                        List.of("A.multiply:x", "1", "thrpt", "20.868 ± 1.449", "ops/s"),
                        List.of("A.load", "N/A", "ss", "509.5", "ms/op"));
    }

    @Test
    void readsBench() {
        Table table =
                only(
                        """
                        model    tiny with random weights
                        loaded   0.01 GB in 0.71 s

                                  full batches                                one at a time
                          tokens    tokens/s   (lowest - highest)  sequences/s     p50 ms     p99 ms
                             128         6.3        6.1 -      6.4        0.049   26079.36   26079.37
                        """);

        assertThat(table.columns())
                .containsExactly(
                        "tokens",
                        "tokens/s",
                        "sequences/s",
                        "one at a time, p50 ms",
                        "one at a time, p99 ms");
        assertThat(table.rows())
                .containsExactly(
                        List.of("128", "6.3 (6.1 to 6.4)", "0.049", "26079.36", "26079.37"));
    }

    @Test
    void passesOtherTextBy() {
        assertThat(PlainTables.in(List.of("ls", "| a |"))).isEmpty();
    }

    @Test
    void refusesWhatIsBelowATable() {
        assertThatThrownBy(
                        () ->
                                only(
                                        "Benchmark  Mode  Cnt  Score  Error  Units\nA.b thrpt 5 1.0 ops\n"))
                .hasMessageStartingWith("not a row of JMH: ");
        assertThatThrownBy(
                        () ->
                                only(
                                        """
                                          tokens    tokens/s   (lowest - highest)  sequences/s     p50 ms     p99 ms
                                             128         6.3
                                        """))
                .hasMessageStartingWith("not a row of ./reward bench: ");
        assertThatThrownBy(() -> only("Benchmark  Mode  Score\n"))
                .hasMessageStartingWith("not a header of JMH: ");
    }

    private static Table only(String text) {
        List<Table> tables = PlainTables.in(text.lines().toList());
        assertThat(tables).hasSize(1);
        return tables.get(0);
    }
}
