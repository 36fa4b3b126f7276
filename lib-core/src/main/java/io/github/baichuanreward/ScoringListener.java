package io.github.baichuanreward;

/**
 * Is told of every batch that a {@link RewardModel} has computed, for counters and timers; see
 * {@link RewardModel#addListener}.
 */
@FunctionalInterface
public interface ScoringListener {

    /**
     * A batch is done, and its rewards are on their way to their callers. Called by the thread that
     * keeps the device busy, which computes nothing before this returns: count, and do the rest
     * elsewhere. Asking the model for a score here is an {@link IllegalStateException}. What it
     * throws is logged.
     */
    void scored(ScoredBatch batch);
}
