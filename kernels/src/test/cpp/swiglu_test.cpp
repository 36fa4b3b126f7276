#include <cmath>

#include "check.h"

using check::Random;

// exp2's argument x * log2(e) is off by up to 2^-24 of itself, 7e-6 of the power where x is -80; the rest is 2^-21.
static constexpr double FLOAT_ERROR = 1e-5;

static machine::Launch blocks(int tokens, int intermediate, int first = 0) {
    return {dim3(tokens, (intermediate + SWIGLU_COLUMNS - 1) / SWIGLU_COLUMNS), dim3(SWIGLU_THREADS), 0, first};
}

template <class E>
static std::vector<E> swiglu(const std::vector<E>& gate_up, int intermediate) {
    E* const gated = machine::allocate<E>(gate_up.size() / 2);
    machine::launch(NAMED_OF(E, swiglu), blocks(gate_up.size() / (2 * intermediate), intermediate), gated,
            machine::upload(gate_up), intermediate);
    return machine::download(gated, gate_up.size() / 2);
}

template <class E>
static std::vector<double> reference(const std::vector<E>& gate_up, int intermediate) {
    const std::vector<float> values = check::floats(gate_up);
    std::vector<double> gated;
    for (size_t row = 0; row < values.size(); row += 2 * intermediate) {
        for (size_t i = row; i < row + intermediate; i++) {
            gated.push_back(check::silu(values[i]) * values[i + intermediate]);
        }
    }
    return gated;
}

template <class E>
static void sizes(check::Cases& cases, int tokens, int intermediate) {
    const std::string name = std::string("swiglu_") + check::Half<E>::name;
    cases.run(name + " " + std::to_string(tokens) + " x " + std::to_string(intermediate), [&](Random& random) {
        const auto gate_up = check::halves<E>(check::normal(random, (size_t) tokens * 2 * intermediate, 2.0f));
        return check::close_and_rounded(reference(gate_up, intermediate), FLOAT_ERROR, swiglu(gate_up, intermediate));
    });
}

template <class E>
static std::string traffic(Random& random) {
    const int tokens = 3, intermediate = 13696;
    swiglu(check::halves<E>(check::normal(random, tokens * 2 * intermediate, 1.0f)), intermediate);
    return check::moved(6 * tokens * intermediate);
}

template <class E>
static std::string row_alone_and_among_others(Random& random) {
    for (const int intermediate : {24, 5000}) {
        const int tokens = 5, width = 2 * intermediate;
        const auto gate_up = check::halves<E>(check::normal(random, tokens * width, 2.0f));
        const std::vector<E> all = swiglu(gate_up, intermediate);
        for (const int row : {0, 2, 4}) {
            const std::vector<E> alone(gate_up.begin() + row * width, gate_up.begin() + (row + 1) * width);
            const auto first = all.begin() + row * intermediate;
            check::same_bits(std::vector<E>(first, first + intermediate), swiglu(alone, intermediate));
        }
    }
    return "same bits";
}

// Every finite gate of the type above -80, times an `up` of one: large ones, denormals, both zeros.
template <class E>
static std::string every_gate() {
    std::vector<E> gates;
    for (int bits = 0; bits < 0x10000; bits++) {
        const float value = check::Half<E>::value({(uint16_t) bits});
        if (std::isfinite(value) && value > -80) gates.push_back({(uint16_t) bits});
    }
    while (gates.size() % 8 != 0) gates.push_back(check::Half<E>::of(1.0f));
    const int intermediate = gates.size();
    std::vector<E> gate_up = gates;
    gate_up.resize(2 * intermediate, check::Half<E>::of(1.0f));
    check::rounded(reference(gate_up, intermediate), FLOAT_ERROR, swiglu(gate_up, intermediate));
    return std::to_string(intermediate) + " gates right";
}

// Below -88 the gate is zero in float (exp(88.7) is infinite). NaN comes of NaN, of zero times infinity, and, as from
// x / (1 + exp(-x)), of -infinity.
template <class E>
static std::string gates_at_the_ends() {
    const float gates[] = {-89, -120, -30000, INFINITY, -INFINITY, NAN, 1, 1};
    const float ups[] = {2, 3, 1e4f, 2, 1, 1, INFINITY, NAN};
    const double expected[] = {0, 0, 0, INFINITY, NAN, NAN, INFINITY, NAN};
    std::vector<float> values(gates, gates + 8);
    values.insert(values.end(), ups, ups + 8);
    check::rounded({expected, expected + 8}, FLOAT_ERROR, swiglu(check::halves<E>(values), 8));
    return "zero, infinity and NaN where they belong";
}

template <class E>
static std::string far_row(Random& random) {
    const int intermediate = check::FAR_WIDTH, tokens = check::FAR_ROWS;
    const size_t last = (size_t) (tokens - 1) * intermediate;
    E* const gate_up = machine::allocate<E>((size_t) tokens * 2 * intermediate);
    E* const gated = machine::allocate<E>((size_t) tokens * intermediate);
    const auto row = check::halves<E>(check::normal(random, 2 * intermediate, 2.0f));
    machine::upload(gate_up + 2 * last, row.data(), row.size() * sizeof(E));
    machine::launch(NAMED_OF(E, swiglu), blocks(tokens, intermediate, tokens - 1), gated, gate_up, intermediate);
    return check::close_and_rounded(
            reference(row, intermediate), FLOAT_ERROR, machine::download(gated + last, intermediate));
}

template <class E>
static void all(check::Cases& cases) {
    for (const int tokens : check::TOKENS) sizes<E>(cases, tokens, 40);
    for (const int intermediate : check::INTERMEDIATE) sizes<E>(cases, 7, intermediate);
    const std::string name = std::string("swiglu_") + check::Half<E>::name + " ";
    cases.run(name + "moves the bytes that it says", traffic<E>);
    cases.run(name + "gives a row the same bits alone and among others", row_alone_and_among_others<E>);
    cases.run(name + "is right for every gate", every_gate<E>);
    cases.run(name + "is zero, infinite or NaN at the ends", gates_at_the_ends<E>);
    cases.run(name + "reaches a row 2^32 elements down", far_row<E>);
}

int main(int argc, char** argv) {
    check::Cases cases(argc, argv);
    all<Bf16>(cases);
    all<Fp16>(cases);
    return cases.status();
}
