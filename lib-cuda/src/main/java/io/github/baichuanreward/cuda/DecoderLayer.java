package io.github.baichuanreward.cuda;

/**
 * One decoder layer on a device. What a step is computed with was settled when the model was
 * loaded.
 *
 * @param kernels of the device
 * @param gemm for the rows of all tokens
 * @param lastGemm for last rows, of which there are few
 * @param shape of the model
 * @param slopes {@code [heads]} float32
 * @param weights this layer's
 */
record DecoderLayer(
        Launchers kernels,
        Gemm gemm,
        Gemm lastGemm,
        Shape shape,
        DeviceBuffer slopes,
        DeviceWeights.Layer weights) {

    /**
     * What the kernels are told of the model.
     *
     * @param sizes as they are on the device
     * @param scale of attention's products, by the width that a head has without filling
     * @param eps added to the mean square before the root
     */
    record Shape(PaddedSizes sizes, float scale, float eps) {}

    /** Takes the residual stream through this layer. */
    void forward(Activations a, BatchInput in) {
        int rows = in.tokens();
        rmsNorm(a.normed, a.hidden, weights.inputNorm(), rows); // [tokens, hidden]
        gemm.multiply(a.qkv, a.normed, weights.qkv(), rows); // [tokens, 3 * attention]
        alibiAttention(a.context, a.qkv, in.attention(), rows); // [tokens, attention]
        gemm.multiplyAdd(a.hidden, a.context, weights.outProj(), rows); // hidden += context W^T
        rmsNorm(a.normed, a.hidden, weights.postNorm(), rows); // [tokens, hidden]
        gemm.multiplyGated(a.gated, a.gateUp, a.normed, weights.gateUp(), rows); // [tokens, inter.]
        gemm.multiplyAdd(a.hidden, a.gated, weights.down(), rows); // hidden += gated W^T
    }

    /**
     * The same for the last layer, from which only last tokens' rows go on.
     *
     * @param last receives the residual stream, {@code [sequences, hidden]}
     */
    void forwardLast(Activations last, Activations a, BatchInput in) {
        int rows = in.sequences();
        rmsNorm(a.normed, a.hidden, weights.inputNorm(), in.tokens()); // [tokens, hidden]
        gemm.multiply(a.qkv, a.normed, weights.qkv(), in.tokens()); // [tokens, 3 * attention]
        alibiAttention(
                a.context, a.qkv, in.lastAttention(), in.tokens()); // [tokens, attention], in part
        gather(last.hidden, a.hidden, in, shape.sizes().hidden() * Float.BYTES);
        gather(last.context, a.context, in, shape.sizes().attention() * Short.BYTES);
        lastGemm.multiplyAdd(last.hidden, last.context, weights.outProj(), rows);
        rmsNorm(last.normed, last.hidden, weights.postNorm(), rows); // [sequences, hidden]
        lastGemm.multiplyGated(last.gated, last.gateUp, last.normed, weights.gateUp(), rows);
        lastGemm.multiplyAdd(last.hidden, last.gated, weights.down(), rows);
    }

    private void rmsNorm(DeviceBuffer y, DeviceBuffer x, DeviceBuffer weight, int rows) {
        kernels.rmsNorm(y, x, weight, shape.sizes().hidden(), shape.eps(), rows);
    }

    private void alibiAttention(
            DeviceBuffer context, DeviceBuffer qkv, BatchInput.Attention in, int tokens) {
        PaddedSizes sizes = shape.sizes();
        kernels.alibiAttention(
                context,
                qkv,
                in.segments(),
                in.tiles(),
                slopes,
                sizes.headDim(),
                shape.scale(),
                sizes.heads(),
                in.tileCount(),
                tokens);
    }

    private void gather(DeviceBuffer y, DeviceBuffer x, BatchInput in, int rowBytes) {
        kernels.gatherRows(y, x, in.lastRows(), rowBytes, in.sequences());
    }
}
