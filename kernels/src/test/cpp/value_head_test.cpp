#include <cmath>

#include "check.h"

using check::Random;

static constexpr float EPS = 1e-6f, BIAS = -0.75f;
// Of the sum of the terms' sizes: 2^-22 of the factor, the rest is rounding.
static constexpr double FLOAT_ERROR = 5e-7;

static machine::Launch blocks(int rows, int first = 0) {
    return {dim3(rows), dim3(VALUE_HEAD_THREADS), VALUE_HEAD_SHARED_BYTES, first};
}

template <class E>
struct Head {
    std::vector<E> norm_weight;
    std::vector<float> weight;

    Head(Random& random, int hidden)
        : norm_weight(check::halves<E>(check::normal(random, hidden, 0.3f, 1.0f))),
          weight(check::normal(random, hidden, 0.1f)) {}
};

// Written before, since the kernel's plain stores are not seen by the emulator where ASan takes the place of its hooks.
static float* unset(int rows) { return machine::upload(std::vector<float>(rows, NAN)); }

template <class E>
static std::vector<float> value_head(const std::vector<float>& x, const Head<E>& head) {
    const int hidden = head.weight.size(), rows = x.size() / hidden;
    float* const rewards = unset(rows);
    machine::launch(NAMED_OF(E, value_head), blocks(rows), rewards, machine::upload(x),
            machine::upload(head.norm_weight), machine::upload(head.weight), hidden, BIAS, EPS);
    return machine::download(rewards, rows);
}

// Rewards may be near zero where their terms cancel, so the error is measured by the sum of the terms' sizes.
template <class E>
static std::string compare(const std::vector<float>& x, const Head<E>& head, const std::vector<float>& got) {
    const size_t hidden = head.weight.size();
    double worst = 0;
    for (size_t r = 0; r < got.size(); r++) {
        const float* row = &x[r * hidden];
        const double factor = check::rms_factor(row, hidden, EPS);
        double reward = BIAS, size = std::fabs(BIAS);
        for (size_t c = 0; c < hidden; c++) {
            const double term = row[c] * factor * check::Half<E>::value(head.norm_weight[c]) * head.weight[c];
            reward += term;
            size += std::fabs(term);
        }
        check::require(std::isfinite(got[r]), "row " + std::to_string(r) + " is not finite");
        worst = std::max(worst, std::fabs(got[r] - reward) / size);
    }
    char text[80];
    snprintf(text, sizeof text, "error of the terms %.2e, allowed %.0e", worst, FLOAT_ERROR);
    check::require(worst <= FLOAT_ERROR, text);
    return text;
}

template <class E>
static void sizes(check::Cases& cases, int rows, int hidden) {
    const std::string name = std::string("value_head_") + check::Half<E>::name;
    cases.run(name + " " + std::to_string(rows) + " x " + std::to_string(hidden), [&](Random& random) {
        const std::vector<float> x = check::normal(random, (size_t) rows * hidden, 3.0f, 0.5f);
        const Head<E> head(random, hidden);
        return compare(x, head, value_head(x, head));
    });
}

template <class E>
static std::string traffic(Random& random) {
    const int rows = 3, hidden = 5120;
    value_head(check::normal(random, rows * hidden, 1.0f), Head<E>(random, hidden));
    return check::moved((4 + 6) * rows * hidden);
}

template <class E>
static std::string row_alone_and_among_others(Random& random) {
    for (const int hidden : {40, 5120, 8200}) {
        const std::vector<float> x = check::normal(random, (size_t) 7 * hidden, 2.0f);
        const Head<E> head(random, hidden);
        const std::vector<float> all = value_head(x, head);
        for (const int row : {0, 3, 6}) {
            const std::vector<float> alone(x.begin() + row * hidden, x.begin() + (row + 1) * hidden);
            check::same_bits({all[row]}, value_head(alone, head));
        }
    }
    return "same bits";
}

template <class E>
static std::string small_and_large_values(Random& random) {
    const int hidden = 1000;
    std::vector<float> x(hidden, 0.0f);
    for (const float size : {1e-40f, 1e-20f, 1e-3f, 1e15f, 1e17f}) {
        const std::vector<float> row = check::normal(random, hidden, size);
        x.insert(x.end(), row.begin(), row.end());
    }
    const Head<E> head(random, hidden);
    return compare(x, head, value_head(x, head));
}

template <class E>
static std::string rows_that_are_not_finite(Random& random) {
    const int hidden = 1000;
    const std::vector<float> wrong = {INFINITY, -INFINITY, NAN, 1e20f};
    std::vector<float> x = check::normal(random, (2 * wrong.size() + 1) * hidden, 1.0f);
    for (size_t i = 0; i < wrong.size(); i++) x[(2 * i + 1) * hidden + 77 * i] = wrong[i];
    const std::vector<float> got = value_head(x, Head<E>(random, hidden));
    for (size_t r = 0; r < got.size(); r++) {
        check::require(std::isnan(got[r]) == (r % 2 == 1), "row " + std::to_string(r) + ": " + std::to_string(got[r]));
    }
    return "NaN for them, and for no other";
}

template <class E>
static std::string far_row(Random& random) {
    const int hidden = check::FAR_WIDTH, rows = check::FAR_ROWS;
    float* const x = machine::allocate<float>((size_t) rows * hidden);
    float* const rewards = unset(rows);
    const std::vector<float> row = check::normal(random, hidden, 2.0f);
    const Head<E> head(random, hidden);
    machine::upload(x + (size_t) (rows - 1) * hidden, row.data(), hidden * sizeof(float));
    machine::launch(NAMED_OF(E, value_head), blocks(rows, rows - 1), rewards, x, machine::upload(head.norm_weight),
            machine::upload(head.weight), hidden, BIAS, EPS);
    return compare(row, head, machine::download(rewards + rows - 1, 1));
}

template <class E>
static void all(check::Cases& cases) {
    for (const int rows : check::TOKENS) sizes<E>(cases, rows, 40);
    for (const int hidden : check::HIDDEN) sizes<E>(cases, 7, hidden);
    const std::string name = std::string("value_head_") + check::Half<E>::name + " ";
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
