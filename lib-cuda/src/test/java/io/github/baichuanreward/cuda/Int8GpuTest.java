package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.baichuanreward.LoadOptions;
import io.github.baichuanreward.PromptAnswer;
import io.github.baichuanreward.RewardModel;
import io.github.baichuanreward.Score;
import io.github.baichuanreward.TestData;
import io.github.baichuanreward.backend.Precision;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What weights of 8 bits do to the rewards of a model that was trained. */
@ExtendWith(Gpu.class)
class Int8GpuTest {

    /**
     * Of rewards from float64, where their standard deviation is 1.9. A weight is off by up to half
     * of 1/127 of its row's largest, 8 times what bfloat16 rounds off such a one.
     */
    private static final double DISTANCE = 0.15;

    @Test
    void rewardsStayNearTheReference() throws IOException {
        JsonNode cases =
                new ObjectMapper()
                        .readTree(TestData.demoModel().resolve("expected.json").toFile())
                        .get("cases");
        List<PromptAnswer> items = new ArrayList<>();
        for (JsonNode example : cases) {
            String prompt = example.get("prompt").asText();
            items.add(new PromptAnswer(prompt, example.get("answer").asText()));
        }
        float[] halves = rewards(items, Precision.BFLOAT16);
        float[] bytes = rewards(items, Precision.INT8);
        double largest = 0;
        for (int n = 0; n < bytes.length; n++) {
            double exact = cases.get(n).get("reward_f64").asDouble();
            largest = Math.max(largest, Math.abs(bytes[n] - exact));
        }
        System.out.printf("int8: largest distance from float64 %.4f%n", largest);
        assertThat(largest).isLessThan(DISTANCE);
        assertThat(bytes).as("and is not bfloat16").isNotEqualTo(halves);
    }

    /** Minutes on the fake GPU. */
    @Test
    @Tag("nightly")
    void pairsKeepTheirOrder() throws IOException {
        Path file = TestData.demoModel().resolve("heldout-pairs.json");
        List<PromptAnswer> items = new ArrayList<>();
        for (JsonNode pair : new ObjectMapper().readTree(file.toFile())) {
            String input = pair.get("input").asText();
            String prompt =
                    pair.get("instruction").asText() + (input.isEmpty() ? "" : "\n" + input);
            List<PromptAnswer.Turn> history = new ArrayList<>();
            for (JsonNode turn : pair.get("history")) {
                history.add(new PromptAnswer.Turn(turn.get(0).asText(), turn.get(1).asText()));
            }
            for (JsonNode answer : pair.get("output")) {
                items.add(new PromptAnswer(prompt, answer.asText(), history));
            }
        }
        float[] halves = rewards(items, Precision.BFLOAT16);
        float[] bytes = rewards(items, Precision.INT8);
        double largest = 0;
        double squares = 0;
        int turned = 0;
        for (int n = 0; n < bytes.length; n++) {
            double distance = Math.abs(bytes[n] - halves[n]);
            largest = Math.max(largest, distance);
            squares += distance * distance;
            if (n % 2 == 1 && (bytes[n - 1] > bytes[n]) != (halves[n - 1] > halves[n])) {
                turned++;
            }
        }
        System.out.printf(
                "int8 beside bfloat16, %d pairs: largest distance %.4f, root mean square %.4f, %d"
                        + " pairs in another order%n",
                bytes.length / 2, largest, Math.sqrt(squares / bytes.length), turned);
        assertThat(largest).isLessThan(DISTANCE);
        assertThat(turned).isLessThanOrEqualTo(bytes.length / 2 / 100);
    }

    private static float[] rewards(List<PromptAnswer> items, Precision precision)
            throws IOException {
        LoadOptions options = LoadOptions.defaults().withBackend("cuda").withPrecision(precision);
        try (RewardModel model = RewardModel.load(TestData.demoModel().resolve("model"), options)) {
            List<Score> scores = model.score(items);
            float[] rewards = new float[scores.size()];
            for (int n = 0; n < rewards.length; n++) {
                rewards[n] = scores.get(n).reward();
            }
            return rewards;
        }
    }
}
