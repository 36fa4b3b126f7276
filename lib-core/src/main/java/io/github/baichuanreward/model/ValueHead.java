package io.github.baichuanreward.model;

/**
 * The linear map from a final-normed hidden state to the reward.
 *
 * @param weight {@code [hidden]}, float32; not copied, not to be written to
 * @param bias added to the product
 * @param source where it was found: file and tensor name
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record ValueHead(float[] weight, float bias, String source) {}
