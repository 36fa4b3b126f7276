package io.github.baichuanreward.cuda;

import io.github.baichuanreward.checkpoint.DType;

/** Ways to compute attention, which are measured against each other. */
public enum AttentionWay {
    /** This library's kernel. */
    KERNEL(2.5),
    /**
     * Products of cuBLAS, softmax of cuDNN. Scores, bias included, and weights are rounded to the
     * half type on the way, as in the original modelling code: a score of 16 by up to 0.03.
     */
    LIBRARIES(12);

    private final double roundings;

    AttentionWay(double roundings) {
        this.roundings = roundings;
    }

    /** What a row of the result may be off, relative to its length: some roundings to the type. */
    double tolerance(DType half) {
        return roundings * (half == DType.BFLOAT16 ? 0x1p-8 : 0x1p-11);
    }

    /** What computes it. */
    interface Attention {

        /** Puts it into the device's queue: {@link AttentionTask#context} of {@code qkv}. */
        void enqueue();

        /** With versions, for people. */
        String description();
    }

    /**
     * Prepares it on the task's device, which is entered, and to which all of it belongs.
     *
     * @throws io.github.baichuanreward.backend.BackendException if a library or memory is missing;
     *     says what to do
     */
    Attention open(AttentionTask task) {
        return switch (this) {
            case KERNEL -> new KernelAttention(task);
            case LIBRARIES -> new LibraryAttention(task);
        };
    }
}
