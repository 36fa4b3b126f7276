package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.baichuanreward.ItemException;
import io.github.baichuanreward.LoadOptions;
import io.github.baichuanreward.ModelInspection;
import io.github.baichuanreward.PromptAnswer;
import io.github.baichuanreward.RewardModel;
import io.github.baichuanreward.Score;
import io.github.baichuanreward.TestData;
import io.github.baichuanreward.TinyModel;
import io.github.baichuanreward.backend.Precision;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** A model as an application loads it, with this backend on the class path. */
@ExtendWith(Gpu.class)
class RewardModelGpuTest {

    @TempDir Path directory;

    @Test
    void theDemoModelRunsOnTheGpuByItself() throws IOException {
        Path demo = TestData.demoModel();
        List<PromptAnswer> items = new ArrayList<>();
        List<Double> expected = new ArrayList<>();
        JsonNode json = new ObjectMapper().readTree(demo.resolve("expected.json").toFile());
        for (JsonNode example : json.get("cases")) {
            items.add(
                    new PromptAnswer(
                            example.get("prompt").asText(), example.get("answer").asText()));
            expected.add(example.get("reward_f64").asDouble());
        }
        LoadOptions options = LoadOptions.defaults();
        assertThat(ModelInspection.of(demo.resolve("model"), options).backends().get(0))
                .matches(candidate -> candidate.chosen() && candidate.name().equals("cuda"));
        double largest = 0;
        try (RewardModel model = RewardModel.load(demo.resolve("model"), options)) {
            List<Score> scores = model.score(items);
            for (int i = 0; i < scores.size(); i++) {
                largest = Math.max(largest, Math.abs(scores.get(i).reward() - expected.get(i)));
            }
        }
        System.out.printf("demo model: largest distance from float64 %.4f%n", largest);
        assertThat(largest).isLessThan(Tolerances.BFLOAT16);
    }

    @Test
    void overflowInFloat16IsAnErrorThatNamesTheWayOut() throws IOException {
        TinyModel tiny = new TinyModel(1).value("model.embed_tokens.weight", 24, 1e6f);
        LoadOptions options =
                LoadOptions.defaults().withBackend("cuda").withPrecision(Precision.FLOAT16);
        try (RewardModel model = RewardModel.load(tiny.write(directory), options)) {
            assertThatThrownBy(() -> model.scoreIds(List.of(new int[] {2}, new int[] {1})))
                    .isInstanceOf(ItemException.class)
                    .hasMessageContaining("float16")
                    .hasMessageContaining("bfloat16 and float32 reach further");
        }
    }
}
