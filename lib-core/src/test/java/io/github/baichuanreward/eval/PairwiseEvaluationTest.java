package io.github.baichuanreward.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.baichuanreward.LoadOptions;
import io.github.baichuanreward.PromptAnswer;
import io.github.baichuanreward.RewardModel;
import io.github.baichuanreward.Score;
import io.github.baichuanreward.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a model makes of comparisons, from the comparisons to the numbers. */
class PairwiseEvaluationTest {

    @TempDir private Path folder;
    private RewardModel model;

    private final List<Comparison> told = new ArrayList<>();
    private final List<ScoredComparison> scored = new ArrayList<>();
    private final List<String> skipped = new ArrayList<>();

    private final EvaluationListener listener =
            new EvaluationListener() {
                @Override
                public void scored(Comparison comparison, ScoredComparison scores) {
                    told.add(comparison);
                    scored.add(scores);
                }

                @Override
                public void skipped(Comparison comparison, String reason) {
                    skipped.add(comparison.place() + ": " + reason);
                }
            };

    @BeforeEach
    void load() throws IOException {
        model =
                RewardModel.load(
                        TestData.demoModel().resolve("model"),
                        LoadOptions.defaults().withBackend("cpu").withBatchTokens(200));
    }

    @AfterEach
    void close() {
        model.close();
    }

    @Test
    void givesEachAnswerTheRewardThatItHasAlone() throws IOException {
        List<Comparison> comparisons =
                IntStream.range(0, 60)
                        .mapToObj(n -> comparison("问题" + n, "one " + n, "二", "three".repeat(n % 9)))
                        .toList();
        new PairwiseEvaluation(Mimicry.NONE).score(model, comparisons.iterator(), true, listener);

        assertThat(told).hasSize(53).isSubsetOf(comparisons); // an empty answer is a bad one
        assertThat(skipped).hasSize(7).first().asString().startsWith("row 问题0: answer 3: ");
        for (int n = 0; n < told.size(); n++) {
            List<Float> alone =
                    model.score(told.get(n).items()).stream().map(Score::reward).toList();
            assertThat(scored.get(n).scores().stream().map(Score::reward).toList())
                    .isEqualTo(alone);
        }
    }

    @Test
    void computesWhatAnswersShareOnce() throws IOException {
        AtomicLong computed = new AtomicLong();
        model.addListener(batch -> computed.addAndGet(batch.tokens() - batch.sharedTokens()));
        Comparison pair = comparison("很长的问题。".repeat(15), "one", "two");
        new PairwiseEvaluation(Mimicry.NONE)
                .score(model, List.of(pair, pair).iterator(), false, listener);

        long prompt = model.encode(new PromptAnswer(pair.prompt(), "x")).length - 2L;
        assertThat(computed.get()).isBetween(prompt, 2 * prompt + 20);
        assertThat(scored.get(0)).isEqualTo(scored.get(1));
    }

    @Test
    void endsAtAComparisonThatCannotBeScoredAfterThoseBeforeIt() {
        List<Comparison> comparisons =
                List.of(
                        comparison("a", "b", "c"),
                        comparison("d", "", "e"),
                        comparison("f", "g", "h"));
        PairwiseEvaluation evaluation = new PairwiseEvaluation(Mimicry.NONE);
        assertThatThrownBy(() -> evaluation.score(model, comparisons.iterator(), false, listener))
                .isInstanceOf(DatasetException.class)
                .hasMessageMatching("row d: answer 1: .*empty.*\nMend this row, .* be skipped\\.");
        assertThat(told).containsExactly(comparisons.get(0));
        assertThat(evaluation.pairs()).isEqualTo(1);
    }

    @Test
    void passesOnWhatWasReadBeforeReadingFails() {
        Iterator<Comparison> failing =
                new Iterator<>() {
                    private int given;

                    @Override
                    public boolean hasNext() {
                        return true;
                    }

                    @Override
                    public Comparison next() {
                        if (given == 30) {
                            throw new IllegalStateException("no more");
                        }
                        return comparison("p" + given++, "one", "two");
                    }
                };
        PairwiseEvaluation evaluation = new PairwiseEvaluation(Mimicry.NONE);
        assertThatThrownBy(() -> evaluation.score(model, failing, false, listener))
                .hasMessage("no more");
        assertThat(evaluation.pairs()).isEqualTo(30);
    }

    @Test
    void endsWhereItsListenerDoes() {
        EvaluationListener full =
                new EvaluationListener() {
                    @Override
                    public void scored(Comparison comparison, ScoredComparison scores)
                            throws IOException {
                        throw new IOException("disk full");
                    }

                    @Override
                    public void skipped(Comparison comparison, String reason) {}
                };
        Iterator<Comparison> many =
                IntStream.range(0, 500).mapToObj(n -> comparison("p" + n, "a", "b")).iterator();
        assertThatThrownBy(
                        () -> new PairwiseEvaluation(Mimicry.NONE).score(model, many, true, full))
                .isInstanceOf(IOException.class)
                .hasMessage("disk full");
        assertThat(model.score("still", "there")).isFinite();
    }

    @Test
    void keepsTheMostWrongPairsWithTheirTexts() {
        PairwiseEvaluation evaluation = new PairwiseEvaluation(Mimicry.NONE);
        for (int n = 0; n < 500; n++) {
            int difference = (n * 7919) % 500 - 400;
            evaluation.add(
                    comparison("p" + difference, "a", "b"),
                    new ScoredComparison(
                            List.of(new Score(difference, 3, false), new Score(0, 3, false)),
                            null,
                            null));
        }
        List<WrongPair> wrong = evaluation.report(Map.of(), 0).mostWrong();
        assertThat(wrong).hasSize(50);
        for (int n = 0; n < wrong.size(); n++) {
            assertThat(wrong.get(n).comparison().prompt()).isEqualTo("p" + (n - 400));
        }
        assertThat(evaluation.accuracy()).isEqualTo(new Proportion(99, 500));
    }

    @Test
    void mimicsTheOriginalOnPairsAlone() throws IOException {
        PairwiseEvaluation evaluation = new PairwiseEvaluation(Mimicry.LET_2023_07);
        List<Comparison> comparisons =
                List.of(comparison("a", "b", "c", "d"), comparison("e", "f", "g"));
        evaluation.score(model, comparisons.iterator(), false, listener);

        LetJuly2023 expected = new LetJuly2023();
        for (ScoredComparison pair : scored) {
            assertThat(pair.scores()).hasSize(2);
            assertThat(LetJuly2023.half(pair.chosen().reward())).isEqualTo(pair.chosen().reward());
            expected.add(pair.chosen().reward(), pair.rejected().reward());
        }
        TrainerMetrics metrics = evaluation.report(Map.of(), 0).metrics();
        assertThat(metrics.loss()).isEqualTo(expected.loss());
        assertThat(metrics.accuracy()).isEqualTo(expected.accuracy().value());
    }

    @Test
    void evaluatesADatasetInOneCall() throws IOException {
        Path file = folder.resolve("d.jsonl");
        Files.writeString(
                file,
                "{\"prompt\": \"a\", \"chosen\": \"b\", \"rejected\": \"c\"}\n{\"prompt\": 1}\n");
        ComparisonDataset dataset = ComparisonDataset.of(file);
        EvaluationReport report =
                PairwiseEvaluation.evaluate(
                        model, dataset, DatasetOptions.defaults().withSkipBadRows(true));
        assertThat(report.numbers().counts()).isEqualTo(new PairCounts(1, 0, 0, 1));
        assertThat(report.metrics().runtime()).isPositive();

        Files.writeString(file, "");
        assertThatThrownBy(
                        () ->
                                PairwiseEvaluation.evaluate(
                                        model, dataset, DatasetOptions.defaults()))
                .isInstanceOf(DatasetException.class)
                .hasMessageContaining("there is no comparison to evaluate");
    }

    private static Comparison comparison(String prompt, String... answers) {
        return new Comparison(prompt, List.of(), List.of(answers), null, null, "row " + prompt);
    }
}
