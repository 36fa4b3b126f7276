/**
 * What a Baichuan reward model is: its sizes, its slopes, its tensors by name.
 *
 * <p>One word for one thing, in Java, in CUDA and in tests:
 *
 * <ul>
 *   <li><b>tokens</b>: rows of a packed batch, all sequences one after another.
 *   <li><b>starts</b>: {@code starts[s]} is the first row of sequence {@code s}; one more entry
 *       ends the last one.
 *   <li><b>hidden</b>: the residual stream {@code [tokens, hidden]}, and its width.
 *   <li><b>heads</b>, <b>headDim</b>: {@code hidden = heads * headDim}.
 *   <li><b>intermediate</b>: width of the gated layer.
 *   <li><b>layers</b>: decoder layers.
 *   <li><b>qkv</b>: the packed projection, {@code [tokens, 3 * hidden]}: all of Q, all of K, all of
 *       V.
 *   <li><b>slopes</b>: ALiBi's factor per head; the bias is {@code slope * (j - i)} for query
 *       {@code i} and key {@code j}.
 *   <li><b>value head</b>: the linear map from the last token's final-normed hidden state to the
 *       reward.
 * </ul>
 */
@NullMarked
package io.github.baichuanreward.model;

import org.jspecify.annotations.NullMarked;
