package io.github.baichuanreward.eval;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class VisibleTextTest {

    @Test
    void ordinaryTextStaysAsItIs() {
        String text = "一只猫 \uD83D\uDE00 — \"<a & b>\"\n\tשלום \u200F\u061C e\u0301 \u200D";
        assertThat(VisibleText.of(text)).isEqualTo(text);
    }

    @Test
    void controlsBecomeTheirNumbers() {
        assertThat(VisibleText.of("\0\u0007\u001B\u007F\u0085\f"))
                .isEqualTo("⟨U+0000⟩⟨U+0007⟩⟨U+001B⟩⟨U+007F⟩⟨U+0085⟩⟨U+000C⟩");
    }

    @Test
    void aNewlineIsOneCharacterAndALoneReturnIsSeen() {
        assertThat(VisibleText.of("a\r\nb\rc\r")).isEqualTo("a\nb⟨U+000D⟩c⟨U+000D⟩");
    }

    @Test
    void whatTurnsTheDirectionIsSeen() {
        assertThat(VisibleText.of("\u202Aa\u202E\u2066\u2069b"))
                .isEqualTo("⟨U+202A⟩a⟨U+202E⟩⟨U+2066⟩⟨U+2069⟩b");
    }

    @Test
    void halfASurrogatePairAndNoncharactersAreReplaced() {
        assertThat(VisibleText.of("\uD83D \uDE00\uD83D\uDE00 \uFFFE\uFFFF\uD83D"))
                .isEqualTo("\uFFFD \uFFFD\uD83D\uDE00 \uFFFD\uFFFD\uFFFD");
    }

    @Test
    void aStartIsOneLineOfWholeCharacters() {
        assertThat(VisibleText.start("  a\n\n b ", 3)).isEqualTo("a b");
        assertThat(VisibleText.start("\uD83D\uDE00\uD83D\uDE01\uD83D\uDE02", 2))
                .isEqualTo("\uD83D\uDE00\uD83D\uDE01…");
    }

    @Test
    void withoutTheMiddleTheEndIsStillThere() {
        String end = "the last twenty ones";
        assertThat(VisibleText.withoutMiddle("abc" + "x".repeat(50) + end, 23))
                .isEqualTo("abc…" + end);
        assertThat(VisibleText.withoutMiddle("abc" + end, 23)).isEqualTo("abc" + end);
    }
}
