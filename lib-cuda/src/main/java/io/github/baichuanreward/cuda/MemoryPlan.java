package io.github.baichuanreward.cuda;

import io.github.baichuanreward.model.BaichuanConfig;
import org.jspecify.annotations.Nullable;

/**
 * What a model will take on a device, computed before anything is loaded.
 *
 * @param weights bytes
 * @param activations bytes, for batches of {@code batchTokens}
 * @param workspace bytes, of cuBLAS
 * @param batchTokens most tokens of a batch
 * @param bytesPerToken what a token more of a batch costs
 */
record MemoryPlan(
        long weights, long activations, long workspace, int batchTokens, long bytesPerToken) {

    /** What the driver keeps for itself: context, kernels' code, and cuBLAS's. */
    static final long RESERVE = 512L << 20;

    /** Of the above, what may still come after all was opened. */
    static final long LATE_RESERVE = 64L << 20;

    static MemoryPlan of(BaichuanConfig config, GemmChoice gemm, int batchTokens) {
        PaddedSizes sizes = PaddedSizes.of(config);
        return new MemoryPlan(
                DeviceWeights.bytes(config),
                Activations.bytes(sizes, gemm.room(batchTokens)),
                gemm.workspaceBytes(),
                batchTokens,
                Activations.bytes(sizes, 1 << 10) >> 10);
    }

    /** All of it. */
    long total() {
        return weights + activations + workspace + RESERVE;
    }

    /** Why it does not fit into so many bytes, with what to do; null if it does. */
    @Nullable String problem(long bytes) {
        return total() <= bytes
                ? null
                : "%s, but it has %s; %s".formatted(numbers(), gib(bytes), remedy(bytes));
    }

    /** What goes where. */
    String numbers() {
        return "%s of weights, %s for batches of %d tokens and %s for CUDA itself make %s"
                .formatted(
                        gib(weights),
                        gib(activations),
                        batchTokens,
                        gib(workspace + RESERVE),
                        gib(total()));
    }

    /** What to do where there are only so many bytes. */
    String remedy(long bytes) {
        long left = bytes - (total() - activations);
        long tokens = left / bytesPerToken / 1024 * 1024; // for any kind of product
        return tokens > 0 && tokens < batchTokens
                ? "lower the batch tokens to %d (--batch_tokens), or use a larger GPU"
                        .formatted(tokens)
                : "use a larger GPU, or --backend cpu";
    }

    static String gib(long bytes) {
        return "%.2f GiB".formatted((double) bytes / (1L << 30));
    }
}
