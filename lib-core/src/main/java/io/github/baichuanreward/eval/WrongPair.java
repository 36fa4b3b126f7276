package io.github.baichuanreward.eval;

/**
 * A pair that the model got wrong, with its texts.
 *
 * @param comparison the texts
 * @param scored what the model made of them
 */
public record WrongPair(Comparison comparison, ScoredComparison scored) {}
