package io.github.baichuanreward.benchmarks;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.baichuanreward.PromptAnswer;
import io.github.baichuanreward.RewardModel;
import io.github.baichuanreward.Score;
import io.github.baichuanreward.backend.Precision;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The demo model with its example answers, and the checks that it encodes and scores them as it
 * should.
 */
final class DemoExamples {

    private static final double TOLERANCE = 2e-5;

    /** The same for activations in bfloat16, which has 8 bits. */
    private static final double BFLOAT16_TOLERANCE = 0.06;

    /** The folder {@code dist/demo-model}; {@code benchmarks/run} names it. */
    private static final Path FOLDER = Path.of(System.getProperty("demo.model", "dist/demo-model"));

    private DemoExamples() {}

    static Path model() {
        return FOLDER.resolve("model");
    }

    /**
     * The first {@code count} examples, over again from the first where there are fewer, after a
     * check of all examples: a benchmark of wrong results would mean nothing.
     *
     * @param precision in which the model was loaded
     * @throws IllegalStateException if a reward is not the expected one
     */
    static List<PromptAnswer> checked(RewardModel model, Precision precision, int count)
            throws IOException {
        JsonNode cases = cases();
        List<PromptAnswer> examples = examples(cases);
        List<Score> scores = model.score(examples);
        double tolerance = precision == Precision.BFLOAT16 ? BFLOAT16_TOLERANCE : TOLERANCE;
        for (int i = 0; i < scores.size(); i++) {
            double expected = cases.get(i).path("reward_f64").doubleValue();
            double difference = Math.abs(scores.get(i).reward() - expected);
            if (!(difference <= tolerance)) {
                throw new IllegalStateException(
                        "example %d has reward %s, expected %s"
                                .formatted(i, scores.get(i).reward(), expected));
            }
        }
        List<PromptAnswer> items = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            items.add(examples.get(i % examples.size()));
        }
        return items;
    }

    /**
     * All examples, after a check of their ids.
     *
     * @throws IllegalStateException if an id is not the expected one
     */
    static List<PromptAnswer> encoded(RewardModel model) throws IOException {
        JsonNode cases = cases();
        List<PromptAnswer> examples = examples(cases);
        for (int i = 0; i < examples.size(); i++) {
            int[] found = model.encode(examples.get(i));
            int[] expected =
                    new ObjectMapper().treeToValue(cases.get(i).path("input_ids"), int[].class);
            if (!Arrays.equals(found, expected)) {
                throw new IllegalStateException(
                        "example %d has ids %s, expected %s"
                                .formatted(i, Arrays.toString(found), Arrays.toString(expected)));
            }
        }
        return examples;
    }

    private static JsonNode cases() throws IOException {
        return new ObjectMapper().readTree(FOLDER.resolve("expected.json").toFile()).path("cases");
    }

    private static List<PromptAnswer> examples(JsonNode cases) {
        List<PromptAnswer> examples = new ArrayList<>();
        for (JsonNode example : cases) {
            examples.add(
                    new PromptAnswer(
                            example.path("prompt").asText(), example.path("answer").asText()));
        }
        return examples;
    }
}
