package io.github.baichuanreward.cpu;

import io.github.baichuanreward.checkpoint.DType;
import io.github.baichuanreward.checkpoint.Tensor;
import java.util.List;

/** Whose products are measured; each is checked against {@link #other}. */
public enum Products {
    /** oneDNN, float32 rows. */
    ONEDNN_FLOAT32,
    /** oneDNN, rows rounded to bfloat16; on weights in bfloat16 only. */
    ONEDNN_BFLOAT16,
    /** The fallback where oneDNN is missing, float32 rows. */
    PLAIN_JAVA;

    /** Baichuan-13B's. */
    private static final int HEAD_DIM = 128;

    /**
     * Opens products with some weights.
     *
     * @throws LinkageError if oneDNN is not there
     * @throws io.github.baichuanreward.backend.BackendException if it does not have them here
     */
    MatMul open(Workers workers, List<Tensor> weights) {
        return switch (this) {
            case ONEDNN_FLOAT32 ->
                    new OneDnnMatMul(workers, OneDnn.get(), DType.FLOAT32, weights, HEAD_DIM);
            case ONEDNN_BFLOAT16 ->
                    new OneDnnMatMul(workers, OneDnn.get(), DType.BFLOAT16, weights, HEAD_DIM);
            case PLAIN_JAVA -> new JavaMatMul(workers);
        };
    }

    /** Products that share no code with these. */
    Products other() {
        return this == PLAIN_JAVA ? ONEDNN_FLOAT32 : PLAIN_JAVA;
    }

    /** As many threads as asked for; 0 means one for each core. */
    static Workers workers(int threads) {
        return new Workers(threads == 0 ? Runtime.getRuntime().availableProcessors() : threads);
    }
}
