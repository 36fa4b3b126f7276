// Every kernel of the image, with its arguments: outputs, inputs, weights, sizes, scalars. What each computes, and how
// it is launched, stands in the .cu file of its name.
#pragma once
#include "device.cuh"

// A sequence of packed rows, or the part of one behind a prefix that it shares with others. Key j of the sequence is
// row prefix_start + j for j < prefix_length, else row start + j - prefix_length.
struct alignas(16) Segment {
    int start;          // first own row
    int length;         // own rows
    int prefix_start;   // first row of the prefix
    int prefix_length;  // 0 without a prefix
};

// One piece of attention's work: the ATTENTION_QUERIES own rows of a segment from query_tile * ATTENTION_QUERIES on.
struct alignas(8) AttentionTile {
    int segment;
    int query_tile;
};

// Threads of a block, and what its launch asks for beside them.
constexpr int EMBEDDING_THREADS = 256;
constexpr int RMS_NORM_THREADS = 128, RMS_NORM_SHARED_BYTES = 16;
constexpr int SWIGLU_THREADS = 128, SWIGLU_COLUMNS = 2048;  // columns of gated that a block computes
constexpr int VALUE_HEAD_THREADS = 256, VALUE_HEAD_SHARED_BYTES = 64;
constexpr int GATHER_ROWS_THREADS = 256;
constexpr int DEQUANTIZE_THREADS = 128, DEQUANTIZE_COLUMNS = 5120;  // columns of w that a block computes

constexpr int ATTENTION_QUERIES = 128;
constexpr int ATTENTION_THREADS = 128;
constexpr int ATTENTION_SHARED_BYTES_D128 = 64 * 1024;
constexpr int ATTENTION_SHARED_BYTES_D64 = 32 * 1024;
constexpr int GEMM_ROWS = 128, GEMM_COLUMNS = 128;  // of x * w^T that a block computes
constexpr int GEMM_THREADS = 128;
constexpr int GEMM_SHARED_BYTES = 64 * 1024;

#define KERNELS_OF(E, dtype)                                                                                   \
    extern "C" __global__ void embedding_##dtype(float* residual, const int* ids, const E* table, int hidden); \
    extern "C" __global__ void rms_norm_##dtype(E* y, const float* x, const E* weight, int hidden, float eps); \
    extern "C" __global__ void alibi_attention_d128_##dtype(E* context, const E* qkv, const Segment* segments, \
            const AttentionTile* tiles, const float* slopes, int head_dim, float scale);                       \
    extern "C" __global__ void alibi_attention_d64_##dtype(E* context, const E* qkv, const Segment* segments,  \
            const AttentionTile* tiles, const float* slopes, int head_dim, float scale);                       \
    extern "C" __global__ void swiglu_##dtype(E* gated, const E* gate_up, int intermediate);                   \
    extern "C" __global__ void value_head_##dtype(float* rewards, const float* x, const E* norm_weight,        \
            const float* weight, int hidden, float bias, float eps);                                           \
    extern "C" __global__ void gemm_##dtype(E* y, const E* x, const E* w, int rows, int n, int k);             \
    extern "C" __global__ void gemm_add_##dtype(float* y, const E* x, const E* w, int rows, int n, int k);     \
    extern "C" __global__ void gemm_swiglu_##dtype(                                                            \
            E* gated, const E* x, const E* gate_up_w, int rows, int intermediate, int k);                      \
    extern "C" __global__ void dequantize_##dtype(E* w, const signed char* q, const float* scales, int k);
KERNELS_OF(Bf16, bf16)
KERNELS_OF(Fp16, f16)
#undef KERNELS_OF

extern "C" __global__ void gather_rows(void* y, const void* x, const int* rows, int row_bytes);
