package io.github.baichuanreward.eval;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.baichuanreward.PromptAnswer;
import io.github.baichuanreward.Score;
import io.github.baichuanreward.TestData;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Wrong pairs with texts: those of the demo model's data, and such as somebody may put into data.
 */
final class DemoTexts {

    /** Each would be noticed if the page took it for markup, or were not well-formed any more. */
    static final List<String> HOSTILE =
            List.of(
                    "<script>document.title = 'owned'; window.owned = 1; alert(1)</script>",
                    "</style><style>body { display: none }</style>",
                    "\" onmouseover=\"window.owned = 1\" autofocus onfocus='window.owned = 1' x=\"",
                    "<img src=x onerror=\"window.owned = 1\"><svg onload=window.owned=1>",
                    "<iframe src=\"javascript:parent.owned = 1\"></iframe>",
                    "--> ]]> <!-- <![CDATA[ &amp; &lt;b&gt; &#x41; &nosuch; <?php ?> </div></body></html>",
                    "<meta http-equiv=\"refresh\" content=\"0;url=https://example.com/\"/><base href=\"https://example.com/\">",
                    "<link rel=stylesheet href=https://example.com/a.css><style>@import 'https://example.com/b.css';</style>",
                    "gnirts a \u202Esi siht\u202C and \u2066isolated\u2069 and \u2069 unmatched \u202B",
                    "\u200Fשלום עולם\u200F مرحبا بالعالم \u061C",
                    "NUL \0, bell \u0007, escape \u001B[31m, delete \u007F, next line \u0085, form feed \f",
                    "lone \uD83D high, lone \uDE00 low, whole \uD83D\uDE00, \uFFFE and \uFFFF",
                    "first line\r\nsecond\n\n\tindented   spaced\rcarriage\n",
                    "\n\nstarts with newlines, ends with them\n\n",
                    "x".repeat(20_000),
                    "一个很长的回答。".repeat(2_500),
                    "Z\u0351\u036B\u0343\u036A\u0302\u036B\u033D\u034F\u0334\u0319\u0324a\u0300\u0301\u0302\u0303\u0304"
                            .repeat(20),
                    "{{constructor.constructor('window.owned=1')()}} ${window.owned=1} javascript:window.owned=1",
                    " \t\n ",
                    "");

    private DemoTexts() {}

    /** A pair for each hostile text, which stands in all its places. */
    static List<WrongPair> hostile() {
        return HOSTILE.stream().map(DemoTexts::everywhere).toList();
    }

    private static WrongPair everywhere(String text) {
        List<Score> scores =
                List.of(new Score(-9, 10, true), new Score(3, 12, false), new Score(1, 5, false));
        return pair(
                text,
                List.of(new PromptAnswer.Turn(text, text)),
                List.of(text, text, text),
                scores,
                null,
                text,
                text);
    }

    /**
     * Chinese and English ones; the fourth is long, some have earlier turns, a margin or more
     * answers.
     */
    static List<WrongPair> wrong(int pairs) {
        List<WrongPair> wrong = new ArrayList<>();
        JsonNode rows = rows();
        for (int i = 0; i < pairs; i++) {
            JsonNode row = rows.get(i);
            List<String> answers = new ArrayList<>();
            row.get("output").forEach(answer -> answers.add(answer.asText()));
            if (i == 3) {
                answers.set(0, answers.get(0).repeat(40));
            }
            wrong.add(
                    pair(
                            row.get("instruction").asText(),
                            i % 5 == 1 ? greeting() : List.of(),
                            answers,
                            scores(answers, i),
                            i % 7 == 2 ? Double.valueOf(1) : null,
                            DemoReport.TOPICS.get(i % DemoReport.TOPICS.size()),
                            "safe-heldout.jsonl, line " + (i * 37 + 12)));
        }
        return wrong;
    }

    private static List<PromptAnswer.Turn> greeting() {
        return List.of(new PromptAnswer.Turn("你好", "你好！有什么可以帮你？"));
    }

    private static List<Score> scores(List<String> answers, int row) {
        List<Score> scores = new ArrayList<>();
        for (int i = 0; i < answers.size(); i++) {
            int length = answers.get(i).length();
            float reward = i == 0 ? -2.5f + row * 0.05f : 4.03f - row * 0.07f - i;
            scores.add(new Score(reward, Math.min(20 + length / 2, 1024), length > 3000));
        }
        return scores;
    }

    private static WrongPair pair(
            String prompt,
            List<PromptAnswer.Turn> history,
            List<String> answers,
            List<Score> scores,
            @Nullable Double margin,
            String subset,
            String place) {
        return new WrongPair(
                new Comparison(prompt, history, answers, margin, subset, place),
                new ScoredComparison(scores, margin, subset));
    }

    private static JsonNode rows() {
        try {
            return new ObjectMapper()
                    .readTree(TestData.demoModel().resolve("heldout-pairs.json").toFile());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
