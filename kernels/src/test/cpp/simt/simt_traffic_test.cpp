// That requests, wavefronts and sectors are counted exactly.
#include "simt_traffic_test.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "check.h"

using check::require;

namespace {

using Offsets = std::vector<int>;

Offsets offsets(const std::function<int(int)>& of_lane) {
    Offsets result(32);
    for (int lane = 0; lane < 32; lane++) result[lane] = of_lane(lane);
    return result;
}

struct Wavefronts {
    uint64_t all, extra;
    bool operator==(const Wavefronts&) const = default;
};
std::string text(const Wavefronts& w) { return std::to_string(w.all) + ", " + std::to_string(w.extra) + " extra"; }

Wavefronts count(Pattern pattern, const Offsets& offsets) {
    const int* device_offsets = machine::upload(offsets);
    const auto run = [&](Pattern p) {
        const bool ok = simt::launch(1, 32, SHARED_BYTES, [&] { shared_pattern(device_offsets, p); });
        require(ok, simt::error());
        return simt::statistics;
    };
    const simt::Statistics before = run(Pattern::NOTHING), after = run(pattern);
    return {after.shared_wavefronts - before.shared_wavefronts, after.extra_wavefronts - before.extra_wavefronts};
}

void expect(Pattern pattern, const std::string& name, const std::function<int(int)>& of_lane, Wavefronts expected) {
    const Wavefronts got = count(pattern, offsets(of_lane));
    require(got == expected, name + ": " + text(got) + " instead of " + text(expected));
}

std::string known_patterns() {
    const auto stride = [](int bytes) { return [=](int lane) { return lane * bytes; }; };
    expect(Pattern::LOAD_4, "neighbours", stride(4), {1, 0});
    expect(Pattern::LOAD_4, "every other word", stride(8), {2, 1});
    expect(Pattern::LOAD_4, "one bank", stride(128), {32, 31});
    expect(Pattern::LOAD_4, "33 words apart", stride(132), {1, 0});
    expect(Pattern::LOAD_4, "broadcast", stride(0), {1, 0});
    expect(Pattern::LOAD_4, "two words of a bank", [](int lane) { return lane % 2 * 128; }, {2, 1});
    expect(Pattern::LOAD_4, "one lane", [](int lane) { return lane == 9 ? 36 : NONE; }, {1, 0});
    expect(Pattern::STORE_4, "columns", [](int lane) { return lane / 4 * 256 + lane % 4 * 4; }, {8, 7});
    expect(Pattern::STORE_8, "neighbours", stride(8), {2, 0});
    expect(Pattern::STORE_8, "half a warp in a bank", stride(128), {32, 30});
    expect(Pattern::LOAD_16, "neighbours", stride(16), {4, 0});
    expect(Pattern::LOAD_16, "broadcast", stride(0), {4, 0});
    expect(Pattern::LOAD_16, "rows of 128 bytes", stride(128), {32, 28});
    const auto swizzled = [](int lane) { return lane * 128 + (lane % 8) * 16; };
    expect(Pattern::LOAD_16, "swizzled rows", swizzled, {4, 0});
    expect(Pattern::COPY_16, "rows of 128 bytes", stride(128), {32, 28});
    expect(Pattern::COPY_16, "swizzled rows", swizzled, {4, 0});
    expect(Pattern::MATRICES, "rows of 128 bytes", stride(128), {32, 28});
    expect(Pattern::MATRICES, "swizzled rows", swizzled, {4, 0});
    expect(Pattern::MATRICES, "rows of 64 bytes", stride(64), {16, 12});
    expect(Pattern::MATRICES, "rows of 80 bytes", stride(80), {4, 0});
    expect(Pattern::MATRICES, "the same row", stride(0), {4, 0});
    return "21 patterns";
}

// By the definition: of each part of the warp, the most different words that a bank has to give.
Wavefronts definition(const Offsets& offsets, int bytes) {
    Wavefronts result{0, 0};
    const int together = bytes == 16 ? 8 : bytes == 8 ? 16 : 32;
    for (int first = 0; first < 32; first += together) {
        std::map<int, std::set<int>> words;
        for (int lane = first; lane < first + together; lane++) {
            for (int word = offsets[lane] / 4; offsets[lane] != NONE && word < (offsets[lane] + bytes) / 4; word++) {
                words[word % 32].insert(word);
            }
        }
        uint64_t most = 0;
        for (const auto& [bank, of_bank] : words) most = std::max<uint64_t>(most, of_bank.size());
        result.all += most;
        result.extra += most > 0 ? most - 1 : 0;
    }
    return result;
}

std::string random_patterns() {
    check::Random random(1);
    for (int i = 0; i < 200; i++) {
        for (const auto& [pattern, bytes] :
                {std::pair{Pattern::LOAD_4, 4}, {Pattern::STORE_8, 8}, {Pattern::LOAD_16, 16}}) {
            const int range = std::min(SHARED_BYTES / bytes, 32 << random() % 5);
            std::vector<int> places(range);
            std::iota(places.begin(), places.end(), 0);
            std::shuffle(places.begin(), places.end(), random);
            // Loads may meet, stores may not.
            const bool meet = pattern != Pattern::STORE_8;
            const Offsets of_lanes = offsets([&](int lane) {
                if (random() % 8 == 0) return NONE;
                return (meet ? static_cast<int>(random() % range) : places[lane]) * bytes;
            });
            const Wavefronts got = count(pattern, of_lanes), expected = definition(of_lanes, bytes);
            require(got == expected, std::to_string(bytes) + " bytes: " + text(got) + " instead of " + text(expected));
        }
        machine::free_all();
    }
    return "600 patterns";
}

void expect_global(
        const std::string& name, int width, const std::function<int(int)>& of_lane, uint64_t bytes, uint64_t sectors) {
    std::vector<uint4> zeros(1024);
    for (int kind = width == 16 ? 0 : 4; kind < (width == 16 ? 4 : 6); kind++) {
        uint4* memory = machine::upload(zeros);
        const int* device_offsets = machine::upload(offsets(of_lane));
        require(simt::launch(1, 32, 512, [&] { global_pattern(memory, device_offsets, kind); }), simt::error());
        const simt::Statistics& s = simt::statistics;
        require(s.global_bytes == bytes && s.global_sectors == sectors,
                name + ": " + std::to_string(s.global_bytes) + " bytes in " + std::to_string(s.global_sectors) +
                        " sectors");
    }
}

std::string sectors() {
    expect_global("neighbours", 16, [](int lane) { return lane * 16; }, 512, 16);
    expect_global("shifted by 16", 16, [](int lane) { return 16 + lane * 16; }, 512, 17);
    expect_global("backwards", 16, [](int lane) { return 496 - lane * 16; }, 512, 16);
    expect_global("rows of 48", 16, [](int lane) { return lane < 3 ? 16 + lane * 16 : NONE; }, 48, 2);
    expect_global("every other", 16, [](int lane) { return lane * 32; }, 512, 32);
    expect_global("columns first", 16, [](int lane) { return lane % 2 * 256 + lane / 2 * 16; }, 512, 16);
    expect_global("halves", 8, [](int lane) { return lane * 8; }, 256, 8);
    expect_global("halves of 16", 8, [](int lane) { return lane * 16; }, 256, 16);
    expect_global("shifted halves", 8, [](int lane) { return 24 + lane * 8; }, 256, 9);
    require(simt::launch(1, 32, 0, [memory = machine::upload(std::vector<uint4>(128))] { uneven(memory); }),
            simt::error());
    const simt::Statistics& s = simt::statistics;
    require(s.global_bytes == (64 + 11) * 16 && s.global_sectors == 32 + 11,
            "uneven rows: " + std::to_string(s.global_bytes) + " bytes in " + std::to_string(s.global_sectors) +
                    " sectors");
    return "10 patterns";
}

}  // namespace

int main(int argc, char** argv) {
    check::Cases cases(argc, argv);
    cases.run("known_patterns", known_patterns);
    cases.run("random_patterns", random_patterns);
    cases.run("sectors", sectors);
    return cases.status();
}
