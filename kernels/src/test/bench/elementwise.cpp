// The kernels that move memory, beside a copy.
#include <algorithm>
#include <numeric>
#include <random>

#include "bench.h"
#include "cublas.h"

namespace bench {

constexpr int TOKENS = 4096;

Ceilings ceilings() {
    constexpr size_t BYTES = (size_t) 1 << 30;
    constexpr int N = 8192;
    Ceilings result;
    char *source = machine::allocate<char>(BYTES), *target = machine::allocate<char>(BYTES);
    result.copied = 2.0 * BYTES / seconds([&](int) { copy(target, source, BYTES); });
    machine::free_all();
    const Cublas cublas;
    head({"ceiling", "measured"});
    row({"copy of 1 GiB on the device, read and written", text("%.0f GB/s", result.copied / 1e9)});
    if (cublas.is_there()) {
        Bf16 *x = random_halves<Bf16>((size_t) N * N, 1), *w = random_halves<Bf16>((size_t) N * N, 1);
        Bf16* y = machine::allocate<Bf16>((size_t) N * N);
        result.multiplied = 2.0 * N * N * N /
                            seconds([&](int) { cublas.multiply(y, Cublas::BF16, x, w, Cublas::BF16, N, N, N, false); });
        machine::free_all();
        row({"cuBLAS " + cublas.version() + ", bf16, 8192 x 8192 x 8192, normal numbers",
                text("%.0f TFLOP/s", result.multiplied / 1e12)});
    } else {
        row({"cuBLAS", "not there: " + cublas.why()});
    }
    return result;
}

static void measured(
        const Ceilings& ceilings, const std::string& name, double bytes, const std::function<void(int)>& launch) {
    const double time = seconds(launch);
    row({name, text("%.0f", bytes / 1e6), text("%.1f", time * 1e6), text("%.0f", bytes / time / 1e9),
            text("%.0f %%", 100 * bytes / time / ceilings.copied)});
    machine::free_all();
}

// Buffers that take turns.
template <class T>
static std::vector<T*> buffers(int count, const std::function<T*()>& make) {
    std::vector<T*> all;
    for (int i = 0; i < count; i++) all.push_back(make());
    return all;
}

static void time_embedding(const Ceilings& ceilings) {
    const size_t count = (size_t) TOKENS * HIDDEN;
    const int sets = turns(4.0 * count);
    Bf16* table = random_halves<Bf16>((size_t) VOCABULARY * HIDDEN, 1);
    std::mt19937 random(2);
    const auto ids = buffers<int>(sets, [&] {
        std::vector<int> some(TOKENS);
        for (int& id : some) id = random() % VOCABULARY;
        return machine::upload(some);
    });
    const auto residuals = buffers<float>(sets, [&] { return machine::allocate<float>(count); });
    measured(ceilings, "embedding_bf16", 6.0 * count, [&](int i) {
        machine::launch(NAMED(embedding_bf16), {dim3(TOKENS), dim3(EMBEDDING_THREADS)}, residuals[i % sets],
                ids[i % sets], table, HIDDEN);
    });
}

static void time_rms_norm(const Ceilings& ceilings) {
    const size_t count = (size_t) TOKENS * HIDDEN;
    const int sets = turns(6.0 * count);
    const auto xs = buffers<float>(sets, [&] { return random_floats(count, 3); });
    const auto ys = buffers<Bf16>(sets, [&] { return machine::allocate<Bf16>(count); });
    Bf16* weight = random_halves<Bf16>(HIDDEN, 1);
    measured(ceilings, "rms_norm_bf16", 6.0 * count, [&](int i) {
        const machine::Launch how{dim3(TOKENS), dim3(RMS_NORM_THREADS), RMS_NORM_SHARED_BYTES};
        machine::launch(NAMED(rms_norm_bf16), how, ys[i % sets], xs[i % sets], weight, HIDDEN, 1e-6f);
    });
}

static void time_swiglu(const Ceilings& ceilings) {
    const size_t count = (size_t) TOKENS * INTERMEDIATE;
    const int sets = turns(6.0 * count);
    const auto gate_ups = buffers<Bf16>(sets, [&] { return random_halves<Bf16>(2 * count, 2); });
    const auto gateds = buffers<Bf16>(sets, [&] { return machine::allocate<Bf16>(count); });
    const dim3 grid(TOKENS, (INTERMEDIATE + SWIGLU_COLUMNS - 1) / SWIGLU_COLUMNS);
    measured(ceilings, "swiglu_bf16", 6.0 * count, [&](int i) {
        machine::launch(
                NAMED(swiglu_bf16), {grid, dim3(SWIGLU_THREADS)}, gateds[i % sets], gate_ups[i % sets], INTERMEDIATE);
    });
}

static void time_gather_rows(const Ceilings& ceilings) {
    const size_t count = (size_t) TOKENS * HIDDEN;
    const int sets = turns(8.0 * count);
    const auto xs = buffers<float>(sets, [&] { return random_floats(count, 1); });
    const auto ys = buffers<float>(sets, [&] { return machine::allocate<float>(count); });
    std::vector<int> rows(TOKENS);
    std::iota(rows.begin(), rows.end(), 0);
    std::shuffle(rows.begin(), rows.end(), std::mt19937(3));
    int* order = machine::upload(rows);
    measured(ceilings, "gather_rows", 8.0 * count, [&](int i) {
        const machine::Launch how{dim3(TOKENS), dim3(GATHER_ROWS_THREADS)};
        machine::launch(NAMED(gather_rows), how, ys[i % sets], xs[i % sets], order, HIDDEN * 4);
    });
}

static void time_dequantize(const Ceilings& ceilings, const std::string& name, int n, int k) {
    const size_t count = (size_t) n * k;
    const int sets = turns(3.0 * count);
    // Bytes of other numbers: any will do.
    const auto qs = buffers<signed char>(
            sets, [&] { return reinterpret_cast<signed char*>(random_halves<Bf16>(count / 2, 1)); });
    const auto ws = buffers<Bf16>(sets, [&] { return machine::allocate<Bf16>(count); });
    float* scales = random_floats(n, 1e-4f);
    const dim3 grid(n, (k + DEQUANTIZE_COLUMNS - 1) / DEQUANTIZE_COLUMNS);
    measured(ceilings, "dequantize_bf16, " + name, 3.0 * count + 4.0 * n, [&](int i) {
        machine::launch(
                NAMED(dequantize_bf16), {grid, dim3(DEQUANTIZE_THREADS)}, ws[i % sets], qs[i % sets], scales, k);
    });
}

void elementwise(const Ceilings& ceilings) {
    head({"4096 tokens", "MB read and written", "µs", "GB/s", "of the copy"});
    time_embedding(ceilings);
    time_rms_norm(ceilings);
    time_swiglu(ceilings);
    time_gather_rows(ceilings);
    head({"weights of a layer", "MB read and written", "µs", "GB/s", "of the copy"});
    time_dequantize(ceilings, "qkv", 3 * HIDDEN, HIDDEN);
    time_dequantize(ceilings, "out", HIDDEN, HIDDEN);
    time_dequantize(ceilings, "gate and up", 2 * INTERMEDIATE, HIDDEN);
    time_dequantize(ceilings, "down", HIDDEN, INTERMEDIATE);
}

}  // namespace bench
