// That the emulator's operations give the values that PTX gives: matrices, copies, shuffles. Conversions are in
// simt_numbers_test.cpp.
#include "simt_values_test.h"

#include <cstring>

#include "check.h"
#include "simt_products.h"

using check::require;

namespace {

using Matrix = std::vector<std::vector<double>>;

void run(dim3 block, size_t shared, const std::function<void()>& kernel) {
    require(simt::launch(1, block, shared, kernel), simt::error());
}

// A fragment's elements, in the order of its registers: element i of lane l in a matrix, after the PTX ISA's figures.
struct Position {
    int row, column;
};
Position of_a(int lane, int i) {
    // a0, a1, a4, a5 are in row groupID, the others in groupID + 8; a4 and later are 8 columns further right.
    const int row = i / 2 % 2 == 0 ? lane >> 2 : (lane >> 2) + 8;
    return {row, (lane % 4) * 2 + (i & 1) + (i >= 4 ? 8 : 0)};
}
Position of_b(int lane, int i) { return {(lane % 4) * 2 + (i & 1) + (i >= 2 ? 8 : 0), lane >> 2}; }
Position of_c(int lane, int i) { return {i < 2 ? lane >> 2 : (lane >> 2) + 8, (lane % 4) * 2 + (i & 1)}; }

template <class E>
double value(const std::vector<uint16_t>& halves, size_t at) {
    return check::Half<E>::value({halves[at]});
}

// Random bits, infinite and not-a-number ones left out: their exponents would make all sums so.
template <class E>
std::vector<uint16_t> random_halves(check::Random& random, size_t count, bool wild) {
    std::vector<uint16_t> halves(count);
    std::normal_distribution<float> normal;
    for (uint16_t& half : halves) {
        do half = wild ? random() : check::Half<E>::of(normal(random)).bits;
        while (!std::isfinite(check::Half<E>::value({half})));
    }
    return halves;
}

// The largest error in units of what float32 sums may lose: 16 roundings of the largest partial sum.
template <class E, class Kernel>
double product_error(check::Random& random, Kernel kernel, bool wild) {
    const std::vector<uint16_t> a = random_halves<E>(random, 32 * 8, wild), b = random_halves<E>(random, 32 * 8, wild);
    const std::vector<float> c = check::normal(random, 2 * 32 * 4, 1);
    float4* const device_c = reinterpret_cast<float4*>(machine::upload(c));
    const auto *device_a = reinterpret_cast<uint4*>(machine::upload(a)),
               *device_b = reinterpret_cast<uint4*>(machine::upload(b));
    run(32, 0, [&] { kernel(device_c, device_a, device_b); });
    const std::vector<float> got = machine::download(reinterpret_cast<float*>(device_c), c.size());
    Matrix left(16, std::vector<double>(16)), right = left;
    for (int lane = 0; lane < 32; lane++) {
        for (int i = 0; i < 8; i++) {
            left[of_a(lane, i).row][of_a(lane, i).column] = value<E>(a, lane * 8 + i);
            right[of_b(lane, i % 4).row][of_b(lane, i % 4).column + i / 4 * 8] = value<E>(b, lane * 8 + i);
        }
    }
    double worst = 0;
    for (int i = 0; i < 2 * 32 * 4; i++) {
        const Position at = of_c(i / 4 % 32, i % 4);
        double sum = c[i], size = std::fabs(c[i]);
        for (int k = 0; k < 16; k++) {
            const double term = left[at.row][k] * right[k][at.column + i / 128 * 8];
            sum += term;
            size += std::fabs(term);
        }
        if (size > 3e38) continue;  // may be infinite
        worst = std::max(worst, std::fabs(got[i] - sum) / (size * 0x1p-24));
    }
    return worst;
}

template <class E, class Kernel>
std::string test_product(Kernel kernel) {
    double tame = 0, wild = 0;
    check::Random random(1);
    for (int i = 0; i < 50; i++) {
        tame = std::max(tame, product_error<E>(random, kernel, false));
        wild = std::max(wild, product_error<E>(random, kernel, true));
    }
    require(tame <= 16 && wild <= 17, "error of " + std::to_string(std::max(tame, wild)) + " roundings");
    return "at most " + std::to_string(std::max(tame, wild)) + " roundings of 16";
}

// The same bits with what the processor has for it, and without.
std::string fast_products() {
    if (!simt::has_fast_products()) return "not on this processor";
    check::Random random(2);
    size_t nans = 0;
    for (int round = 0; round < 200; round++) {
        std::vector<uint16_t> a(32 * 8), b(32 * 8);
        std::vector<uint32_t> c(2 * 32 * 4);
        // Some rounds with moderate exponents, others with all bits random.
        const bool wild = round % 2;
        for (auto& half : a) half = wild ? random() : random() % 0x400 + 0x3c00 + (random() & 0x8000);
        for (auto& half : b) half = wild ? random() : random() % 0x400 + 0x3c00 + (random() & 0x8000);
        for (auto& word : c) word = wild ? random() : 0;
        std::vector<uint32_t> results[2];
        for (int plain = 0; plain < 2; plain++) {
            simt::plain_products = plain;
            float4* const device_c = reinterpret_cast<float4*>(machine::upload(c));
            const auto *device_a = reinterpret_cast<uint4*>(machine::upload(a)),
                       *device_b = reinterpret_cast<uint4*>(machine::upload(b));
            run(32, 0, [&] { (round % 4 < 2 ? product_bf16 : product_f16)(device_c, device_a, device_b); });
            results[plain] = machine::download(reinterpret_cast<uint32_t*>(device_c), c.size());
        }
        simt::plain_products = false;
        require(results[0] == results[1], "bits differ in round " + std::to_string(round));
        for (uint32_t bits : results[0]) nans += (bits & 0x7fffffff) > 0x7f800000;
    }
    return "51200 sums, of which " + std::to_string(nans) + " are not numbers";
}

// Several products in one call go to the sums that device.cuh says.
std::string several_products() {
    check::Random random(3);
    const std::vector<uint16_t> a = random_halves<Bf16>(random, 3 * 32 * 8, false),
                                b = random_halves<Bf16>(random, 2 * 32 * 8, false);
    const std::vector<float> c = check::normal(random, 3 * 6 * 32 * 4, 1);
    const auto as_float4 = [](float* p) { return reinterpret_cast<float4*>(p); };
    const auto as_uint4 = [](uint16_t* p) { return reinterpret_cast<uint4*>(p); };
    float* const all = machine::upload(c);
    uint16_t *const device_a = machine::upload(a), *const device_b = machine::upload(b);
    run(32, 0, [&] { products(as_float4(all), as_uint4(device_a), as_uint4(device_b)); });
    require(simt::statistics.mma == 12, "counted " + std::to_string(simt::statistics.mma));
    std::vector<float> expected = c;
    for (int m = 0; m < 3; m++) {
        for (int n = 0; n < 2; n++) {
            float* const sums = &expected[(m * 6 + 2 + 2 * n) * 128];
            float* const one = machine::upload(std::vector<float>(sums, sums + 256));
            run(32, 0,
                    [&] { product_bf16(as_float4(one), as_uint4(device_a + m * 256), as_uint4(device_b + n * 256)); });
            simt::download(sums, one, 256 * sizeof(float));
        }
    }
    require(machine::download(all, c.size()) == expected, "not as one by one");
    return "12 products";
}

// Lane l gets of matrix q, as word q, the elements 2 (l % 4) and the next of row l / 4, or of that column.
std::string test_matrices() {
    check::Random random(4);
    const std::vector<uint16_t> rows = random_halves<Bf16>(random, 64 * 8, true);
    const auto* source = reinterpret_cast<uint4*>(machine::upload(rows));
    auto *plain = machine::allocate<uint4>(64), *transposed = machine::allocate<uint4>(64);
    run(32, 64 * 48, [&] { matrices(plain, transposed, source); });
    const std::vector<uint16_t> by_row = machine::download(reinterpret_cast<uint16_t*>(plain), 64 * 8);
    const std::vector<uint16_t> by_column = machine::download(reinterpret_cast<uint16_t*>(transposed), 64 * 8);
    for (int i = 0; i < 64 * 8; i++) {
        const int n = i / 256, lane = i / 8 % 32, matrix = i / 2 % 4, first = lane / 4, second = lane % 4 * 2 + i % 2;
        const uint16_t* elements = &rows[(n * 32 + matrix * 8) * 8];
        require(by_row[i] == elements[first * 8 + second], "plain " + std::to_string(i));
        require(by_column[i] == elements[second * 8 + first], "transposed " + std::to_string(i));
    }
    require(simt::statistics.load_matrices == 4, "counted " + std::to_string(simt::statistics.load_matrices));
    return "16 matrices";
}

std::string zero_fill() {
    const std::vector<uint32_t> words(20 * 4, 7);
    const auto* source = reinterpret_cast<uint4*>(machine::upload(words));
    auto* target = machine::allocate<uint4>(32);
    run(32, 512, [&] { copies(target, source, 20); });
    const std::vector<uint32_t> got = machine::download(reinterpret_cast<uint32_t*>(target), 32 * 4);
    for (int i = 0; i < 32 * 4; i++) require(got[i] == (i < 80 ? 7u : 0u), "word " + std::to_string(i));
    require(!simt::launch(1, 32, 512, [&] { copies(target, source, 21); }), "a read beyond the source is not found");
    return "20 of 32 rows copied";
}

std::string test_shuffles() {
    for (int lane_mask : {0, 1, 2, 4, 8, 16, 31}) {
        auto* target = machine::allocate<float>(64);
        run(64, 0, [&] { shuffles(target, lane_mask); });
        const std::vector<float> got = machine::download(target, 64);
        for (int i = 0; i < 64; i++)
            require(got[i] == static_cast<float>(i ^ lane_mask), "thread " + std::to_string(i));
    }
    return "7 masks";
}

std::string test_votes() {
    for (int holder : {0, 5, 31, 32, 63, 64}) {
        std::vector<int> holds(64);
        if (holder < 64) holds[holder] = 1;
        const int* device_holds = machine::upload(holds);
        auto* target = machine::allocate<int>(64);
        run(64, 0, [&] { votes(target, device_holds); });
        const std::vector<int> got = machine::download(target, 64);
        for (int i = 0; i < 64; i++) require(got[i] == (i / 32 == holder / 32), "thread " + std::to_string(i));
    }
    return "6 votes";
}

}  // namespace

int main(int argc, char** argv) {
    check::Cases cases(argc, argv);
    cases.run("product_bf16", [] { return test_product<Bf16>(product_bf16); });
    cases.run("product_f16", [] { return test_product<Fp16>(product_f16); });
    cases.run("fast_products", fast_products);
    cases.run("several_products", several_products);
    cases.run("matrices", test_matrices);
    cases.run("zero_fill", zero_fill);
    cases.run("shuffles", test_shuffles);
    cases.run("votes", test_votes);
    return cases.status();
}
