package io.github.baichuanreward.eval;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.github.baichuanreward.Score;
import io.github.baichuanreward.rows.JsonRow;
import io.github.baichuanreward.rows.ShortestFloat;
import java.util.ArrayList;
import java.util.List;
import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;

/**
 * A line of {@code generated_predictions.jsonl}, which has all that an evaluation has to know of a
 * comparison:
 *
 * <pre>{@code
 * {"chosen": 2.0625, "rejected": -0.5, "others": [0.25], "tokens": [31, 20, 25], "cut": [1],
 *  "margin": 1.0, "subset": "halluqa", "number": 4, "row": "comparisons.json, line 7",
 *  "id": "9f86d081884c7d65"}
 * }</pre>
 *
 * <p>Rewards have the shortest digits that give the same float. {@code tokens} are the lengths of
 * all answers with their prompt. {@code others} are there where there are more than two answers,
 * {@code cut}, which lists the answers that were cut or whose prompt was, from 0, where there are
 * such, {@code margin} and {@code subset} where the comparison has them.
 *
 * @param number of the comparison among all of the data, from 1; those left out have one, too
 * @param place of the comparison
 * @param id of the comparison
 * @param scored what the model made of it
 */
public record PredictionLine(long number, String place, String id, ScoredComparison scored) {

    private static final ObjectMapper JSON =
            JsonMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

    /** The line, without its end. */
    public String text() {
        StringBuilder line = new StringBuilder();
        List<Score> scores = scored.scores();
        line.append("{\"chosen\": ").append(reward(scored.chosen()));
        line.append(", \"rejected\": ").append(reward(scored.rejected()));
        if (scores.size() > 2) {
            StringJoiner others = list();
            scores.stream().skip(2).forEach(score -> others.add(reward(score)));
            line.append(", \"others\": ").append(others);
        }
        StringJoiner tokens = list();
        scores.forEach(score -> tokens.add(Integer.toString(score.tokens())));
        line.append(", \"tokens\": ").append(tokens);
        StringJoiner cut = list();
        for (int n = 0; n < scores.size(); n++) {
            if (scores.get(n).truncated()) {
                cut.add(Integer.toString(n));
            }
        }
        if (cut.length() > 2) {
            line.append(", \"cut\": ").append(cut);
        }
        if (scored.margin() != null) {
            line.append(", \"margin\": ").append(scored.margin());
        }
        if (scored.subset() != null) {
            line.append(", \"subset\": ").append(JsonRow.quote(scored.subset()));
        }
        line.append(", \"number\": ").append(number);
        line.append(", \"row\": ").append(JsonRow.quote(place));
        return line.append(", \"id\": ").append(JsonRow.quote(id)).append('}').toString();
    }

    /**
     * Reads a line.
     *
     * @throws IllegalArgumentException if it is no such line
     */
    public static PredictionLine parse(String text) {
        try {
            JsonNode line = JSON.readTree(text);
            List<JsonNode> rewards = new ArrayList<>();
            rewards.add(line.required("chosen"));
            rewards.add(line.required("rejected"));
            line.path("others").forEach(rewards::add);
            JsonNode tokens = line.required("tokens");
            List<Score> scores = new ArrayList<>();
            for (int n = 0; n < rewards.size(); n++) {
                scores.add(
                        new Score(
                                number(rewards.get(n)).floatValue(),
                                number(tokens.required(n)).intValue(),
                                holds(line.path("cut"), n)));
            }
            JsonNode subset = line.get("subset");
            return new PredictionLine(
                    number(line.required("number")).longValue(),
                    line.required("row").asText(),
                    line.required("id").asText(),
                    new ScoredComparison(
                            scores,
                            margin(line.get("margin")),
                            subset == null ? null : subset.asText()));
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("not a line of predictions: " + text, e);
        }
    }

    private static String reward(Score score) {
        return ShortestFloat.toString(score.reward());
    }

    private static StringJoiner list() {
        return new StringJoiner(", ", "[", "]");
    }

    private static JsonNode number(JsonNode node) {
        if (!node.isNumber()) {
            throw new IllegalArgumentException("not a number: " + node);
        }
        return node;
    }

    private static @Nullable Double margin(@Nullable JsonNode node) {
        return node == null ? null : number(node).doubleValue();
    }

    private static boolean holds(JsonNode list, int value) {
        for (JsonNode node : list) {
            if (node.intValue() == value) {
                return true;
            }
        }
        return false;
    }
}
