#include <cmath>
#include <limits>

#include "check.h"

using check::Random;
using Bytes = std::vector<signed char>;

static machine::Launch blocks(int n, int k, int first = 0) {
    return {dim3(n, (k + DEQUANTIZE_COLUMNS - 1) / DEQUANTIZE_COLUMNS), dim3(DEQUANTIZE_THREADS), 0, first};
}

template <class E>
static std::vector<E> dequantize(const Bytes& q, const std::vector<float>& scales, int k) {
    E* const w = machine::allocate<E>(q.size());
    machine::launch(
            NAMED_OF(E, dequantize), blocks(scales.size(), k), w, machine::upload(q), machine::upload(scales), k);
    return machine::download(w, q.size());
}

// Exact: a byte and a float have 31 bits together.
static std::vector<double> products(const Bytes& q, const std::vector<float>& scales, int k) {
    std::vector<double> exact;
    for (size_t i = 0; i < q.size(); i++) exact.push_back((double) q[i] * scales[i / k]);
    return exact;
}

static std::vector<float> in_float(const std::vector<double>& exact) { return {exact.begin(), exact.end()}; }

template <class E>
static void require_products(const Bytes& q, const std::vector<float>& scales, int k) {
    check::same_bits(check::halves<E>(in_float(products(q, scales, k))), dequantize<E>(q, scales, k));
}

static Bytes some_bytes(Random& random, size_t count) {
    Bytes bytes(count);
    for (signed char& byte : bytes) byte = random() % 256 - 128;
    return bytes;
}

// Of rows that are quantised, of all sizes.
static std::vector<float> some_scales(Random& random, int n) {
    std::vector<float> scales = check::normal(random, n, 2.0f);
    for (float& scale : scales) scale = std::exp(scale) * 1e-3f / 127;
    return scales;
}

template <class E>
static void sizes(check::Cases& cases, int n, int k) {
    const std::string name = std::string("dequantize_") + check::Half<E>::name;
    cases.run(name + " " + std::to_string(n) + " x " + std::to_string(k), [&](Random& random) {
        const Bytes q = some_bytes(random, (size_t) n * k);
        const std::vector<float> scales = some_scales(random, n);
        const std::vector<double> exact = products(q, scales, k);
        const std::vector<E> got = dequantize<E>(q, scales, k);
        check::same_bits(check::halves<E>(in_float(exact)), got);
        check::rounded(exact, 0x1p-24, got);
        return "same bits";
    });
}

template <class E>
static std::string traffic(Random& random) {
    const int n = 3, k = 13696;
    dequantize<E>(some_bytes(random, n * k), some_scales(random, n), k);
    return check::moved(3 * n * k);
}

// Scales from zero and the smallest subnormal to infinity, and NaN, with every byte.
template <class E>
static std::string every_byte() {
    const float smallest = std::numeric_limits<float>::denorm_min(), largest = std::numeric_limits<float>::max();
    const std::vector<float> scales = {0, smallest, 3 * smallest, 0x1.23456p-130f, 0x1.fffffep-127f, 0x1p-126f, 1e-30f,
            0x1p-31f, 0x1p-25f, 0x1.000002p-25f, 0x1p-24f, 7e-8f, 1.3e-6f, 4.8e-7f, 1e-4f, 1.0f / 127, 0.1f, 1, -1,
            2.5f, 65504.0f / 127, 516, 1e3f, 1e30f, 0x1.fep127f / 127, largest / 127, largest, INFINITY, NAN};
    Bytes q;
    for (size_t row = 0; row < scales.size(); row++) {
        for (int value = -128; value < 128; value++) q.push_back(value);
    }
    require_products<E>(q, scales, 256);
    return std::to_string(scales.size()) + " scales with 256 bytes each";
}

// As the original has it: the scale is rounded to half, too. Its products fit into a float, and so are rounded once.
template <class E>
static std::string half_scales(Random& random) {
    const int n = 300, k = 256;
    std::vector<E> halves(n);
    for (E& half : halves) {
        do half.bits = random() & 0x7fff;
        while (!std::isfinite(check::Half<E>::value(half)));
    }
    const std::vector<float> scales = check::floats(halves);
    const Bytes q = some_bytes(random, n * k);
    const std::vector<double> exact = products(q, scales, k);
    for (const double product : exact) {
        const bool fits = std::fabs(product) > std::numeric_limits<float>::max() || (float) product == product;
        check::require(fits, std::to_string(product) + " is rounded in float");
    }
    require_products<E>(q, scales, k);
    return "rounded once";
}

// Of each finite value of the type as the largest of a row, 127 and -127 give that value back.
template <class E>
static std::string largest_of_a_row() {
    std::vector<E> expected;
    std::vector<float> scales;
    Bytes q;
    for (int bits = 0; std::isfinite(check::Half<E>::value({(uint16_t) bits})); bits++) {
        scales.push_back(check::Half<E>::value({(uint16_t) bits}) / 127);
        for (const signed char value : {127, -127, 0, 0, 0, 0, 0, 127}) {
            q.push_back(value);
            expected.push_back({(uint16_t) (value == 0 ? 0 : value < 0 ? bits | 0x8000 : bits)});
        }
    }
    check::same_bits(expected, dequantize<E>(q, scales, 8));
    return std::to_string(scales.size()) + " values come back";
}

template <class E>
static std::string far_row(Random& random) {
    const int k = check::FAR_WIDTH, n = check::FAR_ROWS;
    const size_t last = (size_t) (n - 1) * k;
    E* const w = machine::allocate<E>((size_t) n * k);
    signed char* const q = machine::allocate<signed char>((size_t) n * k);
    const Bytes row = some_bytes(random, k);
    machine::upload(q + last, row.data(), k);
    std::vector<float> scales(n);
    scales.back() = 0.01f;
    machine::launch(NAMED_OF(E, dequantize), blocks(n, k, n - 1), w, q, machine::upload(scales), k);
    check::same_bits(check::halves<E>(in_float(products(row, {0.01f}, k))), machine::download(w + last, k));
    return "same bits";
}

template <class E>
static void all(check::Cases& cases) {
    for (const int n : {1, 3, 17}) {
        for (const int k : {8, 24, 40, 1000, 5120, 5128, 13696}) sizes<E>(cases, n, k);
    }
    const std::string name = std::string("dequantize_") + check::Half<E>::name + " ";
    cases.run(name + "moves the bytes that it says", traffic<E>);
    cases.run(name + "is right for every byte", every_byte<E>);
    cases.run(name + "rounds once where the scale is a half value", half_scales<E>);
    cases.run(name + "gives back the largest of a row", largest_of_a_row<E>);
    cases.run(name + "reaches a row 2^32 elements down", far_row<E>);
}

int main(int argc, char** argv) {
    check::Cases cases(argc, argv);
    all<Bf16>(cases);
    all<Fp16>(cases);
    return cases.status();
}
