package io.github.baichuanreward.eval;

import io.github.baichuanreward.Score;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a model made of one comparison.
 *
 * @param scores of the answers in the comparison's order, the best first; two or more
 * @param margin the comparison's, or null
 * @param subset the comparison's, or null
 */
public record ScoredComparison(
        List<Score> scores, @Nullable Double margin, @Nullable String subset) {

    /**
     * Copies the scores.
     *
     * @throws IllegalArgumentException if there are fewer than two
     */
    public ScoredComparison {
        scores = List.copyOf(scores);
        if (scores.size() < 2) {
            throw new IllegalArgumentException("a pair needs two scores, but has " + scores.size());
        }
    }

    /** Score of the better answer. */
    public Score chosen() {
        return scores.get(0);
    }

    /** Score of the worse answer. */
    public Score rejected() {
        return scores.get(1);
    }

    /**
     * Reward of the chosen answer less that of the rejected one, in float64: exact unless one is so
     * small beside the other (2^-29 of it) that it hardly counts.
     */
    public double difference() {
        return (double) chosen().reward() - rejected().reward();
    }
}
