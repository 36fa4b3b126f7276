#include "check.h"

using check::Random;

static machine::Launch blocks(int count, int first = 0) { return {dim3(count), dim3(GATHER_ROWS_THREADS), 0, first}; }

static std::vector<uint32_t> some_words(Random& random, size_t count) {
    std::vector<uint32_t> words(count);
    for (uint32_t& word : words) word = random();
    return words;
}

static std::vector<uint32_t> gather_rows(const uint32_t* x, const std::vector<int>& rows, int row_bytes) {
    uint32_t* const y = machine::allocate<uint32_t>(rows.size() * row_bytes / 4);
    machine::launch(NAMED(gather_rows), blocks(rows.size()), y, x, machine::upload(rows), row_bytes);
    return machine::download(y, rows.size() * row_bytes / 4);
}

static void sizes(check::Cases& cases, int count, int row_bytes) {
    cases.run("gather_rows " + std::to_string(count) + " of " + std::to_string(row_bytes) + " bytes",
            [&](Random& random) {
                const int all = 13, words = row_bytes / 4;
                const std::vector<uint32_t> x = some_words(random, all * words);
                std::vector<int> rows = {all - 1, 0};
                while ((int) rows.size() < count) rows.push_back(random() % all);
                rows.resize(count);
                std::vector<uint32_t> expected;
                for (const int row : rows) {
                    expected.insert(expected.end(), x.begin() + row * words, x.begin() + (row + 1) * words);
                }
                check::same_bits(expected, gather_rows(machine::upload(x), rows, row_bytes));
                return "same bits";
            });
}

static std::string traffic(Random& random) {
    const int count = 3, row_bytes = 20480;
    gather_rows(machine::upload(some_words(random, 2 * row_bytes / 4)), {1, 0, 1}, row_bytes);
    return check::moved(2 * count * row_bytes);
}

// More than 2^31 pieces of 16 bytes, in which the kernel counts.
static constexpr int FAR_ROWS = 2 * check::FAR_ROWS, FAR_WORDS = check::FAR_WIDTH;

static std::string far_row(Random& random) {
    uint32_t* const x = machine::allocate<uint32_t>((size_t) FAR_ROWS * FAR_WORDS);
    const std::vector<uint32_t> words = some_words(random, FAR_WORDS);
    machine::upload(x + (size_t) (FAR_ROWS - 1) * FAR_WORDS, words.data(), FAR_WORDS * 4);
    check::same_bits(words, gather_rows(x, {FAR_ROWS - 1}, FAR_WORDS * 4));
    return "same bits";
}

static std::string far_result(Random& random) {
    uint32_t* const y = machine::allocate<uint32_t>((size_t) FAR_ROWS * FAR_WORDS);
    const std::vector<uint32_t> x = some_words(random, FAR_WORDS);
    machine::launch(NAMED(gather_rows), blocks(FAR_ROWS, FAR_ROWS - 1), y, machine::upload(x),
            machine::upload(std::vector<int>(FAR_ROWS)), FAR_WORDS * 4);
    check::same_bits(x, machine::download(y + (size_t) (FAR_ROWS - 1) * FAR_WORDS, FAR_WORDS));
    return "same bits";
}

int main(int argc, char** argv) {
    check::Cases cases(argc, argv);
    for (const int count : check::TOKENS) sizes(cases, count, 48);
    for (const int row_bytes : {16, 32, 4096, 10240, 20480, 20496, 61456}) sizes(cases, 7, row_bytes);
    cases.run("gather_rows moves the bytes that it says", traffic);
    cases.run("gather_rows reads a row 2^31 pieces down", far_row);
    cases.run("gather_rows writes a row 2^31 pieces down", far_result);
    return cases.status();
}
