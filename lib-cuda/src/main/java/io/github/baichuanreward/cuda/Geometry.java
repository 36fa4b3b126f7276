package io.github.baichuanreward.cuda;

/** How kernels are launched: the constants of {@code kernels.h}, under their names there. */
final class Geometry {

    static final int EMBEDDING_THREADS = 256;
    static final int RMS_NORM_THREADS = 128;
    static final int RMS_NORM_SHARED_BYTES = 16;
    static final int SWIGLU_THREADS = 128;

    /** Columns of {@code gated} that a block computes. */
    static final int SWIGLU_COLUMNS = 2048;

    static final int VALUE_HEAD_THREADS = 256;
    static final int VALUE_HEAD_SHARED_BYTES = 64;
    static final int GATHER_ROWS_THREADS = 256;
    static final int DEQUANTIZE_THREADS = 128;

    /** Columns of {@code w} that a block computes. */
    static final int DEQUANTIZE_COLUMNS = 5120;

    /** Rows of a segment that an attention tile holds. */
    static final int ATTENTION_QUERIES = 128;

    static final int ATTENTION_THREADS = 128;
    static final int ATTENTION_SHARED_BYTES_D128 = 64 * 1024;
    static final int ATTENTION_SHARED_BYTES_D64 = 32 * 1024;

    /** Rows and columns of a product that a block computes. */
    static final int GEMM_ROWS = 128;

    static final int GEMM_COLUMNS = 128;
    static final int GEMM_THREADS = 128;
    static final int GEMM_SHARED_BYTES = 64 * 1024;

    private Geometry() {}
}
