package io.github.baichuanreward.cli;

import io.github.baichuanreward.PromptAnswer;
import io.github.baichuanreward.RankedAnswer;
import io.github.baichuanreward.Score;
import java.util.List;
import java.util.Locale;

/**
 * Lays out scored answers for people: each prompt on a line of its own, under it one line per
 * answer with the reward, to four decimals, and the answer.
 *
 * <pre>
 * How can I make new friends?
 *    0.4805  Join a club or a class ...
 *   -1.3292  Friends are nice.
 * </pre>
 */
final class RewardTable {

    private static final int FEWEST_COLUMNS = 24;

    private RewardTable() {}

    /**
     * @param items answers to one prompt stand one after another
     * @param scores one for each item
     * @param columns width to which lines are cut, or 0 for lines in full
     */
    static String of(List<PromptAnswer> items, List<Score> scores, int columns) {
        int limit = columns == 0 ? Integer.MAX_VALUE : Math.max(columns, FEWEST_COLUMNS);
        List<String> rewards = scores.stream().map(RewardTable::reward).toList();
        int width = rewards.stream().mapToInt(String::length).max().orElse(0);
        StringBuilder table = new StringBuilder();
        for (int i = 0; i < items.size(); i++) {
            PromptAnswer item = items.get(i);
            if (i == 0 || !item.prompt().equals(items.get(i - 1).prompt())) {
                table.append(i == 0 ? "" : "\n");
                table.append(line(item.prompt(), limit)).append('\n');
            }
            String reward = "  " + " ".repeat(width - rewards.get(i).length()) + rewards.get(i);
            String answer = line(item.answer(), limit - reward.length() - 2);
            table.append((reward + "  " + answer).stripTrailing()).append('\n');
        }
        return table.toString();
    }

    /**
     * The same for answers in their order, with the probability that each is better than the next
     * between its reward and itself.
     *
     * @param columns width to which lines are cut, or 0 for lines in full
     */
    static String ofRanked(String prompt, List<RankedAnswer> ranked, int columns) {
        int limit = columns == 0 ? Integer.MAX_VALUE : Math.max(columns, FEWEST_COLUMNS);
        List<String> rewards = ranked.stream().map(answer -> reward(answer.score())).toList();
        int width = rewards.stream().mapToInt(String::length).max().orElse(0);
        StringBuilder table = new StringBuilder(line(prompt, limit)).append('\n');
        for (int i = 0; i < ranked.size(); i++) {
            double beatsNext = ranked.get(i).beatsNext();
            String figures =
                    "  "
                            + " ".repeat(width - rewards.get(i).length())
                            + rewards.get(i)
                            + "  "
                            + (Double.isNaN(beatsNext)
                                    ? " ".repeat(6)
                                    : String.format(Locale.ROOT, "%.4f", beatsNext));
            String answer = line(ranked.get(i).answer(), limit - figures.length() - 2);
            table.append((figures + "  " + answer).stripTrailing()).append('\n');
        }
        return table.toString();
    }

    private static String reward(Score score) {
        return String.format(Locale.ROOT, "%.4f", score.reward());
    }

    private static String line(String text, int columns) {
        return DisplayWidth.cut(DisplayWidth.oneLine(text), columns);
    }
}
