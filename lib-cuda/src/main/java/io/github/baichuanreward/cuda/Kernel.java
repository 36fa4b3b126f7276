package io.github.baichuanreward.cuda;

import java.util.ArrayList;
import java.util.List;

/** The kernels of an image, each with its arguments as {@code kernels.h} declares them. */
enum Kernel {
    EMBEDDING(
            "embedding",
            Geometry.EMBEDDING_THREADS,
            0,
            "float* residual, const int* ids, const E* table, int hidden"),
    RMS_NORM(
            "rms_norm",
            Geometry.RMS_NORM_THREADS,
            Geometry.RMS_NORM_SHARED_BYTES,
            "E* y, const float* x, const E* weight, int hidden, float eps"),
    ALIBI_ATTENTION_D128(
            "alibi_attention_d128",
            Geometry.ATTENTION_THREADS,
            Geometry.ATTENTION_SHARED_BYTES_D128,
            Kernel.ATTENTION),
    ALIBI_ATTENTION_D64(
            "alibi_attention_d64",
            Geometry.ATTENTION_THREADS,
            Geometry.ATTENTION_SHARED_BYTES_D64,
            Kernel.ATTENTION),
    SWIGLU("swiglu", Geometry.SWIGLU_THREADS, 0, "E* gated, const E* gate_up, int intermediate"),
    VALUE_HEAD(
            "value_head",
            Geometry.VALUE_HEAD_THREADS,
            Geometry.VALUE_HEAD_SHARED_BYTES,
            "float* rewards, const float* x, const E* norm_weight, const float* weight, int hidden,"
                    + " float bias, float eps"),
    GEMM(
            "gemm",
            Geometry.GEMM_THREADS,
            Geometry.GEMM_SHARED_BYTES,
            "E* y, const E* x, const E* w, int rows, int n, int k"),
    GEMM_ADD(
            "gemm_add",
            Geometry.GEMM_THREADS,
            Geometry.GEMM_SHARED_BYTES,
            "float* y, const E* x, const E* w, int rows, int n, int k"),
    GEMM_SWIGLU(
            "gemm_swiglu",
            Geometry.GEMM_THREADS,
            Geometry.GEMM_SHARED_BYTES,
            "E* gated, const E* x, const E* gate_up_w, int rows, int intermediate, int k"),
    GATHER_ROWS(
            "gather_rows",
            Geometry.GATHER_ROWS_THREADS,
            0,
            "void* y, const void* x, const int* rows, int row_bytes"),
    DEQUANTIZE(
            "dequantize",
            Geometry.DEQUANTIZE_THREADS,
            0,
            "E* w, const signed char* q, const float* scales, int k");

    private static final String ATTENTION =
            "E* context, const E* qkv, const Segment* segments, const AttentionTile* tiles, const"
                    + " float* slopes, int head_dim, float scale";

    /** What an argument is passed as. */
    enum Kind {
        POINTER,
        INT,
        FLOAT
    }

    private final String stem;
    private final int threads;
    private final int sharedBytes;
    private final String declaration;

    @SuppressWarnings("ImmutableEnumChecker") // a copy that cannot be changed
    private final List<Kind> kinds;

    Kernel(String stem, int threads, int sharedBytes, String declaration) {
        this.stem = stem;
        this.threads = threads;
        this.sharedBytes = sharedBytes;
        this.declaration = declaration;
        List<Kind> found = new ArrayList<>();
        for (String argument : declaration.split(", ", -1)) {
            found.add(
                    argument.contains("*")
                            ? Kind.POINTER
                            : argument.startsWith("int ") ? Kind.INT : Kind.FLOAT);
        }
        this.kinds = List.copyOf(found);
    }

    /** Its name without the type. */
    String stem() {
        return stem;
    }

    /** Its name in the image, for a half type's suffix. */
    String symbol(String dtype) {
        return this == GATHER_ROWS ? stem : stem + "_" + dtype;
    }

    /** Threads of a block. */
    int threads() {
        return threads;
    }

    /** Dynamic shared memory of a block. */
    int sharedBytes() {
        return sharedBytes;
    }

    /** Its arguments in C, {@code E} being the half type. */
    String declaration() {
        return declaration;
    }

    /** What each argument is passed as. */
    List<Kind> kinds() {
        return kinds;
    }
}
