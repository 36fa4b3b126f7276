// The products of mma.m16n8k16: sums run over k in order, each step a fused multiply-add, so that they are the same
// bits on every computer (a tensor core adds several products at once, and rounds otherwise).
//
// Lane l of a warp holds, with g = l / 4 and t = l % 4 (PTX ISA, "Matrix Fragments for mma.m16n8k16"):
//   a  rows g and g + 8, columns 2 t, 2 t + 1 (x, y), and 8 more (z, w)
//   b  column g, rows 2 t, 2 t + 1 (x), and 8 more (y); z and w the same of the next 8 columns
//   c  rows g (x, y) and g + 8 (z, w), columns 2 t and 2 t + 1
#include <cstring>

#include "simt_products.h"
#include "simt_threads.h"

namespace simt {

bool plain_products = !has_fast_products();

static float value_of(uint16_t bits, bool bf16) { return bf16 ? float_of_bf16(bits) : float_of_fp16(bits); }

static void unpack_a(float (&tile)[16][16], const Fiber* lanes, int m) {
    const bool bf16 = lanes->mma.bf16;
    for (unsigned lane = 0; lane < LANES; lane++) {
        uint16_t halves[8];
        memcpy(halves, &lanes[lane].mma.a[m], sizeof halves);
        for (unsigned i = 0; i < 8; i++) {
            tile[lane / 4 + i / 2 % 2 * 8][lane % 4 * 2 + i % 2 + i / 4 * 8] = value_of(halves[i], bf16);
        }
    }
}

static void unpack_b(float (&tile)[16][16], const Fiber* lanes, int n) {
    const bool bf16 = lanes->mma.bf16;
    for (unsigned lane = 0; lane < LANES; lane++) {
        uint16_t halves[8];
        memcpy(halves, &lanes[lane].mma.b[n], sizeof halves);
        for (unsigned i = 0; i < 8; i++) {
            tile[lane % 4 * 2 + i % 2 + i / 2 % 2 * 8][lane / 4 + i / 4 * 8] = value_of(halves[i], bf16);
        }
    }
}

static void add_product(const Fiber* lanes, int at, const float (&a)[16][16], const float (&b)[16][16]) {
    for (unsigned lane = 0; lane < LANES; lane++) {
        for (unsigned i = 0; i < 8; i++) {
            const unsigned row = lane / 4 + i / 2 % 2 * 8, column = lane % 4 * 2 + i % 2 + i / 4 * 8;
            float* element = &lanes[lane].mma.c[at].x + i;
            float sum = *element;
            for (unsigned k = 0; k < 16; k++) sum = fmaf(a[row][k], b[k][column], sum);
            *element = sum == sum ? sum : float_of_bits(0x7fffffff);
        }
    }
}

void multiply(Fiber* lanes) {
    const MmaOperands& mma = lanes->mma;
    statistics.mma += mma.m * mma.n * 2;
    if (!plain_products) return multiply_fast(lanes);
    float a[16][16], b[16][16];
    for (int m = 0; m < mma.m; m++) {
        unpack_a(a, lanes, m);
        for (int n = 0; n < mma.n; n++) {
            unpack_b(b, lanes, n);
            add_product(lanes, m * mma.c_stride + 2 * n, a, b);
        }
    }
}

}  // namespace simt
