package io.github.baichuanreward.eval;

import java.util.List;

/**
 * Whether the model is right as often as its differences say.
 *
 * <p>A pair's confidence is {@code sigmoid(|difference|)}: the probability, by Bradley and Terry's
 * model, that the answer of higher reward is the better one. It lies from 0.5 to 1 and is grouped
 * into ten bins of equal width.
 *
 * @param error expected calibration error: the mean over all pairs of how far their bin's accuracy
 *     lies from its mean confidence (Naeini et al., 2015)
 * @param bins those that are not empty, by confidence
 */
public record Calibration(double error, List<Bin> bins) {

    /** Copies the bins. */
    public Calibration {
        bins = List.copyOf(bins);
    }

    /**
     * Pairs of about the same confidence.
     *
     * @param confidence their mean confidence
     * @param accuracy how many of them are right
     */
    public record Bin(double confidence, Proportion accuracy) {}
}
