package io.github.baichuanreward;

/**
 * An answer in its place among others to the same prompt.
 *
 * @param answer the text
 * @param index where it stood in the list that was given, from 0
 * @param score its reward
 * @param beatsNext the probability that it is better than the answer behind it, as the model was
 *     trained to say it ({@link RewardModel#compare}); {@link Double#NaN} for the last one
 */
public record RankedAnswer(String answer, int index, Score score, double beatsNext) {}
