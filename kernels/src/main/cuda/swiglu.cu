// gated[t, i] = silu(gate_up[t, i]) * gate_up[t, intermediate + i],  silu(x) = x / (1 + exp(-x))
//
// shapes    gated [tokens, intermediate] half; gate_up [tokens, 2 * intermediate] half; row-major
// launch    grid = (tokens, ceil(intermediate / SWIGLU_COLUMNS)), block = SWIGLU_THREADS, no shared memory
// traffic   6 * tokens * intermediate bytes: 337 MB at 4096 x 13696, 70 us at 4.8 TB/s. A thread asks for 64 bytes
//           before it uses any; 12 blocks fit on a multiprocessor, so up to 98 KB are under way, where some 40 are
//           needed (embedding.cu)
// numerics  in float, rounded once. A gate below -88 gives zero (exp(88.8) is infinite), a gate of -infinity NaN, as x
//           / (1 + exp(-x)) does; NaN and infinity go through
// requires  tokens >= 1 (no rows, no launch), intermediate divisible by 8 and at least 8, gated beside gate_up;
//           pointers aligned to 16 bytes. Both may have more than 2^31 elements
// checked   swiglu_test.cpp
#include "kernels.h"

namespace swiglu {

constexpr int PIECES = 2;  // of eight columns, that a thread computes
static_assert(SWIGLU_COLUMNS == 8 * PIECES * SWIGLU_THREADS, "kernels.h says what a block computes");

template <class E>
DEVICE void body(E* gated, const E* gate_up, int intermediate) {
    const E* row = gate_up + (size_t) blockIdx.x * 2 * intermediate;
    E* target = gated + (size_t) blockIdx.x * intermediate;
    const int first = blockIdx.y * SWIGLU_COLUMNS + threadIdx.x * 8, step = SWIGLU_THREADS * 8;
    uint4 gate[PIECES], up[PIECES];
    UNROLL for (int i = 0; i < PIECES; i++) {
        const int column = first + i * step;
        if (column < intermediate) {
            gate[i] = load_16_constant(row + column);
            up[i] = load_16_constant(row + intermediate + column);
        }
    }
    UNROLL for (int i = 0; i < PIECES; i++) {
        const int column = first + i * step;
        if (column < intermediate) {
            const Floats8 g = unpack_8<E>(gate[i]), u = unpack_8<E>(up[i]);
            Floats8 product;
            UNROLL for (int j = 0; j < 8; j++)
                product.v[j] = silu(g.v[j]) * u.v[j];
            store_16(target + column, pack_8<E>(product));
        }
    }
}

}  // namespace swiglu

KERNEL(SWIGLU_THREADS, 12) swiglu_bf16(Bf16* gated, const Bf16* gate_up, int intermediate) {
    swiglu::body(gated, gate_up, intermediate);
}
KERNEL(SWIGLU_THREADS, 12) swiglu_f16(Fp16* gated, const Fp16* gate_up, int intermediate) {
    swiglu::body(gated, gate_up, intermediate);
}
