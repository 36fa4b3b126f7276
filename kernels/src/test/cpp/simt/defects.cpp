#include "defects.h"

static std::vector<Defect>& defects() {
    static std::vector<Defect> all;
    return all;
}
AddDefect::AddDefect(const Defect& defect) { defects().push_back(defect); }

static int line_here, line_there;
void note_here(int line) { line_here = line; }
void note_there(int line) { line_there = line; }

namespace {

bool launch(const Defect& defect, bool wrong, unsigned seed) {
    simt::free_all();
    uint4* memory = static_cast<uint4*>(simt::allocate(MEMORY));
    simt::fill(memory, 0, MEMORY / 2);
    line_here = line_there = 0;
    simt::seed = seed;
    const Expected& how = defect.expected;
    return simt::launch(how.grid, how.block, how.shared, [&] { defect.kernel(memory, wrong); });
}

// Takes a text that must come next, whatever is before it.
void expect(std::string& error, const std::string& text) {
    const size_t at = error.find(text);
    check::require(at != std::string::npos, "no \"" + text + "\" in \"" + simt::error() + "\"");
    error = error.substr(at + text.size());
}

void expect_error(const Expected& expected) {
    std::string error = simt::error();
    check::require(error.starts_with(expected.error), "said \"" + error + "\"");
    expect(error, ".cu:" + std::to_string(line_here) + ", ");
    expect(error, "thread " + std::to_string(expected.thread) + " of block (");
    if (expected.other < 0) return;
    expect(error, std::string("; ") + expected.did + " by thread " + std::to_string(expected.other) + " at ");
    expect(error, ".cu:" + std::to_string(line_there != 0 ? line_there : line_here));
}

std::string run(const Defect& defect) {
    if (defect.expected.plain && !simt::sees_plain_accesses()) return "left out: not compiled with -fsanitize=thread";
    for (unsigned seed : {0, 1, 2, 3, 4, 5}) {
        const bool ok = launch(defect, false, seed);
        check::require(ok, "false alarm with seed " + std::to_string(seed) + ": " + simt::error());
    }
    check::require(!launch(defect, true, 0), "not found");
    expect_error(defect.expected);
    const std::string error = simt::error();
    for (unsigned seed : {1, 2, 3, 4, 5}) {
        check::require(!launch(defect, true, seed), "not found with seed " + std::to_string(seed));
    }
    check::require(launch(defect, false, 0), "after an error nothing works: " + simt::error());
    return error;
}

}  // namespace

void run_defects(check::Cases& cases) {
    for (const Defect& defect : defects()) cases.run(defect.name, [&] { return run(defect); });
}
