package io.github.baichuanreward.eval;

import java.util.List;

/**
 * What was counted over all pairs.
 *
 * @param counts pairs, and of which kinds
 * @param accuracy how many pairs are right: the chosen answer has the higher reward
 * @param loss mean over the pairs of {@code -log sigmoid(difference - margin)}
 * @param spread rewards and differences
 * @param calibration whether differences mean what they should
 * @param baselines what length alone explains
 * @param ranking of all pairs of answers of a comparison, not only the first two, how many stand in
 *     the right order; the same as {@code accuracy} where no comparison has more than two
 * @param groups accuracy by length and by subset
 */
public record EvaluationNumbers(
        PairCounts counts,
        Proportion accuracy,
        double loss,
        Spread spread,
        Calibration calibration,
        Baselines baselines,
        Proportion ranking,
        Groups groups) {

    /**
     * Rewards and differences.
     *
     * @param chosen rewards of the chosen answers
     * @param rejected rewards of the rejected answers, in the same bins
     * @param differences chosen less rejected
     */
    public record Spread(Distribution chosen, Distribution rejected, Distribution differences) {}

    /**
     * Pairs by what they have in common; groups without pairs are left out.
     *
     * @param lengths by the tokens of the longer sequence: up to 64, 65-128, ..., by powers of two
     * @param subsets by {@link Comparison#subset}, in the order of their names; those of none are
     *     left out
     */
    public record Groups(List<Group> lengths, List<Group> subsets) {

        /** Copies the lists. */
        public Groups {
            lengths = List.copyOf(lengths);
            subsets = List.copyOf(subsets);
        }
    }
}
