// context[i, h] = sum over j <= i of softmax_j(score(i, j)) * v[j, h]
// score(i, j)   = q[i, h] . k[j, h] * scale + slopes[h] * (j - i)
//
// where i and j are positions in one sequence: causal attention with linear biases (ALiBi), online softmax over tiles
// of keys.
//
// shapes    context [tokens, heads * head_dim] half; qkv [tokens, 3 * heads * head_dim] half, a row's queries, then its
//           keys and its values, head by head; segments and tiles as in kernels.h; slopes [heads] float
// launch    grid = (tiles, heads), block = ATTENTION_THREADS; _d128 for head_dim 72 to 128 has dynamic shared memory of
//           ATTENTION_SHARED_BYTES_D128, _d64 for 8 to 64 of ATTENTION_SHARED_BYTES_D64. A tile is ATTENTION_QUERIES
//           rows of a segment. A tile costs a step for every Shape::keys keys that it sees: the dearest go first. Rows
//           in no tile are not written, so the last layer lists only the tiles that hold last tokens. A warp has 32
//           rows of a tile: in a segment of fewer than 97 some have nothing to do
// flops     2 * heads * head_dim * sum of length^2 (causal; both products)
// numerics  products of halves in float, softmax in float in powers of two, weights rounded to half before they meet
//           the values, sums in float, result rounded once. The bias comes from i, j alone and key tiles begin at
//           multiples of Shape::keys of the sequence, prefix included, and are visited from the diagonal back: so a
//           row's bits do not depend on the other sequences, on its place in a tile, or on whether its prefix is
//           shared. (A later token of the same sequence reaches it with weight zero: seen only where that token's
//           values are infinite or NaN.) Weights reach 1 and are divided out last: values whose weighted sum passes
//           3.4e38 become infinite
// requires  head_dim divisible by 8; tokens * 3 * heads * head_dim < 2^35; every tile begins inside its segment
// checked   alibi_attention_test.cpp
#include "kernels.h"

namespace alibi_attention {

// How a block divides its work: each of its warps owns row_tiles tiles of 16 query rows, a step takes `keys` keys. A
// row of dim halves is `chunks` pieces of 16 bytes, stored at piece ^ (row % 8), so that the eight rows of one piece
// that a matrix load reads at once lie in different banks.
template <int DIM, int ROW_TILES, int WARPS, int KEYS>
struct Shape {
    static constexpr int dim = DIM, row_tiles = ROW_TILES, warps = WARPS, keys = KEYS;
    static constexpr int threads = WARPS * 32, warp_rows = ROW_TILES * 16, queries = WARPS * warp_rows;
    static constexpr int row_bytes = DIM * 2, chunks = DIM / 8;
    static constexpr int copied_rows = threads / chunks;  // rows that the block copies at a time
    static constexpr int shared_bytes = (queries + 2 * KEYS) * row_bytes;
    static_assert(copied_rows % 8 == 0, "a thread's rows have one swizzle");
    static_assert(KEYS % copied_rows == 0 && queries % copied_rows == 0, "all threads copy the same number of rows");
};

// The rows of qkv that this block reads, and what this thread copies of them: one piece of every copied_rows-th row.
template <class S>
struct Rows {
    const uint4* qkv;  // in pieces of 16 bytes, as all counts here
    uint32_t row_chunks, matrix_chunks, first_chunk;
    uint32_t target;  // of the first row, in a tile
    int first_row;
    bool inside;  // whether head_dim reaches this thread's piece
    Segment segment;

    DEVICE_MEMBER Rows(const void* all, const Segment& rows, int head_dim) {
        const int chunk = threadIdx.x % S::chunks;
        qkv = static_cast<const uint4*>(all);
        matrix_chunks = gridDim.y * (head_dim / 8);
        row_chunks = 3 * matrix_chunks;
        first_chunk = blockIdx.y * (head_dim / 8) + chunk;
        first_row = threadIdx.x / S::chunks;
        target = first_row * S::row_bytes + ((chunk ^ (first_row % 8)) * 16);
        inside = chunk < head_dim / 8;
        segment = rows;
    }

    // Copies ROWS positions of the sequence from `position` on, zeros from `end` on. Matrix 0 is queries, 1 keys, 2
    // values.
    template <int ROWS>
    DEVICE_MEMBER void copy(SharedAddress tile, int matrix, int position, int end) const {
        const uint32_t first = first_chunk + matrix * matrix_chunks;
        const int prefix = segment.prefix_length;
        const bool together = position >= prefix || position + ROWS <= prefix;
        if (together && position + ROWS <= end) {
            copy_neighbours<ROWS>(tile, first + row_of(position + first_row) * row_chunks);
            return;
        }
        UNROLL for (int i = 0; i < ROWS / S::copied_rows; i++) {
            const int j = position + first_row + i * S::copied_rows;
            const bool valid = inside && j < end;
            const uint32_t chunk = valid ? first + row_of(j) * row_chunks : 0;
            cp_async_16(tile + target + i * S::copied_rows * S::row_bytes, qkv + chunk, valid);
        }
    }

  private:
    DEVICE_MEMBER uint32_t row_of(int j) const {
        return j + (j < segment.prefix_length ? segment.prefix_start : segment.start - segment.prefix_length);
    }

    // The same for ROWS rows that lie one behind the other, as nearly always: an addition for each instead of
    // comparisons.
    template <int ROWS>
    DEVICE_MEMBER void copy_neighbours(SharedAddress tile, uint32_t chunk) const {
        const uint4* source = qkv + (inside ? chunk : 0);
        const uint32_t step = inside ? S::copied_rows * row_chunks : 0;
        UNROLL for (int i = 0; i < ROWS / S::copied_rows; i++) {
            cp_async_16(tile + target + i * S::copied_rows * S::row_bytes, source, inside);
            source += step;
        }
    }
};

// What a lane keeps of its warp's rows. A 16 x 8 fragment has two rows a lane: lane / 4, and 8 further.
template <class S>
struct State {
    float4 context[S::row_tiles][S::dim / 8];  // x, y of the first row, z, w of the second
    float largest[S::row_tiles][2];            // of the scores so far
    float sum[S::row_tiles][2];                // of this lane's weights so far

    DEVICE_MEMBER State() {
        UNROLL for (int t = 0; t < S::row_tiles; t++) {
            UNROLL for (int d = 0; d < S::dim / 8; d++)
                context[t][d] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
            UNROLL for (int h = 0; h < 2; h++)
                largest[t][h] = -INFINITY, sum[t][h] = 0.0f;
        }
    }
};

template <class S>
using Scores = float4[S::row_tiles][S::keys / 8];

// scores = q k^T. `q` and `k` are this lane's addresses of its first matrix rows; the xor steps through a row's pieces.
template <class E, class S>
DEVICE void multiply_queries(Scores<S>& scores, SharedAddress q, SharedAddress k) {
    UNROLL for (int t = 0; t < S::row_tiles; t++) {
        UNROLL for (int n = 0; n < S::keys / 8; n++)
            scores[t][n] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    }
    UNROLL for (int d = 0; d < S::dim / 16; d++) {
        uint4 queries[S::row_tiles], keys[S::keys / 16];
        load_matrices(queries, q ^ (d * 32), 16 * S::row_bytes);
        load_matrices(keys, k ^ (d * 32), 16 * S::row_bytes);
        mma<E>(scores, 0, queries, keys);
    }
}

// Turns one row's scores into weights relative to the largest score so far, and returns by what the former weights
// shrink. All in powers of two. `column` and `row` are positions in the sequence, of this lane's first column and of
// the row; only steps at the diagonal are masked, and a mask that is not needed would be an eighth of all instructions.
template <class S, bool MASKED>
DEVICE float weights_of_row(float4 (&scores)[S::keys / 8], bool second, float& largest, float& sum, int column, int row,
        float scale, float slope) {
    const float bias = slope * (float) (column - row);
    float now = largest;
    UNROLL for (int n = 0; n < S::keys / 8; n++) {
        float& s0 = second ? scores[n].z : scores[n].x;
        float& s1 = second ? scores[n].w : scores[n].y;
        s0 = fused_multiply_add(s0, scale, fused_multiply_add(slope, (float) (n * 8), bias));
        s1 = fused_multiply_add(s1, scale, fused_multiply_add(slope, (float) (n * 8 + 1), bias));
        if (MASKED) {
            if (column + n * 8 > row) s0 = -INFINITY;
            if (column + n * 8 + 1 > row) s1 = -INFINITY;
        }
        now = fmaxf(now, fmaxf(s0, s1));
    }
    now = fmaxf(now, shuffle_xor(now, 1));
    now = fmaxf(now, shuffle_xor(now, 2));
    const float reference = now == -INFINITY ? 0.0f : now;  // a row that has seen masked keys only
    const float shrink = exp2_approximate(largest - reference);
    largest = now;
    float added = 0.0f;
    UNROLL for (int n = 0; n < S::keys / 8; n++) {
        float& s0 = second ? scores[n].z : scores[n].x;
        float& s1 = second ? scores[n].w : scores[n].y;
        s0 = exp2_approximate(s0 - reference);
        s1 = exp2_approximate(s1 - reference);
        added += s0 + s1;
    }
    sum = fused_multiply_add(sum, shrink, added);
    return shrink;
}

// One step's softmax: scores become weights, and what was summed before shrinks to the new largest score. That changes
// seldom after the first steps, as the bias favours near keys; a factor of one changes no bits and is skipped.
template <class S, bool MASKED>
DEVICE void softmax(Scores<S>& scores, State<S>& state, int column, int row, float scale, float slope) {
    UNROLL for (int t = 0; t < S::row_tiles; t++) {
        float shrink[2];
        UNROLL for (int h = 0; h < 2; h++) {
            shrink[h] = weights_of_row<S, MASKED>(
                    scores[t], h, state.largest[t][h], state.sum[t][h], column, row + t * 16 + h * 8, scale, slope);
        }
        if (any_lane(shrink[0] != 1.0f || shrink[1] != 1.0f)) {
            UNROLL for (int d = 0; d < S::dim / 8; d++) {
                float4& c = state.context[t][d];
                c = make_float4(c.x * shrink[0], c.y * shrink[0], c.z * shrink[1], c.w * shrink[1]);
            }
        }
    }
}

// context += weights * v. A score fragment has the places of half of the next product's left fragment.
template <class E, class S>
DEVICE void multiply_values(State<S>& state, const Scores<S>& weights, SharedAddress v) {
    UNROLL for (int k = 0; k < S::keys / 16; k++) {
        uint4 left[S::row_tiles];
        UNROLL for (int t = 0; t < S::row_tiles; t++) {
            const float4 low = weights[t][2 * k], high = weights[t][2 * k + 1];
            left[t] = make_uint4(pack_2<E>(low.x, low.y), pack_2<E>(low.z, low.w), pack_2<E>(high.x, high.y),
                    pack_2<E>(high.z, high.w));
        }
        UNROLL for (int d = 0; d < S::dim / 16; d++) {
            uint4 values[1];
            load_matrices_transposed(values, (v ^ (d * 32)) + k * 16 * S::row_bytes, 0);
            mma<E>(state.context, 2 * d, left, values);
        }
    }
}

// context /= sum of weights, rounded, through the warp's own rows of the query tile, so that stores are 16 bytes wide.
template <class E, class S>
DEVICE void store(
        E* context, const State<S>& state, SharedAddress rows, int first, int head_dim, const Segment& segment) {
    const int lane = threadIdx.x % 32;
    UNROLL for (int t = 0; t < S::row_tiles; t++) {
        UNROLL for (int h = 0; h < 2; h++) {
            float sum = state.sum[t][h];
            sum += shuffle_xor(sum, 1);
            sum += shuffle_xor(sum, 2);
            const float scale = 1.0f / sum;
            const int r = t * 16 + h * 8 + lane / 4;
            UNROLL for (int d = 0; d < S::dim / 8; d++) {
                const float4 c = state.context[t][d];
                const uint32_t pair = h ? pack_2<E>(c.z * scale, c.w * scale) : pack_2<E>(c.x * scale, c.y * scale);
                store_shared_4(rows + r * S::row_bytes + ((d ^ (lane / 4)) * 16) + lane % 4 * 4, pair);
            }
        }
    }
    sync_warp();
    const size_t width = (size_t) gridDim.y * head_dim;
    const int chunk = lane % S::chunks;
    UNROLL for (int i = 0; i < S::warp_rows * S::chunks / 32; i++) {
        const int r = lane / S::chunks + i * (32 / S::chunks);
        if (first + r < segment.length && chunk < head_dim / 8) {
            const uint4 piece = load_shared_16(rows + r * S::row_bytes + ((chunk ^ (r % 8)) * 16));
            store_16(context + (segment.start + first + r) * width + blockIdx.y * head_dim + chunk * 8, piece);
        }
    }
}

// While the warps multiply queries and keys, the values of the step are on their way; while they do the rest, the next
// keys.
template <class E, class S>
DEVICE void body(E* context, const E* qkv, const Segment* segments, const AttentionTile* tiles, const float* slopes,
        int head_dim, float scale) {
    const AttentionTile work = tiles[blockIdx.x];
    const Segment segment = segments[work.segment];
    const Rows<S> rows(qkv, segment, head_dim);
    const SharedAddress q = shared_base(), k = q + S::queries * S::row_bytes, v = k + S::keys * S::row_bytes;
    const int lane = threadIdx.x % 32, warp_row = threadIdx.x / 32 * S::warp_rows;
    const int first = work.query_tile * S::queries, past = first + S::queries;
    const int prefix = segment.prefix_length, end = prefix + (past < segment.length ? past : segment.length);
    int j = (end - 1) / S::keys * S::keys;
    rows.template copy<S::queries>(q, 0, prefix + first, end);
    rows.template copy<S::keys>(k, 1, j, end);
    cp_async_commit();

    const uint32_t swizzle = lane % 8 * 16;
    const SharedAddress warp_q = (q + (warp_row + lane % 16) * S::row_bytes) | ((lane / 16 * 16) ^ swizzle);
    const SharedAddress lane_k = (k + (lane % 8 + lane / 16 * 8) * S::row_bytes) | ((lane / 8 % 2 * 16) ^ swizzle);
    const SharedAddress lane_v = (v + lane % 16 * S::row_bytes) | ((lane / 16 * 16) ^ swizzle);
    const int warp_first = prefix + first + warp_row;  // positions in the sequence, as those that follow
    const int row = warp_first + lane / 4;
    const bool owns_rows = first + warp_row < segment.length;
    const float scale_2 = scale * LOG2_E, slope_2 = slopes[blockIdx.y] * LOG2_E;
    State<S> state;
    for (; j >= 0; j -= S::keys) {
        cp_async_wait<0>();
        sync_block();  // these keys are there, and everyone has done with the last values
        rows.template copy<S::keys>(v, 2, j, end);
        cp_async_commit();
        const bool active = owns_rows && j < warp_first + S::warp_rows;  // the same in all lanes
        Scores<S> scores;
        if (active) multiply_queries<E, S>(scores, warp_q, lane_k);
        cp_async_wait<0>();
        sync_block();  // these values are there, and everyone has done with the keys
        if (j > 0) rows.template copy<S::keys>(k, 1, j - S::keys, end);
        cp_async_commit();
        if (active) {
            if (j + S::keys > warp_first + 1) {
                softmax<S, true>(scores, state, j + lane % 4 * 2, row, scale_2, slope_2);
            } else {
                softmax<S, false>(scores, state, j + lane % 4 * 2, row, scale_2, slope_2);
            }
            multiply_values<E, S>(state, scores, lane_v);
        }
    }
    // Queries were last read before the last barrier, so their place is free.
    if (owns_rows) store<E, S>(context, state, q + warp_row * S::row_bytes, first + warp_row, head_dim, segment);
}

}  // namespace alibi_attention

#define ATTENTION(name, E, Form, blocks)                                                                     \
    KERNEL(Form::threads, blocks)                                                                            \
    name(E* context, const E* qkv, const Segment* segments, const AttentionTile* tiles, const float* slopes, \
            int head_dim, float scale) {                                                                     \
        alibi_attention::body<E, Form>(context, qkv, segments, tiles, slopes, head_dim, scale);              \
    }
template <int DIM>
using Attention = alibi_attention::Shape<DIM, 2, 4, 64>;
static_assert(Attention<128>::queries == ATTENTION_QUERIES && Attention<64>::queries == ATTENTION_QUERIES);
static_assert(Attention<128>::threads == ATTENTION_THREADS && Attention<64>::threads == ATTENTION_THREADS);
static_assert(Attention<128>::shared_bytes == ATTENTION_SHARED_BYTES_D128);
static_assert(Attention<64>::shared_bytes == ATTENTION_SHARED_BYTES_D64);
ATTENTION(alibi_attention_d128_bf16, Bf16, Attention<128>, 2)
ATTENTION(alibi_attention_d128_f16, Fp16, Attention<128>, 2)
ATTENTION(alibi_attention_d64_bf16, Bf16, Attention<64>, 2)
ATTENTION(alibi_attention_d64_f16, Fp16, Attention<64>, 2)
