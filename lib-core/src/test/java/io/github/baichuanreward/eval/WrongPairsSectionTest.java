package io.github.baichuanreward.eval;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.PromptAnswer;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class WrongPairsSectionTest {

    @Test
    void textsOfAPairAreAllThereWithItsRewards() throws Exception {
        EvaluationReport report = DemoReport.of(5000, 6);
        ReportPage page = ReportPage.of(report);
        assertThat(page.all("//details[@class='pair']")).hasSize(25);
        assertThat(page.text("//section[@id='wrong']/p")).startsWith("25 of ");
        for (int i = 0; i < 25; i++) {
            Comparison comparison = report.mostWrong().get(i).comparison();
            String pair = "//details[@id='wrong-" + (i + 1) + "']";
            assertThat(page.text(pair + "/div[@class='words prompt']/div"))
                    .isEqualTo(comparison.prompt());
            assertThat(page.text(pair + "//div[@class='words chosen']/div"))
                    .isEqualTo(comparison.chosen());
            assertThat(page.text(pair + "//div[@class='words rejected']/div"))
                    .isEqualTo(comparison.rejected());
            assertThat(page.texts(pair + "/div[@class='words turn']/div"))
                    .containsExactlyElementsOf(
                            comparison.history().stream()
                                    .flatMap(WrongPairsSectionTest::both)
                                    .toList());
            assertThat(page.text(pair + "/p/bdi[@class='place']")).isEqualTo(comparison.place());
            assertThat(page.text(pair + "/p/bdi[@class='subset']")).isEqualTo(comparison.subset());
        }
        assertThat(page.text("//details[@id='wrong-1']//span[@class='difference']"))
                .isEqualTo("\u22125.530");
        assertThat(page.text("//details[@id='wrong-1']//div[@class='words chosen']/h3"))
                .startsWith("Chosen reward \u22122.500 · ");
        assertThat(page.text("//details[@id='wrong-4']//div[@class='words chosen']/h3"))
                .endsWith(" · cut");
        assertThat(page.text("//details[@id='wrong-3']/p")).endsWith(" · margin 1.000");
    }

    private static Stream<String> both(PromptAnswer.Turn turn) {
        return Stream.of(turn.prompt(), turn.answer());
    }

    @Test
    void hostileTextsAreTextWhereverTheyStand() throws Exception {
        ReportPage page = ReportPage.of(DemoReport.hostile(300));
        List<String> texts = DemoTexts.HOSTILE.stream().map(VisibleText::of).toList();
        List<String> filled = texts.stream().filter(text -> !text.isBlank()).toList();
        String words = "//details[@class='pair']/div[@class='words prompt']/div";
        assertThat(page.texts(words)).containsExactlyElementsOf(filled);
        assertThat(page.texts("//div[@class='words chosen']/div"))
                .containsExactlyElementsOf(filled);
        assertThat(page.texts("//div[@class='words other']/div")).containsExactlyElementsOf(filled);
        assertThat(page.texts("//bdi[@class='place']")).containsExactlyElementsOf(texts);
        assertThat(page.texts("//bdi[@class='subset']")).containsExactlyElementsOf(texts);
        assertThat(page.texts("//dl[@class='run']//dd")).containsExactlyElementsOf(texts);
        assertThat(
                        page.all("//section[@id='subsets']//bdi").stream()
                                .map(name -> name.getAttribute("title"))
                                .toList())
                .containsExactlyElementsOf(filled);
    }

    @Test
    void textsWithoutWordsAreSaidToBe() throws Exception {
        ReportPage page = ReportPage.of(DemoReport.hostile(300));
        int last = DemoTexts.HOSTILE.size();
        assertThat(page.texts("//details[@id='wrong-" + last + "']//p[@class='nothing']"))
                .hasSize(6)
                .containsOnly("empty");
        assertThat(page.texts("//details[@id='wrong-" + (last - 1) + "']//p[@class='nothing']"))
                .hasSize(6)
                .containsOnly("white space alone");
    }

    @Test
    void textsThatScrollCanBeReachedByTheKeyboard() throws Exception {
        ReportPage page = ReportPage.of(DemoReport.hostile(300));
        assertThat(page.all("//div[@class='text' and string-length(.) > 700]"))
                .isNotEmpty()
                .allMatch(text -> text.getAttribute("tabindex").equals("0"))
                .allMatch(text -> !text.getAttribute("aria-label").isEmpty());
    }
}
