#include <cmath>

#include "check.h"

using check::Random;

static machine::Launch blocks(int tokens, int first = 0) { return {dim3(tokens), dim3(EMBEDDING_THREADS), 0, first}; }

template <class E>
static std::vector<float> embedding(const std::vector<int>& ids, const E* table, int hidden) {
    float* const residual = machine::allocate<float>(ids.size() * hidden);
    machine::launch(NAMED_OF(E, embedding), blocks(ids.size()), residual, machine::upload(ids), table, hidden);
    return machine::download(residual, ids.size() * hidden);
}

template <class E>
static std::vector<float> reference(const std::vector<int>& ids, const std::vector<E>& table, int hidden) {
    const std::vector<float> values = check::floats(table);
    std::vector<float> residual;
    for (const int id : ids) {
        residual.insert(residual.end(), values.begin() + id * hidden, values.begin() + (id + 1) * hidden);
    }
    return residual;
}

// Ids of a vocabulary: its last, its first, then any, so that some come twice.
static std::vector<int> some_ids(Random& random, int tokens, int vocabulary) {
    std::vector<int> ids = {vocabulary - 1, 0};
    while ((int) ids.size() < tokens) ids.push_back(random() % vocabulary);
    ids.resize(tokens);
    return ids;
}

template <class E>
static void sizes(check::Cases& cases, int tokens, int hidden) {
    const std::string name = std::string("embedding_") + check::Half<E>::name;
    cases.run(name + " " + std::to_string(tokens) + " x " + std::to_string(hidden), [&](Random& random) {
        const int vocabulary = 11;
        const auto table = check::halves<E>(check::normal(random, vocabulary * hidden, 1.0f));
        const std::vector<int> ids = some_ids(random, tokens, vocabulary);
        check::same_bits(reference(ids, table, hidden), embedding(ids, machine::upload(table), hidden));
        return "same bits";
    });
}

template <class E>
static std::string traffic(Random& random) {
    const int tokens = 3, hidden = 5120;
    const auto table = check::halves<E>(check::normal(random, 2 * hidden, 1.0f));
    embedding({1, 0, 1}, machine::upload(table), hidden);
    return check::moved(6 * tokens * hidden);
}

template <class E>
static std::string every_value() {
    std::vector<E> table(0x10000);
    for (size_t i = 0; i < table.size(); i++) table[i].bits = i;
    const std::vector<float> got = embedding({0}, machine::upload(table), table.size());
    for (size_t i = 0; i < table.size(); i++) {
        const float expected = check::Half<E>::value(table[i]);
        const bool same = std::isnan(expected) ? std::isnan(got[i]) : bits_of_float(expected) == bits_of_float(got[i]);
        check::require(same, "bits " + std::to_string(i) + " become " + std::to_string(got[i]));
    }
    return "65536 values exact, infinities and denormals among them";
}

template <class E>
static std::string far_row_of_the_table(Random& random) {
    const int hidden = check::FAR_WIDTH, last = check::FAR_ROWS - 1;
    E* const table = machine::allocate<E>((size_t) check::FAR_ROWS * hidden);
    const auto row = check::halves<E>(check::normal(random, hidden, 1.0f));
    machine::upload(table + (size_t) last * hidden, row.data(), hidden * sizeof(E));
    check::same_bits(check::floats(row), embedding({last}, table, hidden));
    return "same bits";
}

template <class E>
static std::string far_token(Random& random) {
    const int hidden = check::FAR_WIDTH, tokens = check::FAR_ROWS;
    float* const residual = machine::allocate<float>((size_t) tokens * hidden);
    const auto table = check::halves<E>(check::normal(random, 2 * hidden, 1.0f));
    std::vector<int> ids(tokens);
    ids.back() = 1;
    machine::launch(NAMED_OF(E, embedding), blocks(tokens, tokens - 1), residual, machine::upload(ids),
            machine::upload(table), hidden);
    const float* const last = residual + (size_t) (tokens - 1) * hidden;
    check::same_bits(reference({1}, table, hidden), machine::download(last, hidden));
    return "same bits";
}

template <class E>
static void all(check::Cases& cases) {
    for (const int tokens : check::TOKENS) sizes<E>(cases, tokens, 40);
    for (const int hidden : check::HIDDEN) sizes<E>(cases, 7, hidden);
    const std::string name = std::string("embedding_") + check::Half<E>::name + " ";
    cases.run(name + "moves the bytes that it says", traffic<E>);
    cases.run(name + "is exact for every value of the type", every_value<E>);
    cases.run(name + "reads a row 2^32 elements down the table", far_row_of_the_table<E>);
    cases.run(name + "reaches a token 2^32 elements down", far_token<E>);
}

int main(int argc, char** argv) {
    check::Cases cases(argc, argv);
    all<Bf16>(cases);
    all<Fp16>(cases);
    return cases.status();
}
