#include "conformance_model.h"

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>

#include "conformance.h"

namespace conformance {

constexpr unsigned THREADS = CONFORMANCE_THREADS;

static float float_of(uint32_t bits) { return std::bit_cast<float>(bits); }
static uint32_t bits_of(float v) { return std::bit_cast<uint32_t>(v); }

Expected Expected::exactly(float value) { return {FLOAT, bits_of(value), 0, 0}; }
// What lies beyond the largest float is infinite, and either where the bound reaches across it.
Expected Expected::near(double value, double bound) {
    if (std::isfinite(value) && std::fabs(value) + bound > FLT_MAX) {
        if (std::fabs(value) - bound <= FLT_MAX) return {ANYTHING, 0, 0, 0};
        value = std::copysign(INFINITY, value);
    }
    return {NEAR, 0, value, bound};
}

// A half type has 1 sign, `exponent` and 15 - `exponent` bits: 5 in fp16, 8 in bf16.
static double half_value(uint32_t bits, int exponent) {
    const int fraction = 15 - exponent, largest = (1 << exponent) - 1, bias = largest / 2;
    const int e = bits >> fraction & largest, f = bits & ((1 << fraction) - 1);
    const double size = e == largest ? (f ? NAN : INFINITY)
                        : e == 0     ? std::ldexp(f, 1 - bias - fraction)
                                     : std::ldexp(f + (1 << fraction), e - bias - fraction);
    return bits & 0x8000 ? -size : size;
}
static uint32_t half_bits(float v, int exponent) {
    const int fraction = 15 - exponent, largest = (1 << exponent) - 1, bias = largest / 2;
    const uint32_t sign = std::signbit(v) ? 0x8000 : 0;
    if (std::isnan(v)) return 0x7fff;
    if (std::isinf(v)) return sign | largest << fraction;
    // In units of its last place, where ties go to the even one. A carry into the next power of two is one of bits.
    const int e = v == 0 ? 1 - bias : std::max(std::ilogb(v), 1 - bias);
    const uint32_t units = std::nearbyint(std::ldexp(std::fabs((double) v), fraction - e));
    return sign | std::min<uint32_t>(((e + bias - 1) << fraction) + units, largest << fraction);
}
static bool same_half(uint32_t a, uint32_t b, int exponent) {
    return a == b || (std::isnan(half_value(a, exponent)) && std::isnan(half_value(b, exponent)));
}

bool Expected::allows(uint32_t word) const {
    const float v = float_of(word);
    switch (kind) {
        case BITS:
            return word == bits;
        case FLOAT:
            return word == bits || (std::isnan(v) && std::isnan(float_of(bits)));
        case BF16_PAIR:
        case F16_PAIR: {
            const int exponent = kind == BF16_PAIR ? 8 : 5;
            return same_half(word & 0xffff, bits & 0xffff, exponent) && same_half(word >> 16, bits >> 16, exponent);
        }
        case NEAR:
            if (std::isnan(value)) return std::isnan(v);
            return std::isinf(value) ? v == value : std::fabs(v - value) <= bound;
        case ANYTHING:
            break;
    }
    return true;
}
double Expected::used(uint32_t word) const {
    return kind == NEAR && bound > 0 && std::isfinite(value) ? std::fabs(float_of(word) - value) / bound : 0;
}

// output(thread, i) for each of `outputs` words of each thread.
template <class Output>
static Expectation of_threads(const Words& input, unsigned inputs, unsigned outputs, Output output) {
    Expectation all;
    for (unsigned thread = 0; thread < input.size() / inputs; thread++) {
        for (unsigned i = 0; i < outputs; i++) all.push_back(output(thread, i));
    }
    return all;
}

Expectation global_memory(const Words& input) {
    Expectation all;
    for (const uint32_t word : input) all.push_back(Expected::exactly(word));
    return all;
}

Expectation shared_memory(const Words& input) {
    Expectation all;
    for (size_t block = 0; block < input.size(); block += THREADS * 8) {
        Words words(THREADS * 4), floats(THREADS * 4);
        for (unsigned t = 0; t < THREADS; t++) {
            const uint32_t* in = &input[block + t * 8];
            const unsigned elsewhere = t * 37 % THREADS;
            words[t] = in[0];
            words[THREADS + elsewhere] = in[1];
            words[2 * THREADS + t] = in[2];
            words[3 * THREADS + elsewhere] = in[3];
            floats[elsewhere * 2] = in[4];
            floats[elsewhere * 2 + 1] = in[5];
            floats[2 * THREADS + elsewhere] = in[6];
            floats[3 * THREADS + t] = in[7];
        }
        for (unsigned t = 0; t < THREADS; t++) {
            const unsigned elsewhere = t * 37 % THREADS;
            for (unsigned i = 0; i < 4; i++) all.push_back(Expected::exactly(words[t * 4 + i]));
            for (unsigned i = 0; i < 4; i++) all.push_back(Expected::exactly(floats[elsewhere * 4 + i]));
            for (unsigned i = 0; i < 4; i++) all.push_back(Expected::exactly(floats[i * THREADS + elsewhere]));
        }
    }
    return all;
}

Expectation cp_async(const Words& input) {
    return of_threads(input, 20, 16, [&](unsigned thread, unsigned i) {
        const uint32_t* in = &input[(thread ^ 33) * 20];
        return Expected::exactly(in[16] >> i / 4 & 1 ? in[i] : 0u);
    });
}

// Lane l holds of row l / 4 of each matrix the elements 2 * (l % 4) and the next.
// Lane 8 * m + r names row r of matrix m.
Expectation load_matrices(const Words& input) {
    return of_threads(input, 12, 16, [&](unsigned thread, unsigned i) {
        const unsigned warp = thread / 32 * 32, lane = thread % 32, block = thread / THREADS * THREADS;
        const unsigned matrix = i % 4, far = i / 4 % 2, major = lane / 4, minor = lane % 4 * 2;
        const auto element = [&](unsigned row, unsigned column) {
            const unsigned source = block + input[(warp + matrix * 8 + row) * 12 + 8] % THREADS;
            return input[source * 12 + far * 4 + column / 2] >> column % 2 * 16 & 0xffff;
        };
        if (i < 8) return Expected::exactly(element(major, minor) | element(major, minor + 1) << 16);
        return Expected::exactly(element(minor, major) | element(minor + 1, major) << 16);
    });
}

// c + the 16 products (32 in the columns that take part twice) of a row of a and a column of b. A tensor core shifts
// the addends to the exponent of the largest, cuts off below its 24th bit or lower, and may do so in two steps of 8
// products: 17 addends and 2 sums, each off by less than 2^-23 of what the sizes of all addends sum up to. Whole
// numbers stay exact.
static Expected sum_of(const std::vector<double>& addends) {
    double sum = 0, sizes = 0, finite_sizes = 0;
    bool is_whole = true;
    for (const double v : addends) {
        sum += v;
        sizes += std::fabs(v);
        if (std::isfinite(v)) finite_sizes += std::fabs(v);
        is_whole &= v == std::nearbyint(v);
    }
    if (finite_sizes > FLT_MAX) return {Expected::ANYTHING, 0, 0, 0};
    if (!std::isfinite(sum)) return Expected::near(sum, 0);
    const double steps = addends.size() > 17 ? 2 : 1;
    return Expected::near(sum, is_whole && sizes < 0x1p23 ? 0 : steps * 19 * 0x1p-23 * sizes + FLT_MIN);
}

// PTX ISA, fragments of m16n8k16. What x, y, z, w are:
//   of a   rows lane / 4 and lane / 4 + 8, then the same rows 8 columns further
//   of b   rows 0 .. 7 and 8 .. 15 of one 16 x 8 matrix, then of the next
//   of c   two columns of row lane / 4, then of row lane / 4 + 8
static Expectation mma(const Words& input, int exponent) {
    return of_threads(input, 48, 32, [&](unsigned thread, unsigned i) {
        const unsigned warp = thread / 32 * 32, lane = thread % 32, m = i / 16, column = i / 4 % 4, part = i % 4;
        const unsigned row = lane / 4 + part / 2 * 8, n = lane % 4 * 2 + part % 2;
        const auto half = [&](unsigned owner, unsigned word, unsigned k) {
            return half_value(input[(warp + owner) * 48 + word] >> k % 2 * 16 & 0xffff, exponent);
        };
        const auto a = [&](unsigned k) { return half(row % 8 * 4 + k % 8 / 2, m * 4 + row / 8 + k / 8 * 2, k); };
        const auto b = [&](unsigned j, unsigned k) { return half(n * 4 + k % 8 / 2, 8 + j * 2 + k / 8, k); };
        std::vector<double> addends = {float_of(input[thread * 48 + 16 + i])};
        for (unsigned k = 0; k < 16; k++) {
            addends.push_back(a(k) * b(column, k));
            if (column >= 2) addends.push_back(a(k) * b(column - 2, k));
        }
        return sum_of(addends);
    });
}
Expectation mma_bf16(const Words& input) { return mma(input, 8); }
Expectation mma_f16(const Words& input) { return mma(input, 5); }

Expectation lanes(const Words& input) {
    return of_threads(input, 4, 12, [&](unsigned thread, unsigned i) {
        constexpr unsigned MASKS[] = {1, 2, 4, 8, 16, 3, 21, 31};
        if (i < 8) return Expected::exactly(input[(thread ^ MASKS[i]) * 4]);
        uint32_t any = 0;
        for (unsigned lane = 0; lane < 32; lane++) {
            const uint32_t v = input[(thread / 32 * 32 + lane) * 4 + 1];
            any |= i == 8 ? v % 2 == 0 : i == 9 && v % 64 == 0;
        }
        return Expected::exactly(any);
    });
}

// Halves of the warp, of these halves, and so on: the same sum in each lane, because addition commutes.
static float sum_of_warp(const Words& input, unsigned first, unsigned word) {
    float v[32];
    for (unsigned lane = 0; lane < 32; lane++) v[lane] = float_of(input[(first + lane) * 4 + word]);
    for (unsigned half = 16; half > 0; half /= 2) {
        for (unsigned lane = 0; lane < half; lane++) v[lane] += v[lane + half];
    }
    return v[0];
}
Expectation sums(const Words& input) {
    return of_threads(input, 4, 4, [&](unsigned thread, unsigned i) {
        const unsigned block = thread / THREADS * THREADS;
        if (i == 0) return Expected::exactly(sum_of_warp(input, thread / 32 * 32, 0));
        float sum = 0;
        for (unsigned warp = 0; warp < THREADS; warp += 32) sum += sum_of_warp(input, block + warp, 1);
        return Expected::exactly(i == 1 ? sum : 0.0f);
    });
}

Expectation pack(const Words& input) {
    return of_threads(input, 4, 4, [&](unsigned thread, unsigned i) {
        const uint32_t* pair = &input[thread * 4 + i % 2 * 2];
        const int exponent = i < 2 ? 8 : 5;
        const uint32_t bits = half_bits(float_of(pair[0]), exponent) | half_bits(float_of(pair[1]), exponent) << 16;
        return Expected{i < 2 ? Expected::BF16_PAIR : Expected::F16_PAIR, bits, 0, 0};
    });
}

Expectation unpack(const Words& input) {
    return of_threads(input, 4, 16, [&](unsigned thread, unsigned i) {
        const uint32_t half = input[thread * 4 + i % 8 / 2] >> i % 2 * 16 & 0xffff;
        return i < 8 ? Expected::exactly(half << 16) : Expected::exactly((float) half_value(half, 5));
    });
}

// Relative errors as device.cuh gives them; results may be off by the smallest normal float, so zero where denormal.
Expectation approximations(const Words& input) {
    return of_threads(input, 4, 16, [&](unsigned thread, unsigned i) {
        const double x = float_of(input[thread * 4 + i % 4]);
        const auto relative = [](double value, double error) {
            return Expected::near(value, std::fabs(value) * error + FLT_MIN);
        };
        if (i < 4) return relative(std::exp2(x), 0x1p-22);
        if (i < 8) return relative(1 / std::sqrt(x), 0x1p-22);
        if (i < 12) return relative(1 / x, 0x1p-23);
        // Of silu: the exponent's rounding counts x times; zero from where exp(-x) passes the largest float.
        if (std::isinf(x)) return Expected{Expected::ANYTHING, 0, 0, 0};
        const double value = x / (1 + std::exp(-x));
        return Expected::near(value, std::fabs(value) * (0x1p-20 + std::fabs(std::min(x, 0.0)) * 0x1p-23) + 0x1p-120);
    });
}

Expectation arithmetic(const Words& input) {
    return of_threads(input, 4, 8, [&](unsigned thread, unsigned i) {
        const auto f = [&](unsigned n) { return float_of(input[thread * 4 + n % 4]); };
        if (i < 4) return Expected::exactly(std::fma(f(i), f(i + 1), f(i + 2)));
        const float results[] = {f(0) + f(1), f(1) - f(2), f(2) * f(3), f(3) / f(0)};
        return Expected::exactly(results[i - 4]);
    });
}

}  // namespace conformance
