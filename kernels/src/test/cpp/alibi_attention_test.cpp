#include <cmath>

#include "attention_reference.h"
#include "check.h"

using namespace check;

template <class E>
static void launch(E* context, const E* qkv, const Packed& packed, const Heads& heads) {
    const bool wide = heads.head_dim > 64;
    const size_t shared_bytes = wide ? ATTENTION_SHARED_BYTES_D128 : ATTENTION_SHARED_BYTES_D64;
    const machine::Launch how{dim3(packed.tiles.size(), heads.slopes.size()), dim3(ATTENTION_THREADS), shared_bytes};
    auto run = [&](const char* name, auto kernel) {
        machine::launch(name, kernel, how, context, qkv, machine::upload(packed.segments),
                machine::upload(packed.tiles), machine::upload(heads.slopes), heads.head_dim,
                1 / std::sqrt((float) heads.head_dim));
    };
    wide ? run(NAMED_OF(E, alibi_attention_d128)) : run(NAMED_OF(E, alibi_attention_d64));
}

template <class E>
static std::vector<E> attention(const std::vector<E>& qkv, const Packed& packed, const Heads& heads) {
    const size_t elements = packed.tokens * heads.width();
    E* context = machine::allocate<E>(elements);
    launch(context, static_cast<const E*>(machine::upload(qkv)), packed, heads);
    return machine::download(context, elements);
}

static Heads heads_of(int count, int head_dim) { return {alibi_slopes(count), head_dim}; }

template <class E>
static std::vector<E> random_rows(Random& random, int rows, const Heads& heads, float deviation = 1.5f) {
    return halves<E>(normal(random, rows * 3 * heads.width(), deviation));
}

// Products of 16 x 8 x 16 that this work takes: a warp has 32 rows, and computes them for every step of 64 keys that
// one of them sees; one without rows computes nothing.
static uint64_t fewest_products(const Packed& packed, const Heads& heads) {
    uint64_t steps = 0;
    for (const AttentionTile& tile : packed.tiles) {
        const Segment& segment = packed.segments[tile.segment];
        const int first = tile.query_tile * ATTENTION_QUERIES;
        const int rows = std::min(segment.length - first, ATTENTION_QUERIES);
        for (int warp = 0; warp < rows; warp += 32) {
            steps += (segment.prefix_length + first + std::min(warp + 32, rows) + 63) / 64;
        }
    }
    const int dim = heads.head_dim > 64 ? 128 : 64;
    return steps * heads.slopes.size() * 2 * (32 / 16) * (64 / 8) * (dim / 16);
}

static std::string name_of(const char* dtype, const Heads& heads, const std::vector<Part>& parts) {
    std::string name = std::string(dtype) + ", " + std::to_string(heads.slopes.size()) + " heads of " +
                       std::to_string(heads.head_dim) + ", rows";
    for (const Part& part : parts) {
        name += " " + std::to_string(part.length);
        if (part.prefix >= 0) name += "^" + std::to_string(part.prefix);
    }
    return name;
}

template <class E>
static void matches_float64(Cases& cases, int count, int head_dim, const std::vector<Part>& parts) {
    const Heads heads = heads_of(count, head_dim);
    cases.run(name_of(Half<E>::name, heads, parts), [&](Random& random) {
        const Packed packed = pack(parts);
        const auto qkv = random_rows<E>(random, packed.tokens, heads);
        const auto context = attention<E>(qkv, packed, heads);
        if (!machine::is_gpu()) {
            require(simt::statistics.extra_wavefronts == 0, "bank conflicts");
            const uint64_t mma = simt::statistics.mma, fewest = fewest_products(packed, heads);
            require(mma == fewest, std::to_string(mma) + " products, not " + std::to_string(fewest));
        }
        return close(attention_of(floats(qkv), packed, heads), floats(context), Half<E>::tolerance);
    });
}

template <class E>
static void append_rows(std::vector<E>& target, const std::vector<E>& source, size_t width, int from, int count) {
    target.insert(target.end(), source.begin() + from * width, source.begin() + (from + count) * width);
}

template <class E>
static void require_same_rows(
        const std::vector<E>& a, int a_from, const std::vector<E>& b, int b_from, int rows, size_t width) {
    for (size_t i = 0; i < rows * width; i++) {
        require(a[a_from * width + i].bits == b[b_from * width + i].bits,
                "row " + std::to_string(i / width) + ", column " + std::to_string(i % width) + " differs");
    }
}

// A sequence of `length` rows alone, behind others, and split into a shared prefix and an answer has the same bits.
template <class E>
static void has_the_same_bits(Cases& cases, int head_dim, int length, int prefix) {
    const Heads heads = heads_of(5, head_dim);
    const size_t width = heads.width();
    const std::string what = std::string(Half<E>::name) + ", heads of " + std::to_string(head_dim) + ", " +
                             std::to_string(length) + " rows have the same bits ";
    cases.run(what + "among other sequences", [&](Random& random) {
        const auto sequence = random_rows<E>(random, length, heads), other = random_rows<E>(random, 300, heads);
        std::vector<E> qkv = other;
        append_rows(qkv, sequence, 3 * width, 0, length);
        append_rows(qkv, other, 3 * width, 0, 77);
        const auto batch = attention<E>(qkv, pack({{300}, {length}, {77}}), heads);
        require_same_rows(batch, 300, attention<E>(sequence, pack({{length}}), heads), 0, length, width);
        return "equal";
    });
    cases.run(what + "with a shared prefix of " + std::to_string(prefix), [&](Random& random) {
        const auto sequence = random_rows<E>(random, length, heads), other = random_rows<E>(random, 45, heads);
        std::vector<E> qkv;
        append_rows(qkv, sequence, 3 * width, 0, prefix);
        append_rows(qkv, other, 3 * width, 0, 45);
        append_rows(qkv, sequence, 3 * width, prefix, length - prefix);
        const auto shared = attention<E>(qkv, pack({{prefix}, {45, 0}, {length - prefix, 0}}), heads);
        const auto alone = attention<E>(sequence, pack({{length}}), heads);
        require_same_rows(shared, 0, alone, 0, prefix, width);
        require_same_rows(shared, prefix + 45, alone, prefix, length - prefix, width);
        return "equal";
    });
}

static void last_tiles_alone(Cases& cases) {
    cases.run("a list of last tiles writes their rows with the same bits, and no others", [](Random& random) {
        const Heads heads = heads_of(5, 64);
        const size_t width = heads.width();
        Packed packed = pack({{257}, {129}, {3}});
        const auto qkv = random_rows<Bf16>(random, packed.tokens, heads);
        const auto all = attention<Bf16>(qkv, packed, heads);
        packed.tiles = {{2, 0}, {0, 2}, {1, 1}};
        const size_t elements = packed.tokens * width;
        Bf16* context = machine::upload(std::vector<Bf16>(elements, Bf16{0x1234}));
        launch(context, static_cast<const Bf16*>(machine::upload(qkv)), packed, heads);
        const auto some = machine::download(context, elements);
        for (int row = 0; row < packed.tokens; row++) {
            const bool listed = row == 256 || row == 257 + 128 || row >= 257 + 129;
            if (listed) require_same_rows(some, row, all, row, 1, width);
            for (size_t c = 0; c < width && !listed; c++) {
                require(some[row * width + c].bits == 0x1234, "row " + std::to_string(row) + " was written");
            }
        }
        return "as they should";
    });
}

static void later_rows_do_not_matter(Cases& cases) {
    cases.run("a row's bits do not depend on the rows after it", [](Random& random) {
        const Heads heads = heads_of(1, 128);
        const int length = 150;
        const auto qkv = random_rows<Fp16>(random, length, heads);
        const auto all = attention<Fp16>(qkv, pack({{length}}), heads);
        for (int cut : {1, 31, 32, 33, 100, 128, 149}) {
            const std::vector<Fp16> some(qkv.begin(), qkv.begin() + cut * 3 * 128);
            require_same_rows(attention<Fp16>(some, pack({{cut}}), heads), 0, all, 0, cut, 128);
        }
        return "equal";
    });
}

// Rows without a number: sequences beside it do not see them, nor earlier rows their queries and keys; later ones do.
template <class E>
static void not_a_number_stays_where_it_belongs(Cases& cases) {
    cases.run(
            std::string(Half<E>::name) + ", NaN reaches later rows of its sequence, and no others", [](Random& random) {
                const Heads heads = heads_of(1, 64);
                const int length = 150, broken = length + 100;
                const Packed packed = pack({{length}, {length}, {length}});
                auto qkv = random_rows<E>(random, 3 * length, heads);
                const auto before = attention<E>(qkv, packed, heads);
                for (int c = 0; c < 2 * 64; c++) qkv[broken * 3 * 64 + c] = {0x7fff};
                const auto after = attention<E>(qkv, packed, heads);
                require_same_rows(after, 0, before, 0, broken, 64);
                require_same_rows(after, 2 * length, before, 2 * length, length, 64);
                for (int i = broken * 64; i < 2 * length * 64; i++) {
                    require(std::isnan(Half<E>::value(after[i])), "row " + std::to_string(i / 64) + " hides it");
                }
                return "as it should";
            });
}

// Scores so large that one key takes all, and so negative that every exponential but the largest is zero.
template <class E>
static void extreme_scores(Cases& cases, float deviation) {
    const std::string name =
            std::string(Half<E>::name) + " with scores of deviation " + std::to_string((int) deviation);
    cases.run(name, [&](Random& random) {
        const Heads heads = heads_of(1, 128);
        const Packed packed = pack({{130}});
        const auto qkv = random_rows<E>(random, 130, heads, deviation);
        return close(
                attention_of(floats(qkv), packed, heads), floats(attention<E>(qkv, packed, heads)), Half<E>::tolerance);
    });
}

// The last tile of a sequence as long as the model allows, with the steepest and the flattest of Baichuan's slopes.
template <class E>
static void long_sequence(Cases& cases, int length) {
    cases.run(std::string(Half<E>::name) + ", the end of " + std::to_string(length) + " rows", [&](Random& random) {
        const Heads heads{{std::exp2(-8.0f), std::exp2(-0.125f)}, 64};
        Packed packed = pack({{length}});
        const int last = packed.tiles.back().query_tile;
        packed.tiles = {{0, last}};
        const auto qkv = random_rows<E>(random, length, heads);
        E* context = machine::allocate<E>(length * heads.width());
        launch(context, static_cast<const E*>(machine::upload(qkv)), packed, heads);
        const size_t first = (size_t) last * ATTENTION_QUERIES * heads.width();
        const auto got = machine::download(context + first, length * heads.width() - first);
        const std::vector<float> values = floats(qkv);
        std::vector<double> reference;
        for (int row = last * ATTENTION_QUERIES; row < length; row++) {
            const auto of_row = attention_of_row(values, packed.segments[0], row, heads);
            reference.insert(reference.end(), of_row.begin(), of_row.end());
        }
        return close(reference, floats(got), Half<E>::tolerance);
    });
}

// Rows far behind the first 2^31 elements, in buffers of which only those rows are ever touched.
static void rows_beyond_2_to_31(Cases& cases) {
    cases.run("rows beyond 2^31 elements", [](Random& random) {
        const Heads heads = heads_of(40, 128);
        const int length = 33, start = 150'000;
        const size_t width = heads.width(), tokens = start + length;
        const auto rows = random_rows<Bf16>(random, length, heads);
        const auto expected = attention<Bf16>(rows, pack({{length}}), heads);
        Bf16* qkv = machine::allocate<Bf16>(tokens * 3 * width);
        Bf16* context = machine::allocate<Bf16>(tokens * width);
        machine::upload(qkv + start * 3 * width, rows.data(), rows.size() * sizeof(Bf16));
        Packed packed;
        packed.segments = {{start, length, 0, 0}};
        packed.tiles = {{0, 0}};
        launch(context, static_cast<const Bf16*>(qkv), packed, heads);
        require_same_rows(machine::download(context + start * width, length * width), 0, expected, 0, length, width);
        return "equal to the same rows at the start";
    });
}

template <class E>
static void sizes(Cases& cases) {
    for (int tokens : TOKENS) {
        for (int heads : {1, 5}) matches_float64<E>(cases, heads, 128, {{tokens}});
        matches_float64<E>(cases, 5, 64, {{tokens}});
    }
    matches_float64<E>(cases, 40, 128, {{65}});
    for (int head_dim = 8; head_dim <= 128; head_dim += 8) matches_float64<E>(cases, 2, head_dim, {{65}, {3}});
    for (int prefix : {0, 1, 100}) {
        for (int answers : {1, 2, 16}) {
            std::vector<Part> parts{{prefix}};
            for (int answer = 0; answer < answers; answer++) parts.push_back({1 + answer * 37 % 50, 0});
            matches_float64<E>(cases, 2, 128, parts);
            matches_float64<E>(cases, 2, 40, parts);
        }
    }
    matches_float64<E>(cases, 2, 128, {{300}, {200, 0}, {1, 0}, {129}});
}

template <class E>
static void of_type(Cases& cases) {
    sizes<E>(cases);
    for (int head_dim : {128, 64, 24}) {
        has_the_same_bits<E>(cases, head_dim, 130, 100);
        has_the_same_bits<E>(cases, head_dim, 257, 1);
        has_the_same_bits<E>(cases, head_dim, 200, 128);
    }
    not_a_number_stays_where_it_belongs<E>(cases);
    extreme_scores<E>(cases, 12);
    extreme_scores<E>(cases, 60);
    long_sequence<E>(cases, 4096);
}

int main(int argc, char** argv) {
    Cases cases(argc, argv);
    of_type<Bf16>(cases);
    of_type<Fp16>(cases);
    last_tiles_alone(cases);
    later_rows_do_not_matter(cases);
    rows_beyond_2_to_31(cases);
    return cases.status();
}
