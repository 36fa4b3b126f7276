package io.github.baichuanreward.eval;

import io.github.baichuanreward.PromptAnswer;
import io.github.baichuanreward.Score;
import java.util.List;

/** The pairs that the model got most wrong, with their texts. */
final class WrongPairsSection {

    /** Characters of a prompt in a line that stands for its pair. */
    private static final int START = 120;

    /** Texts longer than this, or of more lines, scroll: so the keyboard must reach them. */
    private static final int LONG = 700;

    private static final int MANY_LINES = 12;

    private final Markup page;

    private WrongPairsSection(Markup page) {
        this.page = page;
    }

    static void write(Markup page, EvaluationReport report) {
        page.open("section", "id", "wrong").element("h2", "Most wrong pairs");
        Proportion accuracy = report.numbers().accuracy();
        long wrong = accuracy.of() - accuracy.count();
        List<WrongPair> pairs = report.mostWrong();
        if (pairs.isEmpty()) {
            page.element(
                    "p",
                    wrong == 0 ? "No pair is wrong." : "No wrong pairs were kept.",
                    "class",
                    "nothing");
        } else {
            page.element(
                    "p",
                    "%s of %s wrong pairs, the most negative difference first."
                            .formatted(NumberText.count(pairs.size()), NumberText.count(wrong)));
        }
        WrongPairsSection section = new WrongPairsSection(page);
        for (int i = 0; i < pairs.size(); i++) {
            section.pair(i + 1, pairs.get(i));
        }
        page.close().newline();
    }

    private void pair(int rank, WrongPair pair) {
        Comparison comparison = pair.comparison();
        ScoredComparison scored = pair.scored();
        page.open("details", "class", "pair", "id", "wrong-" + rank).open("summary");
        page.element("span", Integer.toString(rank), "class", "rank").text(" ");
        page.element("span", NumberText.difference(scored.difference()), "class", "difference");
        page.text(" ");
        String start = VisibleText.start(comparison.prompt(), START);
        page.element("bdi", start.isEmpty() ? "empty prompt" : start, "class", "start");
        page.close().newline();
        about(comparison);
        for (PromptAnswer.Turn turn : comparison.history()) {
            words("turn", "Earlier prompt", "", turn.prompt());
            words("turn", "Earlier answer", "", turn.answer());
        }
        words("prompt", "Prompt", "", comparison.prompt());
        page.open("div", "class", "answers");
        words("chosen", "Chosen", note(scored.chosen()), comparison.chosen());
        words("rejected", "Rejected", note(scored.rejected()), comparison.rejected());
        page.close();
        others(comparison, scored);
        page.close().newline();
    }

    private void about(Comparison comparison) {
        page.open("p", "class", "about");
        page.element("bdi", comparison.place(), "class", "place");
        if (comparison.subset() != null) {
            page.text(" · subset ").element("bdi", comparison.subset(), "class", "subset");
        }
        if (comparison.margin() != null) {
            page.text(" · margin " + NumberText.reward(comparison.margin()));
        }
        page.close().newline();
    }

    /** Answers after the first two; none was part of the pair. */
    private void others(Comparison comparison, ScoredComparison scored) {
        int answers = Math.min(comparison.answers().size(), scored.scores().size());
        if (answers < 3) {
            return;
        }
        page.open("details", "class", "others");
        page.element("summary", "Answers that are worse still: " + (answers - 2));
        for (int i = 2; i < answers; i++) {
            words(
                    "other",
                    "Answer " + (i + 1),
                    note(scored.scores().get(i)),
                    comparison.answers().get(i));
        }
        page.close().newline();
    }

    private static String note(Score score) {
        return "reward %s · %s tokens%s"
                .formatted(
                        NumberText.reward(score.reward()),
                        NumberText.count(score.tokens()),
                        score.truncated() ? " · cut" : "");
    }

    private void words(String kind, String name, String note, String text) {
        page.open("div", "class", "words " + kind);
        page.open("h3").text(name + " ").element("span", note, "class", "note").close();
        if (text.isBlank()) {
            page.element("p", text.isEmpty() ? "empty" : "white space alone", "class", "nothing");
        } else if (text.length() > LONG
                || text.lines().limit(MANY_LINES + 1).count() > MANY_LINES) {
            page.element(
                    "div",
                    text,
                    "class",
                    "text",
                    "dir",
                    "auto",
                    "tabindex",
                    "0",
                    "role",
                    "group",
                    "aria-label",
                    name);
        } else {
            page.element("div", text, "class", "text", "dir", "auto");
        }
        page.close().newline();
    }
}
