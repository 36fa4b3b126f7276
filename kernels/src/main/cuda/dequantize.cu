// w[n, :] = half(float(q[n, :]) * scales[n])
//
// shapes    w [n, k] half; q [n, k] signed bytes; scales [n] float, one for each row; row-major
// launch    grid = (n, ceil(k / DEQUANTIZE_COLUMNS)), block = DEQUANTIZE_THREADS, no shared memory
// traffic   3 * n * k + 4 * n bytes: 210 MB at 13696 x 5120, 44 us at 4.8 TB/s. A thread asks for 40 bytes before it
//           uses any; 12 blocks fit on a multiprocessor, so up to 61 KB are under way, where a third of some 40 is
//           needed (embedding.cu): a third of the bytes are loads
// numerics  the product in float, then in half, each rounded to nearest even. Of a scale that is a half value, as the
//           original's are, the product is exact in float and so rounded once; another scale's is off by up to 2^-24 of
//           itself before that. Where scale = max|w| / 127 in float, 127 gives back a max|w| of the half type, be it
//           the type's largest: the product is off by 2^-23 of itself at most, so 65504 stays far below the 65520 at
//           which f16 ends. (Rounded to f16 that scale is 516, and 127 of it infinite.) No q is special, -128 neither;
//           a scale of zero makes zeros of the sign of q; subnormals, infinity and NaN go through
// requires  n >= 1 (no rows, no launch), k divisible by 8 and at least 8, w beside q; pointers aligned to 16 bytes.
//           w and q may have more than 2^31 elements
// checked   dequantize_test.cpp
#include "kernels.h"

namespace dequantize {

constexpr int PIECES = 5;  // of eight columns, that a thread computes
static_assert(DEQUANTIZE_COLUMNS == 8 * PIECES * DEQUANTIZE_THREADS, "kernels.h says what a block computes");

// The eight signed bytes of a piece.
DEVICE Floats8 floats_8(uint2 bytes) {
    Floats8 f;
    UNROLL for (int i = 0; i < 4; i++) {
        f.v[i] = static_cast<signed char>(bytes.x >> 8 * i);
        f.v[4 + i] = static_cast<signed char>(bytes.y >> 8 * i);
    }
    return f;
}

template <class E>
DEVICE void body(E* w, const signed char* q, const float* scales, int k) {
    const signed char* row = q + (size_t) blockIdx.x * k;
    E* target = w + (size_t) blockIdx.x * k;
    const int first = blockIdx.y * DEQUANTIZE_COLUMNS + threadIdx.x * 8, step = DEQUANTIZE_THREADS * 8;
    uint2 bytes[PIECES];
    UNROLL for (int i = 0; i < PIECES; i++) {
        const int column = first + i * step;
        if (column < k) bytes[i] = load_8_constant(row + column);
    }
    const float scale = scales[blockIdx.x];
    UNROLL for (int i = 0; i < PIECES; i++) {
        const int column = first + i * step;
        if (column < k) {
            Floats8 product = floats_8(bytes[i]);
            UNROLL for (int j = 0; j < 8; j++)
                product.v[j] *= scale;
            store_16(target + column, pack_8<E>(product));
        }
    }
}

}  // namespace dequantize

KERNEL(DEQUANTIZE_THREADS, 12) dequantize_bf16(Bf16* w, const signed char* q, const float* scales, int k) {
    dequantize::body(w, q, scales, k);
}
KERNEL(DEQUANTIZE_THREADS, 12) dequantize_f16(Fp16* w, const signed char* q, const float* scales, int k) {
    dequantize::body(w, q, scales, k);
}
