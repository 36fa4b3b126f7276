package io.github.baichuanreward.benchmarks.results;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class FigureTest {

    @ParameterizedTest
    @CsvSource({
        "1.50, 1.50, 1.5, 1.5, 1.5",
        "98.1 %, 98.1, 98.1, 98.1, 98.1",
        "1.5 (1.25 to 1.75), 1.5, 1.5, 1.25, 1.75",
        "1.5 (1.25 - 1.75), 1.5, 1.5, 1.25, 1.75",
        "1.5 ± 0.5, 1.5, 1.5, 1, 2",
        "1.5 ± 2, 1.5, 1.5, 0, 3.5"
    })
    void readsANumberWithItsSpread(
            String cell, String text, double value, double lowest, double highest) {
        assertThat(Figure.of(cell)).isEqualTo(new Figure(text, value, lowest, highest));
        assertThat(Figure.isOne(cell)).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "N/A", "-1", "1.5 (1 to)", "0 of 221", "1,5", "1.5 x"})
    void refusesOthers(String cell) {
        assertThat(Figure.isOne(cell)).isFalse();
        assertThatThrownBy(() -> Figure.of(cell)).hasMessageEndingWith(": " + cell);
    }
}
