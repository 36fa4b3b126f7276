package io.github.baichuanreward.eval;

/**
 * The five numbers that Hugging Face's Trainer prints for an evaluation, as it defines them, one
 * sample being one pair.
 *
 * @param accuracy share of the pairs whose chosen answer has the higher reward; a tie is wrong
 * @param loss mean of {@code -log sigmoid(difference - margin)}
 * @param runtime seconds from the first comparison to the last score; loading the model is not part
 *     of it
 * @param samplesPerSecond pairs per second of it
 * @param stepsPerSecond batches of 8 pairs per second of it, as the published evaluations had them
 */
public record TrainerMetrics(
        double accuracy,
        double loss,
        double runtime,
        double samplesPerSecond,
        double stepsPerSecond) {

    /** Pairs in a step of the published evaluations, on all their GPUs together. */
    public static final int PAIRS_PER_STEP = 8;

    /**
     * The numbers of an evaluation that took some time.
     *
     * @param pairs that were evaluated; a last batch of fewer than 8 is a step, too
     * @param runtime seconds
     */
    public static TrainerMetrics of(double accuracy, double loss, long pairs, double runtime) {
        long steps = (pairs + PAIRS_PER_STEP - 1) / PAIRS_PER_STEP;
        return new TrainerMetrics(accuracy, loss, runtime, pairs / runtime, steps / runtime);
    }
}
