// residual[t, :] = float(table[ids[t], :])
//
// shapes    residual [tokens, hidden] float; ids [tokens]; table [vocabulary, hidden] half; row-major
// launch    grid = tokens, block = EMBEDDING_THREADS, no shared memory
// traffic   6 * tokens * hidden bytes: 126 MB at 4096 x 5120, 26 us at 4.8 TB/s. An H200 needs some 40 KB under way on
//           each of its 132 multiprocessors (4.8 TB/s times about 1 us until a load is answered); a third of the bytes
//           here are loads. A block asks for 10 KB, a row of 5120, before it uses any, and five blocks fit: enough
//           although the row must wait for its id first
// numerics  exact
// requires  tokens >= 1 (no rows, no launch), hidden divisible by 8, ids in the vocabulary; pointers aligned to 16
//           bytes. table and residual may have more than 2^31 elements
// checked   embedding_test.cpp
#include "kernels.h"

namespace embedding {

constexpr int LOADS = 5;  // that a thread has under way

template <class E>
DEVICE void body(float* residual, const int* ids, const E* table, int hidden) {
    const int quads = hidden / 4, step = blockDim.x;
    const E* source = table + (size_t) ids[blockIdx.x] * hidden;
    float* target = residual + (size_t) blockIdx.x * hidden;
    for (int first = threadIdx.x; first < quads; first += LOADS * step) {
        uint2 loaded[LOADS];
        UNROLL for (int i = 0; i < LOADS; i++) {
            const int quad = first + i * step;
            if (quad < quads) loaded[i] = load_8_constant(source + quad * 4);
        }
        UNROLL for (int i = 0; i < LOADS; i++) {
            const int quad = first + i * step;
            if (quad < quads) store_16(target + quad * 4, bits_4(unpack_4<E>(loaded[i])));
        }
    }
}

}  // namespace embedding

KERNEL(EMBEDDING_THREADS, 5) embedding_bf16(float* residual, const int* ids, const Bf16* table, int hidden) {
    embedding::body(residual, ids, table, hidden);
}
KERNEL(EMBEDDING_THREADS, 5) embedding_f16(float* residual, const int* ids, const Fp16* table, int hidden) {
    embedding::body(residual, ids, table, hidden);
}
