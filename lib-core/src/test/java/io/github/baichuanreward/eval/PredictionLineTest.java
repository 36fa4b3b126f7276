package io.github.baichuanreward.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.baichuanreward.Score;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Lines that have all of a comparison that an evaluation needs to go on. */
class PredictionLineTest {

    @Test
    void saysOnlyWhatThereIsToSay() {
        PredictionLine pair =
                new PredictionLine(
                        12,
                        "a.json, line 3",
                        "9f86",
                        new ScoredComparison(
                                List.of(new Score(0.1f, 7, false), new Score(-2, 9, false)),
                                null,
                                null));
        assertThat(pair.text())
                .isEqualTo(
                        "{\"chosen\": 0.1, \"rejected\": -2.0, \"tokens\": [7, 9], \"number\": 12,"
                                + " \"row\": \"a.json, line 3\", \"id\": \"9f86\"}");
    }

    @Test
    void saysEverythingOfAComparisonThatHasAll() {
        PredictionLine all =
                new PredictionLine(
                        1,
                        "\"a\".json, line 3",
                        "00",
                        new ScoredComparison(
                                List.of(
                                        new Score(3.0517578e-5f, 7, true),
                                        new Score(65504, 9, false),
                                        new Score(-0.0f, 10, true)),
                                0.25,
                                "子集"));
        assertThat(all.text())
                .isEqualTo(
                        "{\"chosen\": 3.0517578E-5, \"rejected\": 65504.0, \"others\": [-0.0],"
                                + " \"tokens\": [7, 9, 10], \"cut\": [0, 2], \"margin\": 0.25, \"subset\":"
                                + " \"子集\", \"number\": 1, \"row\": \"\\\"a\\\".json, line 3\", \"id\": \"00\"}");
        assertThat(PredictionLine.parse(all.text())).isEqualTo(all);
    }

    @Test
    void everyRewardComesBackWithItsBits() {
        Random random = new Random(5);
        for (int n = 0; n < 20_000; n++) {
            List<Score> scores = new ArrayList<>();
            for (int s = 0; s < 2 + random.nextInt(3); s++) {
                float reward = Float.intBitsToFloat(random.nextInt());
                scores.add(
                        new Score(
                                Float.isFinite(reward) ? reward : random.nextFloat(),
                                random.nextInt(5000),
                                random.nextBoolean()));
            }
            PredictionLine line =
                    new PredictionLine(
                            n,
                            "line " + n,
                            Integer.toHexString(n),
                            new ScoredComparison(
                                    scores,
                                    random.nextBoolean() ? random.nextGaussian() : null,
                                    null));
            assertThat(PredictionLine.parse(line.text())).isEqualTo(line);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "{",
                "null",
                "{}",
                "[1, 2]",
                "{\"accept\": 1.23, \"reject\": -0.45}",
                "{\"chosen\": 1.0, \"rejected\": 0.0, \"tokens\": [1], \"number\": 1, \"row\": \"x\", \"id\": \"0\"}",
                "{\"chosen\": \"1\", \"rejected\": 0.0, \"tokens\": [1, 2], \"number\": 1, \"row\": \"x\", \"id\": \"0\"}",
                "{\"chosen\": 1.0, \"rejected\": 0.0, \"tokens\": [1, 2]}",
            })
    void refusesWhatIsNoSuchLine(String text) {
        assertThatThrownBy(() -> PredictionLine.parse(text))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
