package io.github.baichuanreward.cpu;

import io.github.baichuanreward.model.BaichuanConfig;

/** The arrays that one batch needs on its way through the layers, float32, row-major. */
final class Activations {

    /** Residual stream, {@code [tokens, hidden]}. */
    final float[] hidden;

    /** Input of a projection, {@code [tokens, hidden]}. */
    final float[] normed;

    /** Q, K and V, {@code [tokens, 3 * hidden]}. */
    final float[] qkv;

    /** Output of attention, {@code [tokens, hidden]}. */
    final float[] context;

    /** Output of SwiGLU, {@code [tokens, intermediate]}. */
    final float[] gated;

    private final int tokens;

    Activations(BaichuanConfig config, int tokens) {
        this.tokens = tokens;
        hidden = new float[tokens * config.hidden()];
        normed = new float[tokens * config.hidden()];
        qkv = new float[tokens * 3 * config.hidden()];
        context = new float[tokens * config.hidden()];
        gated = new float[tokens * config.intermediate()];
    }

    /** Most tokens for which every array of this model stays below 2^31 elements. */
    static int largestBatch(BaichuanConfig config) {
        return Integer.MAX_VALUE / Math.max(3 * config.hidden(), config.intermediate());
    }

    /** Bytes of all arrays for a number of tokens. */
    static long bytes(BaichuanConfig config, int tokens) {
        return tokens * (24L * config.hidden() + 4L * config.intermediate());
    }

    /** How many tokens there is room for. */
    int tokens() {
        return tokens;
    }
}
