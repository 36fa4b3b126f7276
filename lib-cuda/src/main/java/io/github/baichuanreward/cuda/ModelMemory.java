package io.github.baichuanreward.cuda;

import io.github.baichuanreward.model.BaichuanConfig;

/**
 * What the parts of a model take on a device, computed before anything is loaded; all in bytes, but
 * for counts.
 *
 * @param layers how many decoder layers the model has
 * @param layer one of them
 * @param embedding what the first device holds besides
 * @param ends final norm, value head and slopes, counted on every device
 * @param activations for batches of {@code batchTokens}
 * @param handover a second residual stream, where batches go from device to device
 * @param workspace of products
 * @param batchTokens most tokens of a batch
 */
record ModelMemory(
        int layers,
        long layer,
        long embedding,
        long ends,
        long activations,
        long handover,
        long workspace,
        int batchTokens) {

    /** What the driver keeps for itself: context, kernels' code, and cuBLAS's. */
    static final long RESERVE = 512L << 20;

    /** Of the above, what may still come when the context is there. */
    static final long OPENED_RESERVE = 256L << 20;

    /** Of the above, what may still come after all was opened. */
    static final long LATE_RESERVE = 64L << 20;

    /** Layers that are on a device while others are sent: one is used while the other arrives. */
    static final int STREAMING = 2;

    /**
     * Of a model of these sizes.
     *
     * @param form of the weights
     */
    static ModelMemory of(
            BaichuanConfig config, GemmChoice gemm, WeightForm form, int batchTokens) {
        PaddedSizes sizes = PaddedSizes.of(config);
        int rows = gemm.room(batchTokens);
        return new ModelMemory(
                config.layers(),
                DeviceWeights.layerBytes(sizes, form),
                DeviceWeights.embeddingBytes(config),
                DeviceWeights.endsBytes(sizes),
                Activations.bytes(sizes, rows),
                Activations.hiddenBytes(sizes, rows),
                gemm.workspaceBytes() + DequantizingGemm.scratchBytes(sizes, form),
                batchTokens);
    }

    /** All weights. */
    long weights() {
        return layers * layer + embedding + ends;
    }

    /** A whole model on one device. */
    long total() {
        return weights() + activations + workspace + RESERVE;
    }

    /** What so many layers take on a device, without what the driver keeps. */
    long shard(int count, boolean isFirst, boolean isAlone) {
        return count * layer + fixed(isFirst, isAlone);
    }

    /** Of that, what does not depend on the number of layers. */
    long fixed(boolean isFirst, boolean isAlone) {
        return ends
                + (isFirst ? embedding : 0)
                + activations
                + (isAlone ? 0 : handover)
                + workspace;
    }

    /** How many layers fit into so many bytes; -1 if not even none does. */
    int fitting(long bytes, boolean isFirst, boolean isAlone) {
        long fitting = Math.floorDiv(bytes - fixed(isFirst, isAlone), layer);
        return (int) Math.max(-1, Math.min(layers, fitting));
    }

    /** What goes where, of a whole model on one device. */
    String numbers() {
        return "%s of weights, %s for batches of %d tokens and %s for CUDA itself make %s"
                .formatted(
                        gib(weights()),
                        gib(activations),
                        batchTokens,
                        gib(workspace + RESERVE),
                        gib(total()));
    }

    /** What must be on a device that holds as few layers as it can. */
    String streamingNumbers() {
        return "%d of %d layers with the embedding, batches of %d tokens and CUDA itself take %s"
                .formatted(
                        STREAMING,
                        layers,
                        batchTokens,
                        gib(shard(STREAMING, true, true) + RESERVE));
    }

    static String gib(long bytes) {
        return "%.2f GiB".formatted((double) bytes / (1L << 30));
    }
}
