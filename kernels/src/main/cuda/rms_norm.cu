// y[t, :] = half(x[t, :] * rsqrt(mean(x[t, :]^2) + eps) * weight)
//
// shapes    y [tokens, hidden] half; x [tokens, hidden] float, the residual stream; weight [hidden] half; row-major
// launch    grid = tokens, block = RMS_NORM_THREADS, RMS_NORM_SHARED_BYTES of dynamic shared memory
// traffic   6 * tokens * hidden bytes: 126 MB at 4096 x 5120, 26 us at 4.8 TB/s. A thread keeps 40 floats, a block a
//           row of 5120; of longer rows it reads the rest a second time, from the cache. A block asks for its whole
//           row, 20 KB, before it uses any; six fit on a multiprocessor (80 registers a thread), so two that wait for
//           their rows, while the others sum or store, keep the 40 KB under way that are needed (embedding.cu). The
//           weights come from the cache while the block sums
// numerics  in float, rounded once; a half model of the original rounds the normalised value to half before the weight,
//           too. Always the same order of sums: a row's bits depend on the row and on hidden alone. Squares whose sum
//           overflows (5120 values of 3e17, or one of 2e19), infinity and NaN make the whole row NaN, where the
//           original in float32 makes zeros of an overflow
// requires  tokens >= 1 (no rows, no launch), hidden divisible by 8; pointers aligned to 16 bytes. x and y may have
//           more than 2^31 elements
// checked   rms_norm_test.cpp
#include "kernels.h"

namespace rms_norm {

constexpr int KEPT = 10;  // times four floats of the row stay in a thread's registers
static_assert(RMS_NORM_SHARED_BYTES == 4 * (RMS_NORM_THREADS / 32), "a sum over the block, a float a warp");

template <class E>
DEVICE void store(E* y, float4 x, uint2 weight, float factor) {
    const float4 w = unpack_4<E>(weight);
    x = make_float4(x.x * factor * w.x, x.y * factor * w.y, x.z * factor * w.z, x.w * factor * w.w);
    store_8(y, pack_4<E>(x));
}

template <class E>
DEVICE void body(E* y, const float* x, const E* weight, int hidden, float eps) {
    const float* row = x + (size_t) blockIdx.x * hidden;
    E* target = y + (size_t) blockIdx.x * hidden;
    const int first = threadIdx.x * 4, step = RMS_NORM_THREADS * 4;

    uint4 kept[KEPT];
    UNROLL for (int i = 0; i < KEPT; i++) {
        const int column = first + i * step;
        kept[i] = column < hidden ? load_16_constant(row + column) : make_uint4(0, 0, 0, 0);
    }
    float sum = 0.0f;
    UNROLL for (int i = 0; i < KEPT; i++)
        sum = add_squares(sum, floats_4(kept[i]));
    NO_UNROLL for (int column = first + KEPT * step; column < hidden; column += step) {
        sum = add_squares(sum, floats_4(load_16_constant(row + column)));
    }
    uint2 weights[KEPT];
    UNROLL for (int i = 0; i < KEPT; i++) {
        const int column = first + i * step;
        weights[i] = column < hidden ? load_8_constant(weight + column) : make_uint2(0, 0);
    }
    const float factor = rms_factor(block_sum<RMS_NORM_THREADS>(sum, shared_base()), hidden, eps);

    UNROLL for (int i = 0; i < KEPT; i++) {
        const int column = first + i * step;
        if (column < hidden) store(target + column, floats_4(kept[i]), weights[i], factor);
    }
    NO_UNROLL for (int column = first + KEPT * step; column < hidden; column += step) {
        store(target + column, floats_4(load_16_constant(row + column)), load_8_constant(weight + column), factor);
    }
}

}  // namespace rms_norm

KERNEL(RMS_NORM_THREADS, 6) rms_norm_bf16(Bf16* y, const float* x, const Bf16* weight, int hidden, float eps) {
    rms_norm::body(y, x, weight, hidden, eps);
}
KERNEL(RMS_NORM_THREADS, 6) rms_norm_f16(Fp16* y, const float* x, const Fp16* weight, int hidden, float eps) {
    rms_norm::body(y, x, weight, hidden, eps);
}
