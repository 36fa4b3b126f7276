package io.github.baichuanreward;

/**
 * How good an answer is.
 *
 * @param reward higher is better; no unit and no bounds, to be compared among answers to one prompt
 * @param tokens how many token ids were scored, the end-of-sequence id included
 * @param truncated whether prompt or answer was cut to the limits of {@link ScoringOptions}
 */
public record Score(float reward, int tokens, boolean truncated) {}
