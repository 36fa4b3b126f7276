package io.github.baichuanreward.cuda;

import io.github.baichuanreward.model.BaichuanConfig;
import org.jspecify.annotations.Nullable;

/**
 * The sizes of a model on a device, where rows of halves are read 16 bytes at a time: heads and the
 * gated layer are filled up with zeros to multiples of 8, which changes no sum.
 *
 * @param hidden width of the residual stream; never filled up, since norms count its columns
 * @param heads attention heads
 * @param headDim width of a head, filled up
 * @param intermediate width of the gated layer, filled up
 */
record PaddedSizes(int hidden, int heads, int headDim, int intermediate) {

    /** Columns that kernels read at a time. */
    private static final int MULTIPLE = 8;

    /** The widest head that the attention kernels take. */
    private static final int WIDEST_HEAD = 128;

    static PaddedSizes of(BaichuanConfig config) {
        return new PaddedSizes(
                config.hidden(),
                config.heads(),
                padded(config.headDim()),
                padded(config.intermediate()));
    }

    /** Why a model of these sizes cannot be computed, and what to do; null if it can. */
    static @Nullable String problem(BaichuanConfig config) {
        if (config.hidden() % MULTIPLE != 0) {
            return "hidden_size %d is not divisible by %d, which its kernels need; use --backend cpu"
                    .formatted(config.hidden(), MULTIPLE);
        }
        if (config.headDim() > WIDEST_HEAD) {
            return "heads of %d are wider than %d, the most that its kernels take; use --backend cpu"
                    .formatted(config.headDim(), WIDEST_HEAD);
        }
        return null;
    }

    /** Whether anything is filled up. */
    boolean isFilledUp(BaichuanConfig config) {
        return attention() != config.hidden() || intermediate != config.intermediate();
    }

    /** Width of all heads together. */
    int attention() {
        return heads * headDim;
    }

    private static int padded(int columns) {
        return (columns + MULTIPLE - 1) / MULTIPLE * MULTIPLE;
    }
}
