package io.github.baichuanreward.eval;

import io.github.baichuanreward.Score;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Counts what a model made of comparisons, one after another.
 *
 * <pre>{@code
 * PairStatistics statistics = new PairStatistics();
 * for (ScoredComparison scored : all) {
 *     statistics.add(scored);
 * }
 * EvaluationNumbers numbers = statistics.numbers(0);
 * }</pre>
 *
 * <p>The numbers depend on the comparisons alone, not on their order, and are the same on every
 * machine: sums are exact until they are rounded once. Everything is computed in float64 from the
 * float32 rewards.
 *
 * <p>Holds the two rewards of each pair, 8 bytes, for the quantiles, and 24 bytes more for each
 * while {@link #numbers} runs; besides, some 600 bytes for each subset. For one thread at a time.
 */
public final class PairStatistics {

    /** Pairs of up to so many tokens are the first group; the next ends at twice as many. */
    private static final int SHORTEST_GROUP = 64;

    private float[] chosen = new float[1024];
    private float[] rejected = new float[1024];
    private int pairs;

    private long ties;
    private long cut;
    private long answerPairs;
    private long answerPairsInOrder;
    private final PairTally all = new PairTally();
    private final PairTally chosenShorter = new PairTally();
    private final PairTally chosenLonger = new PairTally();
    private final SortedMap<Long, PairTally> lengths = new TreeMap<>();
    private final SortedMap<String, PairTally> subsets = new TreeMap<>();
    private final CalibrationBins calibration = new CalibrationBins();

    /** Statistics of nothing yet. */
    public PairStatistics() {}

    /**
     * Counts a comparison.
     *
     * @throws IllegalArgumentException if a reward is infinite or not a number; nothing was counted
     *     then
     */
    public void add(ScoredComparison scored) {
        for (Score score : scored.scores()) {
            if (!Float.isFinite(score.reward())) {
                throw new IllegalArgumentException(
                        "a reward must be finite, but is " + score.reward());
            }
        }
        keep(scored);
        ties += scored.difference() == 0 ? 1 : 0;
        cut += scored.chosen().truncated() || scored.rejected().truncated() ? 1 : 0;
        calibration.add(scored.difference());
        rank(scored.scores());
        tally(scored);
    }

    /**
     * All that was counted so far.
     *
     * @param skipped rows that were left out; counted elsewhere, and passed on
     * @throws IllegalStateException if no comparison was added: there is no accuracy of nothing
     */
    public EvaluationNumbers numbers(long skipped) {
        if (pairs == 0) {
            throw new IllegalStateException("no comparison was added, so there is nothing to say");
        }
        return new EvaluationNumbers(
                new PairCounts(pairs, ties, cut, skipped),
                all.accuracy(),
                all.loss(),
                spread(),
                calibration.calibration(),
                new Baselines(
                        new Proportion(chosenLonger.pairs(), pairs),
                        chosenShorter.accuracy(),
                        chosenLonger.accuracy()),
                new Proportion(answerPairsInOrder, answerPairs),
                new EvaluationNumbers.Groups(lengthGroups(), subsetGroups()));
    }

    private void keep(ScoredComparison scored) {
        if (pairs == chosen.length) {
            int more = pairs + (pairs >> 1);
            chosen = Arrays.copyOf(chosen, more);
            rejected = Arrays.copyOf(rejected, more);
        }
        chosen[pairs] = scored.chosen().reward();
        rejected[pairs] = scored.rejected().reward();
        pairs++;
    }

    private void rank(List<Score> scores) {
        for (int better = 0; better < scores.size(); better++) {
            for (int worse = better + 1; worse < scores.size(); worse++) {
                answerPairs++;
                if (scores.get(better).reward() > scores.get(worse).reward()) {
                    answerPairsInOrder++;
                }
            }
        }
    }

    private void tally(ScoredComparison scored) {
        @Nullable Double margin = scored.margin();
        boolean right = scored.difference() > 0;
        double loss = PairLoss.of(scored.difference(), margin == null ? 0 : margin);
        all.add(right, loss);

        int chosenTokens = scored.chosen().tokens();
        int rejectedTokens = scored.rejected().tokens();
        if (chosenTokens < rejectedTokens) {
            chosenShorter.add(right, loss);
        } else if (chosenTokens > rejectedTokens) {
            chosenLonger.add(right, loss);
        }
        long length = lengthGroup(Math.max(chosenTokens, rejectedTokens));
        lengths.computeIfAbsent(length, key -> new PairTally()).add(right, loss);

        @Nullable String subset = scored.subset();
        if (subset != null) {
            subsets.computeIfAbsent(subset, key -> new PairTally()).add(right, loss);
        }
    }

    /** The most tokens in the group that {@code tokens} are in. */
    private static long lengthGroup(int tokens) {
        long most = SHORTEST_GROUP;
        while (most < tokens) {
            most *= 2;
        }
        return most;
    }

    private EvaluationNumbers.Spread spread() {
        SortedValues ofChosen = sorted(pair -> chosen[pair]);
        SortedValues ofRejected = sorted(pair -> rejected[pair]);
        SortedValues differences = sorted(pair -> (double) chosen[pair] - rejected[pair]);
        HistogramBins bins = HistogramBins.of(ofChosen, ofRejected);
        return new EvaluationNumbers.Spread(
                ofChosen.distribution(bins),
                ofRejected.distribution(bins),
                differences.distribution(HistogramBins.of(differences)));
    }

    private SortedValues sorted(IntToDoubleFunction valueOfPair) {
        return new SortedValues(IntStream.range(0, pairs).mapToDouble(valueOfPair).toArray());
    }

    private List<Group> lengthGroups() {
        List<Group> groups = new ArrayList<>();
        lengths.forEach((most, tally) -> groups.add(tally.group(lengthName(most))));
        return groups;
    }

    private static String lengthName(long most) {
        return most == SHORTEST_GROUP ? "up to " + most : (most / 2 + 1) + "-" + most;
    }

    private List<Group> subsetGroups() {
        List<Group> groups = new ArrayList<>();
        subsets.forEach((name, tally) -> groups.add(tally.group(name)));
        return groups;
    }
}
