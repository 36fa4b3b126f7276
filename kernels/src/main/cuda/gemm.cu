// y = x * w^T: stored as half, added into the float32 residual, or as SwiGLU of its two halves
//
//   gemm          y[r, c] = half(sum_i x[r, i] * w[c, i])
//   gemm_add      y[r, c] += sum_i x[r, i] * w[c, i]
//   gemm_swiglu   gated[r, c] = half(silu(gate) * up), gate = sum_i x[r, i] * w[c, i], up that of w[intermediate + c]
//
// shapes    x [rows, k], w [n, k] or [2 * intermediate, k], y [rows, n], gated [rows, intermediate], row-major; x, w
//           and gated half, y half or, in gemm_add, float32
// launch    grid = ceil(rows / GEMM_ROWS) * ceil(n / GEMM_COLUMNS), n = 2 * intermediate for SwiGLU; block =
//           GEMM_THREADS, dynamic shared memory GEMM_SHARED_BYTES: with the 1 KiB that each block costs beside it, two
//           blocks fit on a multiprocessor that has 164 or 228 KiB, as many as registers allow, and one on those with
//           100
// traffic   2 * rows * n * k operations; from memory w once for every 2048 rows, x about once for every 2048 columns
//           (see tile_of_block), y once, in gemm_add twice. In shared memory 16 of k take 24 KiB of reads and writes
//           for 128 mma: at least 192 clocks. Those keep the tensor cores busy for 256 (sm_80), or an estimated 205
//           (sm_90: 128 at the full rate, of which mma.sync, which is not wgmma, reaches some 63 %)
// numerics  products exact, summed in float32 as tensor cores do, 16 of k at a time from 0 on. Neither tile nor order
//           depends on the number of rows, so a row's bits depend neither on the others nor on its place. One rounding
//           to half; silu(gate) * up in float32; the residual is added once, to the whole sum
// requires  rows >= 1; n, intermediate and k divisible by 8; rows, n and 2 * intermediate at most 2^31 - 128; a grid
//           of fewer than 2^31 blocks; pointers aligned to 16 bytes; x, w and y may have more than 2^31 elements
// checked   gemm_test.cpp
#include "kernels.h"

namespace gemm {

constexpr int DEPTH = 32;  // of k in a stage
constexpr int STAGES = 4;  // one is multiplied while three are on their way
constexpr uint32_t LINE = DEPTH * 2;
constexpr uint32_t X_BYTES = GEMM_ROWS * LINE, STAGE_BYTES = X_BYTES + GEMM_COLUMNS * LINE;
static_assert(STAGES * STAGE_BYTES == GEMM_SHARED_BYTES, "kernels.h says how much the stages take");
static_assert(GEMM_ROWS * GEMM_COLUMNS * sizeof(float) <= GEMM_SHARED_BYTES, "add_product stages all of its tile");

// Each of the four warps computes WARP x WARP of the tile: M fragments of 16 rows times N of 8 columns.
constexpr int WARP = 64, M = WARP / 16, N = WARP / 8;

// Where byte `offset` lies: the eight 16-byte pieces of 128 bytes change places with the number of these 128 bytes, of
// which a stage's two lines are one. So a column of pieces (load_matrices, staging) meets every bank as evenly as a
// line of them does (loading, storing).
DEVICE uint32_t swizzled(uint32_t offset) { return offset ^ offset / 128 % 8 * 16; }

struct Tile {
    int row, column;  // its first
};

// Blocks start in the order of their number, some 200 at a time. Going down 16 row tiles before the next column tile
// makes them a square of about 16 x 16 tiles, which reads the fewest bytes; all rows at once would not stay in cache.
DEVICE Tile tile_of_block(int rows, int columns) {
    constexpr unsigned GROUP = 16;
    const unsigned row_tiles = (rows + GEMM_ROWS - 1) / GEMM_ROWS;
    const unsigned column_tiles = (columns + GEMM_COLUMNS - 1) / GEMM_COLUMNS;
    const unsigned first = blockIdx.x / (GROUP * column_tiles) * GROUP, place = blockIdx.x - first * column_tiles;
    const unsigned height = row_tiles - first < GROUP ? row_tiles - first : GROUP;
    return {(int) (first + place % height) * GEMM_ROWS, (int) (place / height) * GEMM_COLUMNS};
}

// What a thread loads of an operand: one 16-byte piece of row `row`, which is at `source`, and of every `step`-th row
// behind it, as far as they are below `end`.
template <class E>
struct Rows {
    const E* source;
    int row, step, end;
};

// A thread loads lines thread / PIECES + i * LINES of a tile, of each its piece thread % PIECES.
constexpr int PIECES = LINE / 16, LINES = GEMM_THREADS / PIECES;
static_assert(GEMM_ROWS == GEMM_COLUMNS && GEMM_ROWS % LINES == 0, "both tiles are loaded alike");
static_assert(LINES % 16 == 0, "8 lines of the gate and 8 of up, and swizzled() repeats");

template <class E>
DEVICE Rows<E> plain_rows(const E* matrix, int first, int end, int k) {
    const int row = first + (int) threadIdx.x / PIECES;
    return {matrix + (size_t) row * k + threadIdx.x % PIECES * 8, row, LINES, end};
}
// The same lines, where 8 rows of the gate and the 8 of up that belong to them take turns: gate and up of a column are
// then in neighbouring fragments of one thread.
template <class E>
DEVICE Rows<E> gate_up_rows(const E* matrix, int first, int intermediate, int k) {
    const int line = threadIdx.x / PIECES, row = first + line / 16 * 8 + line % 8;
    const size_t half = line / 8 % 2 * (size_t) intermediate;
    return {matrix + (half + row) * k + threadIdx.x % PIECES * 8, row, LINES / 2, intermediate};
}

// Loads the thread's part of step `step` along k; what lies outside the matrix becomes zero.
template <class E>
DEVICE void load(SharedAddress tile, const Rows<E>& rows, int step, int k) {
    const int place = step * DEPTH + (int) threadIdx.x % PIECES * 8;
    UNROLL for (int i = 0; i < GEMM_ROWS / LINES; i++) {
        const bool inside = rows.row + i * rows.step < rows.end && place < k;
        const E* source = rows.source + (size_t) (i * rows.step) * k + (size_t) step * DEPTH;
        cp_async_16(tile + swizzled(threadIdx.x * 16) + i * LINES * LINE, source, inside);
    }
}
template <class E>
DEVICE void load_stage(const Rows<E>& x, const Rows<E>& w, int step, int k) {
    const SharedAddress stage = shared_base() + step % STAGES * STAGE_BYTES;
    load(stage, x, step, k);
    load(stage + X_BYTES, w, step, k);
}

// The warp's sums over all of k. No thread uses the stages any more when it returns.
template <class E>
DEVICE void multiply(float4 (&sums)[M][N], const Rows<E>& x, const Rows<E>& w, int k) {
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, steps = (k + DEPTH - 1) / DEPTH;
    const uint32_t x_line = swizzled((warp % 2 * WARP + lane % 16) * LINE + lane / 16 * 16);
    const uint32_t w_line = swizzled((warp / 2 * WARP + lane / 16 * 8 + lane % 8) * LINE + lane / 8 % 2 * 16);

    UNROLL for (int m = 0; m < M; m++) {
        UNROLL for (int n = 0; n < N; n++)
            sums[m][n] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    }
    UNROLL for (int step = 0; step < STAGES - 1; step++) {
        if (step < steps) load_stage(x, w, step, k);
        cp_async_commit();
    }
    for (int step = 0; step < steps; step++) {
        cp_async_wait<STAGES - 2>();
        sync_block();
        if (step + STAGES - 1 < steps) load_stage(x, w, step + STAGES - 1, k);
        cp_async_commit();
        const SharedAddress stage = shared_base() + step % STAGES * STAGE_BYTES;
        UNROLL for (int i = 0; i < DEPTH / 16; i++) {
            uint4 a[M], b[N / 2];
            load_matrices(a, stage + (x_line ^ i * 32), 16 * LINE);
            load_matrices(b, stage + X_BYTES + (w_line ^ i * 32), 16 * LINE);
            mma<E>(sums, 0, a, b);
        }
    }
    sync_block();
}

// A warp's part of y, width columns of 64 rows, and where it stages it on the way to memory.
struct Part {
    int row, column;
    SharedAddress staged;
};
DEVICE Part part_of_warp(int row, int column, int width, uint32_t bytes) {
    const int warp = threadIdx.x / 32;
    return {row + warp % 2 * WARP, column + warp / 2 * width, shared_base() + warp * bytes};
}

// Stages C fragments of 8 columns for each of 64 rows, rounded to half and close together.
template <class E, int C>
DEVICE void stage_halves(SharedAddress staged, const float4 (&values)[M][C]) {
    const int lane = threadIdx.x % 32;
    UNROLL for (int m = 0; m < M; m++) {
        UNROLL for (int c = 0; c < C; c++) {
            const uint32_t offset = (m * 16 + lane / 4) * (C * 16) + c * 16 + lane % 4 * 4;
            store_shared_4(staged + swizzled(offset), pack_2<E>(values[m][c].x, values[m][c].y));
            store_shared_4(staged + swizzled(offset + C * 128), pack_2<E>(values[m][c].z, values[m][c].w));
        }
    }
    sync_warp();
}
DEVICE void stage_floats(SharedAddress staged, const float4 (&values)[M][N]) {
    const int lane = threadIdx.x % 32;
    UNROLL for (int m = 0; m < M; m++) {
        UNROLL for (int n = 0; n < N; n++) {
            const uint32_t offset = (m * 16 + lane / 4) * (N * 32) + n * 32 + lane % 4 * 8;
            store_shared_float2(staged + swizzled(offset), make_float2(values[m][n].x, values[m][n].y));
            store_shared_float2(staged + swizzled(offset + N * 256), make_float2(values[m][n].z, values[m][n].w));
        }
    }
    sync_warp();
}

// Stores what stage_halves has staged: lanes take pieces of 16 bytes in order.
template <int C, class E>
DEVICE void store_halves(E* y, const Part& part, int rows, int columns) {
    UNROLL for (int piece = threadIdx.x % 32; piece < WARP * C; piece += 32) {
        const int row = part.row + piece / C, column = part.column + piece % C * 8;
        if (row < rows && column < columns) {
            store_16(y + (size_t) row * columns + column, load_shared_16(part.staged + swizzled(piece * 16)));
        }
    }
}
DEVICE uint4 add_4(uint4 a, uint4 b) {
    return make_uint4(bits_of_float(float_of_bits(a.x) + float_of_bits(b.x)),
            bits_of_float(float_of_bits(a.y) + float_of_bits(b.y)),
            bits_of_float(float_of_bits(a.z) + float_of_bits(b.z)),
            bits_of_float(float_of_bits(a.w) + float_of_bits(b.w)));
}
// Adds what stage_floats has staged; eight loads of the residual are under way at a time.
DEVICE void add_floats(float* y, const Part& part, int rows, int columns) {
    const int lane = threadIdx.x % 32, row = part.row + lane / 16, column = part.column + lane % 16 * 4;
    for (int line = 0; line < WARP; line += 16) {
        float* first = y + (size_t) (row + line) * columns + column;
        uint4 old[8];
        UNROLL for (int i = 0; i < 8; i++) {
            const bool inside = row + line + 2 * i < rows && column < columns;
            if (inside) old[i] = load_16(first + (size_t) (2 * i) * columns);
        }
        UNROLL for (int i = 0; i < 8; i++) {
            const uint4 sum = load_shared_16(part.staged + swizzled((line + 2 * i) * (N * 32) + lane * 16));
            const bool inside = row + line + 2 * i < rows && column < columns;
            if (inside) store_16(first + (size_t) (2 * i) * columns, add_4(old[i], sum));
        }
    }
}

template <class E>
DEVICE void store_product(E* y, const E* x, const E* w, int rows, int n, int k) {
    const Tile tile = tile_of_block(rows, n);
    float4 sums[M][N];
    multiply(sums, plain_rows(x, tile.row, rows, k), plain_rows(w, tile.column, n, k), k);
    const Part part = part_of_warp(tile.row, tile.column, WARP, WARP * WARP * sizeof(E));
    stage_halves<E>(part.staged, sums);
    store_halves<N>(y, part, rows, n);
}

template <class E>
DEVICE void add_product(float* y, const E* x, const E* w, int rows, int n, int k) {
    const Tile tile = tile_of_block(rows, n);
    float4 sums[M][N];
    multiply(sums, plain_rows(x, tile.row, rows, k), plain_rows(w, tile.column, n, k), k);
    const Part part = part_of_warp(tile.row, tile.column, WARP, WARP * WARP * sizeof(float));
    stage_floats(part.staged, sums);
    add_floats(y, part, rows, n);
}

template <class E>
DEVICE void store_gated_product(E* gated, const E* x, const E* w, int rows, int intermediate, int k) {
    const Tile tile = tile_of_block(rows, 2 * intermediate);
    const int column = tile.column / 2;
    float4 sums[M][N], values[M][N / 2];
    multiply(sums, plain_rows(x, tile.row, rows, k), gate_up_rows(w, column, intermediate, k), k);
    UNROLL for (int m = 0; m < M; m++) {
        UNROLL for (int n = 0; n < N / 2; n++) {
            const float4 gate = sums[m][2 * n], up = sums[m][2 * n + 1];
            values[m][n] =
                    make_float4(silu(gate.x) * up.x, silu(gate.y) * up.y, silu(gate.z) * up.z, silu(gate.w) * up.w);
        }
    }
    const Part part = part_of_warp(tile.row, column, WARP / 2, WARP / 2 * WARP * sizeof(E));
    stage_halves<E>(part.staged, values);
    store_halves<N / 2>(gated, part, rows, intermediate);
}

}  // namespace gemm

#define GEMM(E, dtype)                                                                                   \
    KERNEL(GEMM_THREADS, 2) gemm_##dtype(E* y, const E* x, const E* w, int rows, int n, int k) {         \
        gemm::store_product(y, x, w, rows, n, k);                                                        \
    }                                                                                                    \
    KERNEL(GEMM_THREADS, 2) gemm_add_##dtype(float* y, const E* x, const E* w, int rows, int n, int k) { \
        gemm::add_product(y, x, w, rows, n, k);                                                          \
    }                                                                                                    \
    KERNEL(GEMM_THREADS, 2)                                                                              \
    gemm_swiglu_##dtype(E* gated, const E* x, const E* gate_up_w, int rows, int intermediate, int k) {   \
        gemm::store_gated_product(gated, x, gate_up_w, rows, intermediate, k);                           \
    }
GEMM(Bf16, bf16)
GEMM(Fp16, f16)
#undef GEMM
