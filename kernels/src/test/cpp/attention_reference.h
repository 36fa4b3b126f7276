// Attention as the tests speak of it: how sequences are packed, and what comes out, computed in double.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels.h"

namespace check {

// A segment to be: its own rows, and whose rows are its prefix (-1: none).
struct Part {
    int length;
    int prefix = -1;
};

struct Packed {
    std::vector<Segment> segments;
    std::vector<AttentionTile> tiles;
    int tokens = 0;
};

inline Packed pack(const std::vector<Part>& parts) {
    Packed packed;
    for (const Part& part : parts) {
        Segment segment{packed.tokens, part.length, 0, 0};
        if (part.prefix >= 0) {
            segment.prefix_start = packed.segments[part.prefix].start;
            segment.prefix_length = packed.segments[part.prefix].length;
        }
        for (int tile = 0; tile * ATTENTION_QUERIES < part.length; tile++) {
            packed.tiles.push_back({(int) packed.segments.size(), tile});
        }
        packed.segments.push_back(segment);
        packed.tokens += part.length;
    }
    return packed;
}

// The slopes of BaichuanConfig: the geometric sequence for the largest power of two, then every other of twice as many.
inline std::vector<float> alibi_slopes(int heads) {
    int power = 1;
    while (power * 2 <= heads) power *= 2;
    std::vector<float> slopes;
    for (int h = 0; h < heads; h++) {
        slopes.push_back(
                h < power ? std::exp2(-8.0 * (h + 1) / power) : std::exp2(-4.0 * (2 * (h - power) + 1) / power));
    }
    return slopes;
}

// Of heads of head_dim, in qkv [rows, 3 * heads * head_dim].
struct Heads {
    std::vector<float> slopes;
    int head_dim;
    size_t width() const { return slopes.size() * head_dim; }
};

// The context of own row `row` of a segment, [width].
template <class T>
std::vector<double> attention_of_row(const std::vector<T>& qkv, const Segment& segment, int row, const Heads& heads) {
    const int i = segment.prefix_length + row, head_dim = heads.head_dim;
    auto at = [&](int j, int matrix, int head) {
        const int r = j < segment.prefix_length ? segment.prefix_start + j : segment.start + j - segment.prefix_length;
        return &qkv[(r * 3 + matrix) * heads.width() + head * head_dim];
    };
    std::vector<double> context(heads.width()), weights(i + 1);
    for (size_t head = 0; head < heads.slopes.size(); head++) {
        double largest = -INFINITY, sum = 0;
        for (int j = 0; j <= i; j++) {
            double dot = 0;
            for (int d = 0; d < head_dim; d++) dot += (double) at(i, 0, head)[d] * at(j, 1, head)[d];
            weights[j] = dot / std::sqrt((double) head_dim) + (double) heads.slopes[head] * (j - i);
            largest = std::max(largest, weights[j]);
        }
        for (double& weight : weights) sum += weight = std::exp(weight - largest);
        double* out = &context[head * head_dim];
        for (int j = 0; j <= i; j++) {
            for (int d = 0; d < head_dim; d++) out[d] += weights[j] / sum * at(j, 2, head)[d];
        }
    }
    return context;
}

// Of all rows, [tokens, width].
template <class T>
std::vector<double> attention_of(const std::vector<T>& qkv, const Packed& packed, const Heads& heads) {
    std::vector<double> context;
    for (const Segment& segment : packed.segments) {
        for (int row = 0; row < segment.length; row++) {
            const std::vector<double> of_row = attention_of_row(qkv, segment, row, heads);
            context.insert(context.end(), of_row.begin(), of_row.end());
        }
    }
    return context;
}

}  // namespace check
