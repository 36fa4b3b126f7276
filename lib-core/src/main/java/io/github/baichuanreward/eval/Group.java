package io.github.baichuanreward.eval;

/**
 * Pairs that have something in common.
 *
 * @param name what, for people
 * @param accuracy how many of them are right
 * @param loss mean loss over them
 */
public record Group(String name, Proportion accuracy, double loss) {}
