// Attention with 40 heads of 128, causal: its useful operations are 2 * heads * head_dim * sum of length^2.
#include <algorithm>
#include <cmath>

#include "alibi_attention_shapes.h"
#include "bench.h"

namespace bench {

struct Lengths {
    int sequences, length;
};
constexpr Lengths WORK[] = {{16, 2048}, {8, 512}, {32, 128}};

// A division of the work: a kernel, its rows of a tile, threads of a block, and shared memory.
struct Shape {
    std::string kernel;
    int queries, threads;
    size_t shared_bytes;
};

// The slopes of 40 heads: 2^(-i/4) for the first 32, then every other one of those of 64 heads.
static std::vector<float> slopes() {
    std::vector<float> all;
    for (int i = 0; i < 32; i++) all.push_back(std::exp2(-(i + 1) / 4.0f));
    for (int i = 0; i < 8; i++) all.push_back(std::exp2(-(2 * i + 1) / 8.0f));
    return all;
}

// The tiles of all segments, the dearest first.
static std::vector<AttentionTile> tiles_of(const Lengths& work, int queries) {
    std::vector<AttentionTile> tiles;
    for (int tile = (work.length - 1) / queries; tile >= 0; tile--) {
        for (int segment = 0; segment < work.sequences; segment++) tiles.push_back({segment, tile});
    }
    return tiles;
}

static double useful_operations(const Lengths& work) {
    return 2.0 * HEADS * HEAD_DIM * work.sequences * work.length * work.length;
}

static double seconds_of(const Shape& shape, const Lengths& work) {
    const size_t tokens = (size_t) work.sequences * work.length;
    const int sets = turns(8.0 * tokens * HIDDEN);
    std::vector<Bf16*> qkvs, contexts;
    for (int i = 0; i < sets; i++) {
        qkvs.push_back(random_halves<Bf16>(tokens * 3 * HIDDEN, 1.5f));
        contexts.push_back(machine::allocate<Bf16>(tokens * HIDDEN));
    }
    std::vector<Segment> segments;
    for (int i = 0; i < work.sequences; i++) segments.push_back({i * work.length, work.length, 0, 0});
    const std::vector<AttentionTile> tiles = tiles_of(work, shape.queries);
    const Segment* device_segments = machine::upload(segments);
    const AttentionTile* device_tiles = machine::upload(tiles);
    const float* device_slopes = machine::upload(slopes());
    int head_dim = HEAD_DIM;
    float scale = 1 / std::sqrt((float) HEAD_DIM);
    const machine::Launch how{dim3(tiles.size(), HEADS), dim3(shape.threads), shape.shared_bytes};
    const double time = seconds([&](int i) {
        void* parameters[] = {&contexts[i % sets], &qkvs[i % sets], &device_segments, &device_tiles, &device_slopes,
                &head_dim, &scale};
        machine::launch(shape.kernel.c_str(), how, [] {}, parameters);
    });
    machine::free_all();
    return time;
}

static void table(const std::vector<Shape>& shapes) {
    std::vector<std::string> names = {"kernel", "threads", "KiB"};
    for (const Lengths& work : WORK) {
        const std::string size = std::to_string(work.sequences) + " x " + std::to_string(work.length);
        names.push_back(size + " tokens, TFLOP/s (µs)");
    }
    head(names);
    for (const Shape& shape : shapes) {
        std::vector<std::string> cells = {
                shape.kernel, std::to_string(shape.threads), std::to_string(shape.shared_bytes >> 10)};
        for (const Lengths& work : WORK) {
            const double time = seconds_of(shape, work);
            cells.push_back(text("%.0f", useful_operations(work) / time / 1e12) + text(" (%.0f)", time * 1e6));
        }
        row(cells);
    }
}

void attention() {
    table({{"alibi_attention_d128_bf16", ATTENTION_QUERIES, ATTENTION_THREADS, ATTENTION_SHARED_BYTES_D128}});
}

void attention_shapes() {
#define SIZES(row_tiles, warps, keys, blocks) {row_tiles, warps, keys},
    constexpr int SHAPES[][3] = {ATTENTION_SHAPES(SIZES)};
#undef SIZES
    std::vector<Shape> shapes;
    for (const auto& [row_tiles, warps, keys] : SHAPES) {
        const int queries = row_tiles * 16 * warps;
        std::string name = "alibi_attention_d128_bf16";
        for (const int size : {row_tiles, warps, keys}) name += "_" + std::to_string(size);
        shapes.push_back({name, queries, warps * 32, (size_t) (queries + 2 * keys) * HEAD_DIM * 2});
    }
    table(shapes);
}

}  // namespace bench
