#include "simt_products.h"

#include "simt_threads.h"

#ifndef __x86_64__

bool simt::has_fast_products() { return false; }
void simt::multiply_fast(Fiber*) {}

#else
#include <immintrin.h>

#define FAST __attribute__((target("avx2,fma,f16c")))

namespace simt {
namespace {

constexpr int MAX_TILES = 16;

FAST inline __m256 floats_of(__m128i halves, bool bf16) {
    if (!bf16) return _mm256_cvtph_ps(halves);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}

// Four lanes' fragments: word i of each, joined.
struct Words {
    __m128i of[4];
};
FAST inline Words transpose(const uint4& lane0, const uint4& lane1, const uint4& lane2, const uint4& lane3) {
    const __m128i f0 = _mm_load_si128(reinterpret_cast<const __m128i*>(&lane0));
    const __m128i f1 = _mm_load_si128(reinterpret_cast<const __m128i*>(&lane1));
    const __m128i f2 = _mm_load_si128(reinterpret_cast<const __m128i*>(&lane2));
    const __m128i f3 = _mm_load_si128(reinterpret_cast<const __m128i*>(&lane3));
    const __m128i low01 = _mm_unpacklo_epi32(f0, f1), high01 = _mm_unpackhi_epi32(f0, f1);
    const __m128i low23 = _mm_unpacklo_epi32(f2, f3), high23 = _mm_unpackhi_epi32(f2, f3);
    return {{_mm_unpacklo_epi64(low01, low23), _mm_unpackhi_epi64(low01, low23), _mm_unpacklo_epi64(high01, high23),
            _mm_unpackhi_epi64(high01, high23)}};
}

FAST void unpack_a(float (&tile)[16][16], const Fiber* lanes, int m) {
    const bool bf16 = lanes->mma.bf16;
    for (int g = 0; g < 8; g++) {
        const Fiber* four = lanes + 4 * g;
        const Words words = transpose(four[0].mma.a[m], four[1].mma.a[m], four[2].mma.a[m], four[3].mma.a[m]);
        _mm256_store_ps(&tile[g][0], floats_of(words.of[0], bf16));
        _mm256_store_ps(&tile[g + 8][0], floats_of(words.of[1], bf16));
        _mm256_store_ps(&tile[g][8], floats_of(words.of[2], bf16));
        _mm256_store_ps(&tile[g + 8][8], floats_of(words.of[3], bf16));
    }
}

// Eight columns of eight halves to rows of floats.
FAST inline void store_rows(float (*rows)[16], const __m128i (&columns)[8], bool bf16) {
    __m128i pairs[8], fours[8];
    UNROLL for (int i = 0; i < 4; i++) {
        pairs[2 * i] = _mm_unpacklo_epi16(columns[2 * i], columns[2 * i + 1]);
        pairs[2 * i + 1] = _mm_unpackhi_epi16(columns[2 * i], columns[2 * i + 1]);
    }
    UNROLL for (int i = 0; i < 2; i++) {
        UNROLL for (int high = 0; high < 2; high++) {
            const __m128i first = pairs[4 * i + high], second = pairs[4 * i + 2 + high];
            fours[4 * i + 2 * high] = _mm_unpacklo_epi32(first, second);
            fours[4 * i + 2 * high + 1] = _mm_unpackhi_epi32(first, second);
        }
    }
    UNROLL for (int i = 0; i < 4; i++) {
        _mm256_store_ps(rows[2 * i], floats_of(_mm_unpacklo_epi64(fours[i], fours[4 + i]), bf16));
        _mm256_store_ps(rows[2 * i + 1], floats_of(_mm_unpackhi_epi64(fours[i], fours[4 + i]), bf16));
    }
}

FAST void unpack_b(float (&tile)[16][16], const Fiber* lanes, int n) {
    const bool bf16 = lanes->mma.bf16;
    __m128i columns[4][8];
    for (int g = 0; g < 8; g++) {
        const Fiber* four = lanes + 4 * g;
        const Words words = transpose(four[0].mma.b[n], four[1].mma.b[n], four[2].mma.b[n], four[3].mma.b[n]);
        for (int i = 0; i < 4; i++) columns[i][g] = words.of[i];
    }
    for (int i = 0; i < 4; i++)
        store_rows(reinterpret_cast<float (*)[16]>(&tile[i % 2 * 8][i / 2 * 8]), columns[i], bf16);
}

// Rows g and g + 8 of 8 columns of c, from and to the four lanes that hold them.
struct Rows {
    __m256 low, high;
};
FAST inline Rows load_c(const Fiber* four, int at) {
    const __m128 c0 = _mm_load_ps(&four[0].mma.c[at].x), c1 = _mm_load_ps(&four[1].mma.c[at].x);
    const __m128 c2 = _mm_load_ps(&four[2].mma.c[at].x), c3 = _mm_load_ps(&four[3].mma.c[at].x);
    return {_mm256_set_m128(_mm_movelh_ps(c2, c3), _mm_movelh_ps(c0, c1)),
            _mm256_set_m128(_mm_movehl_ps(c3, c2), _mm_movehl_ps(c1, c0))};
}
FAST inline __m256 quieted(__m256 v) {
    const __m256 nan = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
    return _mm256_blendv_ps(v, nan, _mm256_cmp_ps(v, v, _CMP_UNORD_Q));
}
FAST inline void store_c(const Fiber* four, int at, Rows rows) {
    const __m256 low = quieted(rows.low), high = quieted(rows.high);
    const __m128 low01 = _mm256_castps256_ps128(low), low23 = _mm256_extractf128_ps(low, 1);
    const __m128 high01 = _mm256_castps256_ps128(high), high23 = _mm256_extractf128_ps(high, 1);
    _mm_store_ps(&four[0].mma.c[at].x, _mm_movelh_ps(low01, high01));
    _mm_store_ps(&four[1].mma.c[at].x, _mm_movehl_ps(high01, low01));
    _mm_store_ps(&four[2].mma.c[at].x, _mm_movelh_ps(low23, high23));
    _mm_store_ps(&four[3].mma.c[at].x, _mm_movehl_ps(high23, low23));
}

// Two groups at a time: eight sums run at once, enough to hide how long a step takes. Unrolled, they stay in registers.
FAST void add_product(const Fiber* lanes, int at, const float (&a)[16][16], const float (&b)[16][16]) {
    for (int g = 0; g < 8; g += 2) {
        Rows c[4];
        UNROLL for (int i = 0; i < 4; i++)
            c[i] = load_c(lanes + 4 * (g + i / 2), at + i % 2);
        for (int k = 0; k < 16; k++) {
            const __m256 row[2] = {_mm256_load_ps(&b[k][0]), _mm256_load_ps(&b[k][8])};
            UNROLL for (int i = 0; i < 4; i++) {
                c[i].low = _mm256_fmadd_ps(_mm256_broadcast_ss(&a[g + i / 2][k]), row[i % 2], c[i].low);
                c[i].high = _mm256_fmadd_ps(_mm256_broadcast_ss(&a[g + i / 2 + 8][k]), row[i % 2], c[i].high);
            }
        }
        UNROLL for (int i = 0; i < 4; i++)
            store_c(lanes + 4 * (g + i / 2), at + i % 2, c[i]);
    }
}

}  // namespace

bool has_fast_products() {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}

FAST void multiply_fast(Fiber* lanes) {
    const MmaOperands& mma = lanes->mma;
    alignas(32) static float a[MAX_TILES][16][16], b[16][16];
    for (int first = 0; first < mma.m; first += MAX_TILES) {
        const int end = mma.m - first < MAX_TILES ? mma.m : first + MAX_TILES;
        for (int m = first; m < end; m++) unpack_a(a[m - first], lanes, m);
        for (int n = 0; n < mma.n; n++) {
            unpack_b(b, lanes, n);
            for (int m = first; m < end; m++) add_product(lanes, m * mma.c_stride + 2 * n, a[m - first], b);
        }
    }
}

}  // namespace simt
#endif
