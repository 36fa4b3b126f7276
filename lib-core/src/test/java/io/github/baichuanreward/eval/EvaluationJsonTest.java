package io.github.baichuanreward.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.baichuanreward.Score;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EvaluationJsonTest {

    private static final TrainerMetrics PUBLISHED =
            TrainerMetrics.of(19804 / 22311.0, 0.197021484375, 22311, 1131.46064321);

    private static final String PUBLISHED_LINE =
            "{\"eval_accuracy\":0.8876339025592757,\"eval_loss\":0.197021484375,"
                    + "\"eval_runtime\":1131.4606,\"eval_samples_per_second\":19.719,"
                    + "\"eval_steps_per_second\":2.465}";

    private static final List<String> FIVE_KEYS =
            List.of(
                    "eval_accuracy",
                    "eval_loss",
                    "eval_runtime",
                    "eval_samples_per_second",
                    "eval_steps_per_second");

    private static ScoredComparison pair(
            double chosen, int chosenTokens, double rejected, int rejectedTokens, String subset) {
        return new ScoredComparison(
                List.of(
                        new Score((float) chosen, chosenTokens, false),
                        new Score((float) rejected, rejectedTokens, true)),
                null,
                subset);
    }

    private static EvaluationReport report(TrainerMetrics metrics, ScoredComparison... pairs) {
        PairStatistics statistics = new PairStatistics();
        for (ScoredComparison pair : pairs) {
            statistics.add(pair);
        }
        Map<String, String> run = new LinkedHashMap<>();
        run.put("model", "某模型 \"quoted\"");
        run.put("backend", "cpu");
        return new EvaluationReport(run, metrics, statistics.numbers(2), List.of());
    }

    private static EvaluationReport report() {
        return report(
                PUBLISHED,
                pair(1.5, 10, -0.5, 70, "问答"),
                pair(0.25, 90, 0.5, 80, "b"),
                pair(2, 200, -1, 100, "b"));
    }

    /** Fails for what is not JSON, such as the word Infinity. */
    private static JsonNode parse(String json) throws IOException {
        return new ObjectMapper().readTree(json);
    }

    private static List<String> names(JsonNode object) {
        List<String> names = new ArrayList<>();
        object.fieldNames().forEachRemaining(names::add);
        return names;
    }

    @Test
    void aLineHasExactlyTheFiveNumbersAsTrainerRoundsThem() {
        assertThat(EvaluationJson.metrics(PUBLISHED)).isEqualTo(PUBLISHED_LINE);
    }

    /** Python's round takes the exact binary value, and halves that are exact to the even digit. */
    @ParameterizedTest
    @CsvSource({
        "0.00005, 0.0001, 0.0",
        "0.0625, 0.0625, 0.062",
        "0.1875, 0.1875, 0.188",
        "2.675, 2.675, 2.675",
        "1.00005, 1.0001, 1.0",
        "2.00015, 2.0002, 2.0",
        "1.10015, 1.1001, 1.1",
        "1e-7, 0.0, 0.0",
        "12345678.9, 12345678.9, 12345678.9",
    })
    void secondsAndRatesAreRoundedAsPythonDoes(double value, double four, double three)
            throws IOException {
        JsonNode json =
                parse(
                        EvaluationJson.metrics(
                                new TrainerMetrics(value, value, value, value, value)));
        assertThat(json.get("eval_accuracy").doubleValue()).isEqualTo(value);
        assertThat(json.get("eval_loss").doubleValue()).isEqualTo(value);
        assertThat(json.get("eval_runtime").doubleValue()).isEqualTo(four);
        assertThat(json.get("eval_samples_per_second").doubleValue()).isEqualTo(three);
        assertThat(json.get("eval_steps_per_second").doubleValue()).isEqualTo(three);
    }

    @Test
    void theFileBeginsWithTheSameFiveNumbers() throws IOException {
        String json = EvaluationJson.results(report());
        assertThat(json)
                .startsWith(
                        """
                        {
                            "eval_accuracy": 0.8876339025592757,
                            "eval_loss": 0.197021484375,
                            "eval_runtime": 1131.4606,
                            "eval_samples_per_second": 19.719,
                            "eval_steps_per_second": 2.465,
                            "pairs": 3,
                        """)
                .endsWith("}\n")
                .doesNotContain("\r");
        assertThat(names(parse(json)).subList(0, 5)).isEqualTo(FIVE_KEYS);
    }

    @Test
    void theFileHasEverythingThatWasCounted() throws IOException {
        EvaluationReport report = report();
        EvaluationNumbers numbers = report.numbers();
        JsonNode json = parse(EvaluationJson.results(report));

        assertThat(json.get("right").longValue()).isEqualTo(2);
        assertThat(json.at("/accuracy_95/0").doubleValue()).isEqualTo(numbers.accuracy().lower());
        assertThat(json.at("/accuracy_95/1").doubleValue()).isEqualTo(numbers.accuracy().upper());
        assertThat(json.get("loss").doubleValue()).isEqualTo(numbers.loss());
        assertThat(json.get("ties").longValue()).isZero();
        assertThat(json.get("cut").longValue()).isEqualTo(3);
        assertThat(json.get("skipped").longValue()).isEqualTo(2);
        assertDistribution(json.at("/rewards/chosen"), numbers.spread().chosen());
        assertDistribution(json.at("/rewards/rejected"), numbers.spread().rejected());
        assertDistribution(json.get("differences"), numbers.spread().differences());
        assertThat(json.get("calibration_error").doubleValue())
                .isEqualTo(numbers.calibration().error());
        assertThat(json.get("calibration")).hasSize(numbers.calibration().bins().size());
        for (int i = 0; i < numbers.calibration().bins().size(); i++) {
            Calibration.Bin bin = numbers.calibration().bins().get(i);
            JsonNode written = json.at("/calibration/" + i);
            assertThat(written.get("confidence").doubleValue()).isEqualTo(bin.confidence());
            assertShare(written, bin.accuracy());
        }
        assertShare(json.get("longer_wins"), numbers.baselines().longerWins());
        assertShare(json.get("chosen_shorter"), numbers.baselines().chosenShorter());
        assertShare(json.get("chosen_longer"), numbers.baselines().chosenLonger());
        assertShare(json.get("ranking"), numbers.ranking());
        assertGroups(json.get("lengths"), numbers.groups().lengths());
        assertGroups(json.get("subsets"), numbers.groups().subsets());
        assertThat(names(json.get("run"))).containsExactly("model", "backend");
        assertThat(json.at("/run/model").textValue()).isEqualTo("某模型 \"quoted\"");
    }

    private static void assertDistribution(JsonNode json, Distribution distribution) {
        assertThat(json.get("mean").doubleValue()).isEqualTo(distribution.mean());
        assertThat(json.get("deviation").doubleValue()).isEqualTo(distribution.deviation());
        assertThat(names(json.get("quantiles")))
                .containsExactly("0", "0.01", "0.05", "0.25", "0.5", "0.75", "0.95", "0.99", "1");
        List<Double> quantiles = new ArrayList<>();
        json.get("quantiles").forEach(value -> quantiles.add(value.doubleValue()));
        assertThat(quantiles).isEqualTo(distribution.quantiles());
        List<Long> counts = new ArrayList<>();
        json.at("/histogram/counts").forEach(value -> counts.add(value.longValue()));
        assertThat(
                        new Histogram(
                                json.at("/histogram/from").doubleValue(),
                                json.at("/histogram/width").doubleValue(),
                                counts))
                .isEqualTo(distribution.histogram());
    }

    private static void assertShare(JsonNode json, Proportion share) {
        assertThat(json.get("accuracy").doubleValue()).isEqualTo(share.value());
        assertThat(json.at("/accuracy_95/0").doubleValue()).isEqualTo(share.lower());
        assertThat(json.at("/accuracy_95/1").doubleValue()).isEqualTo(share.upper());
        assertThat(new Proportion(json.get("right").longValue(), json.get("pairs").longValue()))
                .isEqualTo(share);
    }

    private static void assertGroups(JsonNode json, List<Group> groups) {
        assertThat(json).hasSize(groups.size());
        for (int i = 0; i < groups.size(); i++) {
            assertThat(json.get(i).get("name").textValue()).isEqualTo(groups.get(i).name());
            assertThat(json.get(i).get("loss").doubleValue()).isEqualTo(groups.get(i).loss());
            assertShare(json.get(i), groups.get(i).accuracy());
        }
    }

    @Test
    void whatIsNotANumberIsNull() throws IOException {
        JsonNode json = parse(EvaluationJson.results(report(PUBLISHED, pair(1, 9, 0, 9, "a"))));
        assertThat(json.at("/differences/deviation").isNull()).isTrue();
        assertThat(json.at("/chosen_shorter/accuracy").isNull()).isTrue();
        assertThat(json.at("/chosen_shorter/accuracy_95/0").isNull()).isTrue();
        assertThat(json.at("/chosen_shorter/pairs").longValue()).isZero();
    }

    @Test
    void anInfiniteLossIsJsonAndReadsAsInfinity() throws IOException {
        TrainerMetrics metrics = TrainerMetrics.of(0.5, Double.POSITIVE_INFINITY, 2, 0);
        assertThat(EvaluationJson.metrics(metrics)).contains("\"eval_loss\":1e999,");
        JsonNode json = parse(EvaluationJson.metrics(metrics));
        assertThat(names(json)).isEqualTo(FIVE_KEYS);
        assertThat(json.get("eval_loss").isNumber()).isTrue();
        assertThat(json.get("eval_loss").doubleValue()).isEqualTo(Double.POSITIVE_INFINITY);
        assertThat(json.get("eval_samples_per_second").doubleValue())
                .isEqualTo(Double.POSITIVE_INFINITY);
    }

    @Test
    void theFileIsReplacedAndNothingElseIsLeft(@TempDir Path folder) throws IOException {
        Path file = folder.resolve("eval_results.json");
        Files.writeString(file, "older and longer".repeat(1000));
        EvaluationJson.write(report(), file);
        assertThat(Files.readString(file)).isEqualTo(EvaluationJson.results(report()));
        try (var files = Files.list(folder)) {
            assertThat(files).containsExactly(file);
        }
    }

    @Test
    void aFolderThatIsNotThereIsAnError(@TempDir Path folder) {
        Path file = folder.resolve("no").resolve("eval_results.json");
        assertThatThrownBy(() -> EvaluationJson.write(report(), file))
                .isInstanceOf(NoSuchFileException.class);
    }
}
