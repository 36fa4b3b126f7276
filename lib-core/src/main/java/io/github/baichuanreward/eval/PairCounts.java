package io.github.baichuanreward.eval;

/**
 * How many pairs there were, and of which kinds.
 *
 * @param pairs pairs that were scored
 * @param ties pairs whose rewards are equal
 * @param cut pairs with an item that was cut to the limits of its length
 * @param skipped rows that were left out because they are bad
 */
public record PairCounts(long pairs, long ties, long cut, long skipped) {}
