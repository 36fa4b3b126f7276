// y[i, :] = x[rows[i], :], whatever their type
//
// shapes    y [count, row_bytes], x [any, row_bytes], rows [count]; row_bytes in bytes
// launch    grid = count, block = GATHER_ROWS_THREADS, no shared memory
// traffic   2 * count * row_bytes: 168 MB for 4096 rows of 5120 floats, 35 us at 4.8 TB/s. The last tokens of a batch
//           are a few hundred rows: then the time is that of two loads, one after the other. A block asks for 20 KB
//           before it uses any
// numerics  copies bits
// requires  count >= 1 (no rows, no launch), row_bytes divisible by 16, rows inside x, y beside x; pointers aligned to
//           16 bytes. x and y may have more than 2^31 elements
// checked   gather_rows_test.cpp
#include "kernels.h"

namespace gather_rows_of {

constexpr int LOADS = 5;  // that a thread has under way

DEVICE void body(uint4* y, const uint4* x, const int* rows, int pieces) {
    const int step = blockDim.x;
    const uint4* source = x + (size_t) rows[blockIdx.x] * pieces;
    uint4* target = y + (size_t) blockIdx.x * pieces;
    for (int first = threadIdx.x; first < pieces; first += LOADS * step) {
        uint4 copied[LOADS];
        UNROLL for (int i = 0; i < LOADS; i++) {
            const int piece = first + i * step;
            if (piece < pieces) copied[i] = load_16_constant(source + piece);
        }
        UNROLL for (int i = 0; i < LOADS; i++) {
            const int piece = first + i * step;
            if (piece < pieces) store_16(target + piece, copied[i]);
        }
    }
}

}  // namespace gather_rows_of

KERNEL(GATHER_ROWS_THREADS, 5) gather_rows(void* y, const void* x, const int* rows, int row_bytes) {
    gather_rows_of::body(static_cast<uint4*>(y), static_cast<const uint4*>(x), rows, row_bytes / 16);
}
