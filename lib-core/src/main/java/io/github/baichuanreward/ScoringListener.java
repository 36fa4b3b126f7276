package io.github.baichuanreward;

/**
 * Is told of every batch that a {@link RewardModel} has computed, for counters and timers; see
 * {@link RewardModel#addListener}.
 */
@FunctionalInterface
public interface ScoringListener {

    /**
     * A batch is done, and its rewards are on their way to their callers. Called by the thread that
     * has computed it, and computes nothing before this returns: count, and do the rest elsewhere.
     * Where several batches are computed at a time there are several such threads, of which one at
     * a time calls this model's listeners. Asking the model for a score here is an {@link
     * IllegalStateException}. What it throws is logged.
     */
    void scored(ScoredBatch batch);
}
