package io.github.baichuanreward.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DisplayWidthTest {

    @ParameterizedTest
    @CsvSource({
        "abc, 3",
        "猫为什么, 8",
        "（全角）, 8",
        "éa, 2",
        "e\u0301a, 2",
        "👍, 2",
        "𠀀, 2",
        "한국, 4",
        "ｶﾅ, 2",
        "'', 0"
    })
    void countsColumns(String text, int columns) {
        assertThat(DisplayWidth.of(text)).isEqualTo(columns);
    }

    @Test
    void leavesAloneWhatFits() {
        assertThat(DisplayWidth.cut("猫为什么", 8)).isEqualTo("猫为什么");
    }

    @Test
    void cutsSoThatTheEllipsisFitsToo() {
        assertThat(DisplayWidth.cut("猫为什么", 7)).isEqualTo("猫为什…");
        assertThat(DisplayWidth.cut("猫为什么", 6)).isEqualTo("猫为…");
        assertThat(DisplayWidth.cut("abcdef", 4)).isEqualTo("abc…");
    }

    @Test
    void neverCutsACharacterInTwo() {
        assertThat(DisplayWidth.cut("a👍👍", 4)).isEqualTo("a👍…");
    }

    @Test
    void keepsControlCharactersFromTheTerminal() {
        assertThat(DisplayWidth.oneLine("a\nb\tc\u001b[2Jd\u2028e")).isEqualTo("a b c [2Jd e");
    }
}
