// Kernels whose results simt_values_test.cpp compares with its own.
#include "simt_values_test.h"

// One product of 16 x 16 and 16 x 16, the matrices as the lanes hold them.
template <class E>
DEVICE void product(float4* c, const uint4* a, const uint4* b) {
    float4 sums[1][2] = {{c[threadIdx.x], c[32 + threadIdx.x]}};
    const uint4 as[1] = {a[threadIdx.x]}, bs[1] = {b[threadIdx.x]};
    mma<E>(sums, 0, as, bs);
    c[threadIdx.x] = sums[0][0];
    c[32 + threadIdx.x] = sums[0][1];
}
KERNEL(32, 1) product_bf16(float4* c, const uint4* a, const uint4* b) { product<Bf16>(c, a, b); }
KERNEL(32, 1) product_f16(float4* c, const uint4* a, const uint4* b) { product<Fp16>(c, a, b); }

// c[m][2 + ..] += a[m] * b[n] for several at once: c [m = 3, 6, lane], a [m = 3, lane], b [n = 2, lane].
KERNEL(32, 1) products(float4* c, const uint4* a, const uint4* b) {
    float4 sums[3][6];
    uint4 as[3], bs[2];
    for (int m = 0; m < 3; m++) {
        as[m] = a[m * 32 + threadIdx.x];
        for (int j = 0; j < 6; j++) sums[m][j] = c[(m * 6 + j) * 32 + threadIdx.x];
    }
    for (int n = 0; n < 2; n++) bs[n] = b[n * 32 + threadIdx.x];
    mma<Bf16>(sums, 2, as, bs);
    for (int m = 0; m < 3; m++) {
        for (int j = 0; j < 6; j++) c[(m * 6 + j) * 32 + threadIdx.x] = sums[m][j];
    }
}

// Two times four matrices of 8 x 8, of rows of 16 bytes that lie 48 bytes apart; the second four begin 32 rows later.
KERNEL(32, 1) matrices(uint4* plain, uint4* transposed, const uint4* rows) {
    const SharedAddress base = shared_base();
    for (int i = 0; i < 2; i++) {
        const int row = threadIdx.x + i * 32;
        cp_async_16(base + row * 48, rows + row, true);
    }
    cp_async_commit();
    cp_async_wait<0>();
    sync_warp();
    uint4 fragments[2];
    load_matrices(fragments, base + threadIdx.x * 48, 32 * 48);
    for (int n = 0; n < 2; n++) plain[n * 32 + threadIdx.x] = fragments[n];
    load_matrices_transposed(fragments, base + threadIdx.x * 48, 32 * 48);
    for (int n = 0; n < 2; n++) transposed[n * 32 + threadIdx.x] = fragments[n];
}

// Where `valid` is false, zeros; the source is not read.
KERNEL(32, 1) copies(uint4* target, const uint4* source, int valid) {
    const SharedAddress mine = shared_base() + threadIdx.x * 16;
    const bool inside = static_cast<int>(threadIdx.x) < valid;
    cp_async_16(mine, source + threadIdx.x, inside);
    cp_async_commit();
    cp_async_wait<0>();
    store_16(target + threadIdx.x, load_shared_16(mine));
}

KERNEL(64, 1) shuffles(float* target, int lane_mask) {
    target[threadIdx.x] = shuffle_xor(static_cast<float>(threadIdx.x), lane_mask);
}

KERNEL(64, 1) votes(int* target, const int* holds) { target[threadIdx.x] = any_lane(holds[threadIdx.x] != 0); }
