package io.github.baichuanreward.eval;

import io.github.baichuanreward.RewardModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Finds out how often a model gives the better of two answers the higher reward.
 *
 * <pre>{@code
 * ComparisonDataset dataset = ComparisonDataset.of(Path.of("comparisons.json"));
 * EvaluationReport report =
 *         PairwiseEvaluation.evaluate(model, dataset, DatasetOptions.defaults());
 * System.out.println(report.metrics().accuracy());
 * HtmlReport.write(report, Path.of("report.html"));
 * }</pre>
 *
 * <p>The first two answers of a comparison are its pair; where there are more they are scored, too,
 * for {@link EvaluationNumbers#ranking}. Load the model with limits of length (512 and 512 were
 * LLaMA-Efficient-Tuning's), or an answer that is too long for it is a bad one.
 *
 * <p>Holds 8 bytes for each pair (12 where it mimics), some 600 for each subset, and the texts of
 * the pairs that are most wrong, whatever the size of the dataset. For one thread at a time; the
 * model may be used by others meanwhile.
 */
public final class PairwiseEvaluation {

    private static final int MOST_WRONG = 50;

    /** The first is the least wrong one, which goes when there are too many. */
    private final PriorityQueue<WrongPair> mostWrong =
            new PriorityQueue<>(
                    Comparator.comparingDouble((WrongPair wrong) -> -wrong.scored().difference()));

    private final Mimicry mimicry;
    private final PairStatistics statistics = new PairStatistics();
    private final LetJuly2023 halves = new LetJuly2023();
    private long pairs;
    private long right;
    private long skipped;
    private double seconds;

    /** An evaluation of nothing yet. */
    public PairwiseEvaluation(Mimicry mimicry) {
        this.mimicry = mimicry;
    }

    /**
     * Evaluates a model on a dataset.
     *
     * @throws DatasetException if the data cannot be read, at a bad row unless they are skipped, or
     *     if there is no comparison
     * @throws IOException if a file cannot be read
     * @throws IllegalStateException if the model is closed
     * @throws io.github.baichuanreward.backend.BackendException if a device fails
     */
    public static EvaluationReport evaluate(
            RewardModel model, ComparisonDataset dataset, DatasetOptions options)
            throws IOException {
        PairwiseEvaluation evaluation = new PairwiseEvaluation(Mimicry.NONE);
        try (ComparisonReader reader = dataset.open(options)) {
            evaluation.score(model, reader, options.skipBadRows(), null);
            if (evaluation.pairs() == 0) {
                throw new DatasetException(
                        dataset.files().get(0), "there is no comparison to evaluate");
            }
            Map<String, String> run = new LinkedHashMap<>();
            run.put(
                    "data",
                    dataset.files().stream().map(Path::toString).collect(Collectors.joining(", ")));
            run.put("backend", model.backend());
            return evaluation.report(run, reader.skipped());
        }
    }

    /**
     * Scores comparisons and counts what the model makes of them.
     *
     * @param skipsBad whether a comparison that cannot be scored, since it is too long or not valid
     *     Unicode, is passed over and counted
     * @param listener is told besides; null for nobody
     * @throws DatasetException at the first that cannot be scored, and as {@link ComparisonReader}
     * @throws IOException if the listener throws it
     * @throws IllegalStateException if the model is closed
     * @throws io.github.baichuanreward.backend.BackendException if a device fails
     */
    public void score(
            RewardModel model,
            Iterator<Comparison> comparisons,
            boolean skipsBad,
            @Nullable EvaluationListener listener)
            throws IOException {
        long start = System.nanoTime();
        double before = seconds;
        EvaluationListener counting =
                new EvaluationListener() {
                    @Override
                    public void scored(Comparison comparison, ScoredComparison scored)
                            throws IOException {
                        add(comparison, scored);
                        seconds = before + (System.nanoTime() - start) / 1e9;
                        if (listener != null) {
                            listener.scored(comparison, scored);
                        }
                    }

                    @Override
                    public void skipped(Comparison comparison, String reason) throws IOException {
                        skip();
                        if (listener != null) {
                            listener.skipped(comparison, reason);
                        }
                    }
                };
        new ComparisonScorer(model, mimicry, skipsBad, counting).scoreAll(comparisons);
    }

    /**
     * Counts a comparison that was scored before.
     *
     * @throws IllegalArgumentException if a reward is not finite
     */
    public void add(Comparison comparison, ScoredComparison scored) {
        statistics.add(scored);
        pairs++;
        if (mimicry == Mimicry.LET_2023_07) {
            halves.add(scored.chosen().reward(), scored.rejected().reward());
        }
        if (scored.difference() > 0) {
            right++;
            return;
        }
        mostWrong.add(new WrongPair(comparison, scored));
        if (mostWrong.size() > MOST_WRONG) {
            mostWrong.remove();
        }
    }

    /** Counts a comparison that was left out before. */
    public void skip() {
        skipped++;
    }

    /** Counts time that was spent before. */
    public void addSeconds(double more) {
        seconds += more;
    }

    /** Seconds that scoring took so far. */
    public double seconds() {
        return seconds;
    }

    /** Pairs so far. */
    public long pairs() {
        return pairs;
    }

    /** Comparisons so far, those that could not be scored included. */
    public long comparisons() {
        return pairs + skipped;
    }

    /** How many of the pairs are right so far. */
    public Proportion accuracy() {
        return new Proportion(right, pairs);
    }

    /**
     * What was found so far.
     *
     * @param run what was evaluated and how, by name, for people
     * @param skippedRows rows that were not even a comparison
     * @throws IllegalStateException if there was no pair
     */
    public EvaluationReport report(Map<String, String> run, long skippedRows) {
        EvaluationNumbers numbers = statistics.numbers(skippedRows + skipped);
        double loss = mimicry == Mimicry.NONE ? numbers.loss() : halves.loss();
        List<WrongPair> worst = new ArrayList<>(mostWrong);
        worst.sort(Comparator.comparingDouble(wrong -> wrong.scored().difference()));
        return new EvaluationReport(
                run,
                TrainerMetrics.of(numbers.accuracy().value(), loss, pairs, seconds),
                numbers,
                worst);
    }
}
