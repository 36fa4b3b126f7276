// rewards[r] = bias + sum over c of x[r, c] * rsqrt(mean(x[r, :]^2) + eps) * norm_weight[c] * weight[c]
//
// the final RMSNorm and the linear head in one pass over the row: the factor stands before the sum.
//
// shapes    rewards [rows] float; x [rows, hidden] float; norm_weight [hidden] half; weight [hidden] float
// launch    grid = rows, block = VALUE_HEAD_THREADS, VALUE_HEAD_SHARED_BYTES of dynamic shared memory
// traffic   4 * rows * hidden bytes, and 6 * hidden of weights from the cache: 5 MB for 256 rows of 5120, 1.1 us at 4.8
//           TB/s. One row a sequence: the time is that of one load and two sums over the block
// numerics  all in float, nothing rounded to half. Always the same order of sums: a row's bits depend on the row and on
//           hidden alone. Squares whose sum overflows (5120 values of 3e17, or one of 2e19), infinity and NaN give NaN
// requires  rows >= 1 (no rows, no launch), hidden divisible by 8; pointers aligned to 16 bytes. x may have more than
//           2^31 elements
// checked   value_head_test.cpp
#include "kernels.h"

namespace value_head {

constexpr int LOADS = 5;  // of each input, that a thread has under way
constexpr int WARPS = VALUE_HEAD_THREADS / 32;
static_assert(VALUE_HEAD_SHARED_BYTES == 2 * 4 * WARPS, "two sums over the block, a float a warp each");

template <class E>
DEVICE void body(
        float* rewards, const float* x, const E* norm_weight, const float* weight, int hidden, float bias, float eps) {
    const int quads = hidden / 4, step = blockDim.x;
    const float* row = x + (size_t) blockIdx.x * hidden;
    float squares = 0.0f, dot = 0.0f;
    for (int first = threadIdx.x; first < quads; first += LOADS * step) {
        const uint4 none = make_uint4(0, 0, 0, 0);
        uint4 v[LOADS], w[LOADS];
        uint2 n[LOADS];
        UNROLL for (int i = 0; i < LOADS; i++) {
            const int quad = first + i * step;
            const bool inside = quad < quads;
            v[i] = inside ? load_16_constant(row + quad * 4) : none;
            n[i] = inside ? load_8_constant(norm_weight + quad * 4) : make_uint2(0, 0);
            w[i] = inside ? load_16_constant(weight + quad * 4) : none;
        }
        UNROLL for (int i = 0; i < LOADS; i++) {
            const float4 a = floats_4(v[i]), b = unpack_4<E>(n[i]), c = floats_4(w[i]);
            squares = add_squares(squares, a);
            dot = fused_multiply_add(a.x * b.x, c.x, dot);
            dot = fused_multiply_add(a.y * b.y, c.y, dot);
            dot = fused_multiply_add(a.z * b.z, c.z, dot);
            dot = fused_multiply_add(a.w * b.w, c.w, dot);
        }
    }
    const SharedAddress scratch = shared_base();
    squares = block_sum<VALUE_HEAD_THREADS>(squares, scratch);
    dot = block_sum<VALUE_HEAD_THREADS>(dot, scratch + 4 * WARPS);
    if (threadIdx.x == 0) {
        rewards[blockIdx.x] = fused_multiply_add(dot, rms_factor(squares, hidden, eps), bias);
    }
}

}  // namespace value_head

KERNEL(VALUE_HEAD_THREADS, 2)
value_head_bf16(float* rewards, const float* x, const Bf16* norm_weight, const float* weight, int hidden, float bias,
        float eps) {
    value_head::body(rewards, x, norm_weight, weight, hidden, bias, eps);
}
KERNEL(VALUE_HEAD_THREADS, 2)
value_head_f16(float* rewards, const float* x, const Fp16* norm_weight, const float* weight, int hidden, float bias,
        float eps) {
    value_head::body(rewards, x, norm_weight, weight, hidden, bias, eps);
}
