package io.github.baichuanreward.eval;

/**
 * The ranking loss of one pair, {@code -log sigmoid(difference - margin)}: how surprised a judge is
 * who believes in Bradley and Terry's model with these rewards.
 *
 * <p>In float64, within 2 ulp of the true value wherever the difference lies: nothing overflows,
 * and nothing is lost beside 1. By {@link StrictMath}, so that it is the same on every machine.
 */
final class PairLoss {

    private PairLoss() {}

    /**
     * The loss, from 0 on.
     *
     * @param difference reward of the chosen answer less that of the rejected one
     * @param margin what the difference should be at least, as Llama 2 has it (Touvron et al.,
     *     2023, section 3.2.2); 0 where nobody said
     */
    static double of(double difference, double margin) {
        return softplus(margin - difference);
    }

    /** {@code log(1 + exp(x))}, of which only the part that can be small is left to functions. */
    private static double softplus(double x) {
        return Math.max(x, 0) + StrictMath.log1p(StrictMath.exp(-Math.abs(x)));
    }

    /** The probability that the answer of the higher reward is the better one; from 0.5 to 1. */
    static double confidence(double difference) {
        return 1 / (1 + StrictMath.exp(-Math.abs(difference)));
    }
}
