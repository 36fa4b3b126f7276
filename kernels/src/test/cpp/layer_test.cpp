// The kernels in the order of one decoder layer, as the CUDA backend launches them: small sizes, and, with --nightly,
// one layer of Baichuan-13B at its width.
#include <cmath>

#include "attention_reference.h"
#include "check.h"

using namespace check;

struct Sizes {
    int heads, head_dim, intermediate;
    std::vector<Part> sequences;
    int hidden() const { return heads * head_dim; }
    Packed packed() const { return pack(sequences); }
    Heads with_slopes() const { return {alibi_slopes(heads), head_dim}; }
};

constexpr float EPS = 1e-6f;

// Weights as a checkpoint has them, [out, in], such that every product of a normed row has deviation 1.
template <class E>
struct Weights {
    std::vector<E> input_norm, qkv, out, post_norm, gate_up, down;

    Weights(const Sizes& s, Random& random) {
        const int hidden = s.hidden();
        input_norm = halves<E>(normal(random, hidden, 0.1f, 1));
        qkv = matrix(random, 3 * hidden, hidden);
        out = matrix(random, hidden, hidden);
        post_norm = halves<E>(normal(random, hidden, 0.1f, 1));
        gate_up = matrix(random, 2 * s.intermediate, hidden);
        down = matrix(random, hidden, s.intermediate);
    }

  private:
    // Uniform: a full layer has 315 million, and a normal distribution would take longer than the test.
    static std::vector<E> matrix(Random& random, int out, int in) {
        const float scale = std::sqrt(12.0f / in);
        std::vector<E> values((size_t) out * in);
        for (E& v : values) v = Half<E>::of(((float) random() / 4294967296.0f - 0.5f) * scale);
        return values;
    }
};

// The layer on the machine, as one column of launches.
template <class E>
class Layer {
  public:
    Layer(const Weights<E>& weights, const Sizes& sizes)
        : w(weights), s(sizes), packed(sizes.packed()), tokens(packed.tokens), hidden(sizes.hidden()) {}

    // The new residual. `fused` takes SwiGLU from the product's epilogue.
    std::vector<float> forward(const std::vector<float>& residual, bool fused) {
        float* state = machine::upload(residual);
        E *normed = rows(hidden), *qkv = rows(3 * hidden), *context = rows(hidden), *gated = rows(s.intermediate);
        rms_norm(normed, state, w.input_norm);
        multiply(qkv, normed, w.qkv, 3 * hidden, hidden);
        attention(context, qkv);
        multiply_add(state, context, w.out, hidden, hidden);
        rms_norm(normed, state, w.post_norm);
        if (fused) {
            multiply_swiglu(gated, normed);
        } else {
            E* gate_up = rows(2 * s.intermediate);
            multiply(gate_up, normed, w.gate_up, 2 * s.intermediate, hidden);
            swiglu(gated, gate_up);
        }
        multiply_add(state, gated, w.down, hidden, s.intermediate);
        return machine::download(state, residual.size());
    }

  private:
    E* rows(int columns) { return machine::allocate<E>((size_t) tokens * columns); }
    void rms_norm(E* y, const float* x, const std::vector<E>& weight) {
        machine::launch(NAMED_OF(E, rms_norm), {dim3(tokens), dim3(RMS_NORM_THREADS), RMS_NORM_SHARED_BYTES}, y, x,
                machine::upload(weight), hidden, EPS);
    }
    machine::Launch gemm(int columns) {
        const int tiles = (tokens + GEMM_ROWS - 1) / GEMM_ROWS * ((columns + GEMM_COLUMNS - 1) / GEMM_COLUMNS);
        return {dim3(tiles), dim3(GEMM_THREADS), GEMM_SHARED_BYTES};
    }
    void multiply(E* y, const E* x, const std::vector<E>& weight, int n, int k) {
        machine::launch(NAMED_OF(E, gemm), gemm(n), y, x, machine::upload(weight), tokens, n, k);
    }
    void multiply_add(float* y, const E* x, const std::vector<E>& weight, int n, int k) {
        machine::launch(NAMED_OF(E, gemm_add), gemm(n), y, x, machine::upload(weight), tokens, n, k);
    }
    void multiply_swiglu(E* gated, const E* x) {
        machine::launch(NAMED_OF(E, gemm_swiglu), gemm(2 * s.intermediate), gated, x, machine::upload(w.gate_up),
                tokens, s.intermediate, hidden);
    }
    void swiglu(E* gated, const E* gate_up) {
        const int blocks = (s.intermediate + SWIGLU_COLUMNS - 1) / SWIGLU_COLUMNS;
        machine::launch(
                NAMED_OF(E, swiglu), {dim3(tokens, blocks), dim3(SWIGLU_THREADS)}, gated, gate_up, s.intermediate);
    }
    void attention(E* context, const E* qkv) {
        const bool wide = s.head_dim > 64;
        const size_t shared_bytes = wide ? ATTENTION_SHARED_BYTES_D128 : ATTENTION_SHARED_BYTES_D64;
        const machine::Launch how{dim3(packed.tiles.size(), s.heads), dim3(ATTENTION_THREADS), shared_bytes};
        auto run = [&](const char* name, auto kernel) {
            machine::launch(name, kernel, how, context, qkv, machine::upload(packed.segments),
                    machine::upload(packed.tiles), machine::upload(alibi_slopes(s.heads)), s.head_dim,
                    1 / std::sqrt((float) s.head_dim));
        };
        wide ? run(NAMED_OF(E, alibi_attention_d128)) : run(NAMED_OF(E, alibi_attention_d64));
    }

    const Weights<E>& w;
    const Sizes& s;
    const Packed packed;
    const int tokens, hidden;
};

// The same in double, without rounding between the steps.
namespace plain {

using Rows = std::vector<double>;

// y[r, n] = x w^T, eight products at a time that do not wait for one another.
template <class E>
Rows multiply(const Rows& x, const std::vector<E>& half_w, int rows, int n, int k) {
    Rows y((size_t) rows * n);
    std::vector<double> w(k);
    for (int c = 0; c < n; c++) {
        for (int i = 0; i < k; i++) w[i] = Half<E>::value(half_w[(size_t) c * k + i]);
        for (int r = 0; r < rows; r++) {
            const double* a = &x[(size_t) r * k];
            double sums[8] = {};
            for (int i = 0; i < k; i += 8) {
                for (int e = 0; e < 8; e++) sums[e] += a[i + e] * w[i + e];
            }
            y[(size_t) r * n + c] = sums[0] + sums[1] + sums[2] + sums[3] + sums[4] + sums[5] + sums[6] + sums[7];
        }
    }
    return y;
}

template <class E>
Rows rms_norm(const Rows& x, const std::vector<E>& weight, int rows, int hidden) {
    Rows y(x.size());
    for (int r = 0; r < rows; r++) {
        double sum = 0;
        for (int c = 0; c < hidden; c++) sum += x[(size_t) r * hidden + c] * x[(size_t) r * hidden + c];
        for (int c = 0; c < hidden; c++) {
            y[(size_t) r * hidden + c] =
                    x[(size_t) r * hidden + c] / std::sqrt(sum / hidden + EPS) * Half<E>::value(weight[c]);
        }
    }
    return y;
}

template <class E>
Rows forward(const std::vector<float>& residual, const Weights<E>& w, const Sizes& s) {
    const int tokens = s.packed().tokens, hidden = s.hidden();
    Rows state(residual.begin(), residual.end());
    const Rows qkv = multiply(rms_norm(state, w.input_norm, tokens, hidden), w.qkv, tokens, 3 * hidden, hidden);
    const Rows attended = multiply(attention_of(qkv, s.packed(), s.with_slopes()), w.out, tokens, hidden, hidden);
    for (size_t i = 0; i < state.size(); i++) state[i] += attended[i];
    const Rows gate_up =
            multiply(rms_norm(state, w.post_norm, tokens, hidden), w.gate_up, tokens, 2 * s.intermediate, hidden);
    Rows gated((size_t) tokens * s.intermediate);
    for (int t = 0; t < tokens; t++) {
        for (int i = 0; i < s.intermediate; i++) {
            const double gate = gate_up[(size_t) t * 2 * s.intermediate + i];
            gated[(size_t) t * s.intermediate + i] =
                    gate / (1 + std::exp(-gate)) * gate_up[(size_t) t * 2 * s.intermediate + s.intermediate + i];
        }
    }
    const Rows added = multiply(gated, w.down, tokens, hidden, s.intermediate);
    for (size_t i = 0; i < state.size(); i++) state[i] += added[i];
    return state;
}

}  // namespace plain

// What the layer adds to the residual, against double. Eight values on the longest way are rounded to half (normed,
// qkv, attention's weights, context, normed, gate and up, gated), independently: sqrt(8) times the error of one.
template <class E>
static void layer(Cases& cases, const std::string& what, const Sizes& sizes, bool fused) {
    cases.run(std::string(Half<E>::name) + ", " + what, [&](Random& random) {
        const Weights<E> weights(sizes, random);
        const std::vector<float> residual = normal(random, (size_t) sizes.packed().tokens * sizes.hidden(), 1);
        std::vector<float> got = Layer<E>(weights, sizes).forward(residual, fused);
        std::vector<double> reference = plain::forward(residual, weights, sizes);
        for (size_t i = 0; i < got.size(); i++) got[i] -= residual[i], reference[i] -= residual[i];
        return close(reference, got, std::sqrt(8.0) * Half<E>::tolerance);
    });
}

int main(int argc, char** argv) {
    Cases cases(argc, argv);
    const Sizes small{4, 32, 344, {{65}, {1}, {20}}}, odd{5, 72, 88, {{130}}};
    layer<Bf16>(cases, "a small layer", small, false);
    layer<Bf16>(cases, "a small layer with SwiGLU in the product", small, true);
    layer<Fp16>(cases, "a small layer", small, false);
    layer<Fp16>(cases, "a small layer with SwiGLU in the product", small, true);
    layer<Bf16>(cases, "a layer with five heads", odd, false);
    if (cases.nightly())
        layer<Bf16>(cases, "a layer of Baichuan-13B, 128 tokens", {40, 128, 13696, {{100}, {28}}}, true);
    return cases.status();
}
