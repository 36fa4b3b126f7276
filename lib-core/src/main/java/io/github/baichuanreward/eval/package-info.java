/**
 * How good a reward model is: whether it gives the better of two answers the higher reward.
 *
 * <p>One word for one thing, in Java, in files and in documents:
 *
 * <ul>
 *   <li><b>comparison</b>: a prompt with two or more answers, the best first.
 *   <li><b>pair</b>: the first two of them, <b>chosen</b> and <b>rejected</b>; what accuracy and
 *       loss are counted over.
 *   <li><b>margin</b>: how much better the chosen one was said to be, where a comparison carries
 *       it; Llama 2 takes it off the difference in the loss.
 *   <li><b>difference</b>: the reward of the chosen one less that of the rejected one.
 *   <li><b>tie</b>: a pair of equal rewards; it counts as wrong.
 *   <li><b>subset</b>: a name that groups comparisons.
 * </ul>
 */
@NullMarked
package io.github.baichuanreward.eval;

import org.jspecify.annotations.NullMarked;
