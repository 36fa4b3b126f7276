package io.github.baichuanreward.benchmarks;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.baichuanreward.PromptAnswer;
import io.github.baichuanreward.RewardModel;
import io.github.baichuanreward.Score;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The demo model with its example answers, and the check that it scores them as it should. */
final class DemoExamples {

    private static final double TOLERANCE = 2e-5;

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
     * @throws IllegalStateException if a reward is not the expected one
     */
    static List<PromptAnswer> checked(RewardModel model, int count) throws IOException {
        JsonNode cases =
                new ObjectMapper().readTree(FOLDER.resolve("expected.json").toFile()).path("cases");
        List<PromptAnswer> examples = new ArrayList<>();
        for (JsonNode example : cases) {
            examples.add(
                    new PromptAnswer(
                            example.path("prompt").asText(), example.path("answer").asText()));
        }
        List<Score> scores = model.score(examples);
        for (int i = 0; i < scores.size(); i++) {
            double expected = cases.get(i).path("reward_f64").doubleValue();
            double difference = Math.abs(scores.get(i).reward() - expected);
            if (!(difference <= TOLERANCE)) {
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
}
