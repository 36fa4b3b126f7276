#include <limits>

#include "check.h"

using check::Random;

static constexpr float EPS = 1e-6f;
static machine::Launch blocks(int tokens, int first = 0) {
    return {dim3(tokens), dim3(RMS_NORM_THREADS), RMS_NORM_SHARED_BYTES, first};
}

// Of a row of 5120 at worst 1.9e-6: half of the mean's error (a thread sums 40 squares, then a warp in 5 steps and the
// block in 4: 49 roundings of 2^-24; division and eps, 2 more), the approximation's 2^-22, two products. In longer rows
// more squares are summed, but roundings do not all go the same way.
static constexpr double FLOAT_ERROR = 2e-6;

template <class E>
static std::vector<E> rms_norm(const std::vector<float>& x, const std::vector<E>& weight) {
    const int hidden = weight.size(), tokens = x.size() / hidden;
    E* const y = machine::allocate<E>(x.size());
    machine::launch(NAMED_OF(E, rms_norm), blocks(tokens), y, machine::upload(x), machine::upload(weight), hidden, EPS);
    return machine::download(y, x.size());
}

template <class E>
static std::vector<double> reference(const std::vector<float>& x, const std::vector<E>& weight) {
    const std::vector<float> w = check::floats(weight);
    std::vector<double> y(x.size());
    for (size_t i = 0; i < x.size(); i += w.size()) {
        const double factor = check::rms_factor(&x[i], w.size(), EPS);
        for (size_t c = 0; c < w.size(); c++) y[i + c] = x[i + c] * factor * w[c];
    }
    return y;
}

template <class E>
static std::vector<E> some_weight(Random& random, int hidden) {
    return check::halves<E>(check::normal(random, hidden, 0.3f, 1.0f));
}

template <class E>
static void sizes(check::Cases& cases, int tokens, int hidden) {
    const std::string name = std::string("rms_norm_") + check::Half<E>::name;
    cases.run(name + " " + std::to_string(tokens) + " x " + std::to_string(hidden), [&](Random& random) {
        const std::vector<float> x = check::normal(random, (size_t) tokens * hidden, 3.0f, 0.5f);
        const std::vector<E> weight = some_weight<E>(random, hidden);
        return check::close_and_rounded(reference(x, weight), FLOAT_ERROR, rms_norm(x, weight));
    });
}

// The weights come beside what its file comment counts; from the cache, as the sectors here do not tell.
template <class E>
static std::string traffic(Random& random) {
    const int tokens = 3, hidden = 5120;
    rms_norm(check::normal(random, tokens * hidden, 1.0f), some_weight<E>(random, hidden));
    return check::moved((6 + 2) * tokens * hidden);
}

template <class E>
static std::string row_alone_and_among_others(Random& random) {
    for (const int hidden : {40, 5120, 8200}) {
        const int tokens = 7;
        const std::vector<float> x = check::normal(random, (size_t) tokens * hidden, 2.0f);
        const std::vector<E> weight = some_weight<E>(random, hidden), all = rms_norm(x, weight);
        for (const int row : {0, 3, 6}) {
            const std::vector<float> alone(x.begin() + row * hidden, x.begin() + (row + 1) * hidden);
            const std::vector<E> expected(all.begin() + row * hidden, all.begin() + (row + 1) * hidden);
            check::same_bits(expected, rms_norm(alone, weight));
        }
    }
    return "same bits";
}

// Rows of zeros, of denormals, and of values whose squares nearly overflow.
template <class E>
static std::string small_and_large_values(Random& random) {
    const int hidden = 1000;
    std::vector<float> x;
    for (const float size : {0.0f, 1e-40f, 1e-20f, 1e-3f, 1e15f, 1e17f}) {
        const std::vector<float> row = check::normal(random, hidden, size == 0 ? 1.0f : size);
        for (const float v : row) x.push_back(size == 0 ? 0.0f : v);
    }
    const std::vector<E> weight = some_weight<E>(random, hidden);
    check::rounded(reference(x, weight), FLOAT_ERROR, rms_norm(x, weight));
    return "each element right";
}

// A factor of zero would turn what went wrong before into an ordinary row.
template <class E>
static std::string rows_that_are_not_finite(Random& random) {
    const int hidden = 1000;
    const std::vector<float> wrong = {INFINITY, -INFINITY, NAN, 1e20f};
    std::vector<float> x = check::normal(random, (2 * wrong.size() + 1) * hidden, 1.0f);
    for (size_t i = 0; i < wrong.size(); i++) x[(2 * i + 1) * hidden + 77 * i] = wrong[i];
    const std::vector<E> weight = some_weight<E>(random, hidden);
    std::vector<double> expected = reference(x, weight);
    for (size_t i = 0; i < expected.size(); i++) {
        if (i / hidden % 2 == 1) expected[i] = NAN;
    }
    check::rounded(expected, FLOAT_ERROR, rms_norm(x, weight));
    return "NaN throughout, the rows between them right";
}

template <class E>
static std::string far_row(Random& random) {
    const int hidden = check::FAR_WIDTH, tokens = check::FAR_ROWS;
    const size_t last = (size_t) (tokens - 1) * hidden;
    float* const x = machine::allocate<float>((size_t) tokens * hidden);
    E* const y = machine::allocate<E>((size_t) tokens * hidden);
    const std::vector<float> row = check::normal(random, hidden, 2.0f);
    const std::vector<E> weight = some_weight<E>(random, hidden);
    machine::upload(x + last, row.data(), hidden * sizeof(float));
    machine::launch(NAMED_OF(E, rms_norm), blocks(tokens, tokens - 1), y, x, machine::upload(weight), hidden, EPS);
    return check::close_and_rounded(reference(row, weight), FLOAT_ERROR, machine::download(y + last, hidden));
}

template <class E>
static void all(check::Cases& cases) {
    for (const int tokens : check::TOKENS) sizes<E>(cases, tokens, 40);
    for (const int hidden : check::HIDDEN) sizes<E>(cases, 7, hidden);
    const std::string name = std::string("rms_norm_") + check::Half<E>::name + " ";
    cases.run(name + "moves the bytes that it says", traffic<E>);
    cases.run(name + "gives a row the same bits alone and among others", row_alone_and_among_others<E>);
    cases.run(name + "is right for small and large values", small_and_large_values<E>);
    cases.run(name + "makes NaN of a row that is not finite", rows_that_are_not_finite<E>);
    cases.run(name + "reaches a row 2^32 elements down", far_row<E>);
}

int main(int argc, char** argv) {
    check::Cases cases(argc, argv);
    all<Bf16>(cases);
    all<Fp16>(cases);
    return cases.status();
}
