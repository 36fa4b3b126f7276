// gemm beside cuBLAS: how fast, and whether a row's bits depend on its place or on the number of rows.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>

#include "bench.h"
#include "check.h"
#include "cublas.h"

namespace bench {

// A product of a layer. SwiGLU's w has 2 * n rows; ADD has y in float32.
enum Op { STORE, ADD, SWIGLU };
struct Product {
    const char* name;
    Op op;
    int n, k;

    int columns() const { return op == SWIGLU ? 2 * n : n; }  // of x * w^T
    double operations(int rows) const { return 2.0 * rows * columns() * k; }
    size_t bytes_of_y() const { return op == ADD ? 4 : 2; }  // of an element
};
constexpr Product LAYER[] = {{"qkv", STORE, 3 * HIDDEN, HIDDEN}, {"out, added to the residual", ADD, HIDDEN, HIDDEN},
        {"gate and up, SwiGLU", SWIGLU, INTERMEDIATE, HIDDEN}, {"gate and up", STORE, 2 * INTERMEDIATE, HIDDEN},
        {"down, added to the residual", ADD, HIDDEN, INTERMEDIATE}};

template <class E>
static void multiply(const Product& p, void* y, const E* x, const E* w, int rows) {
    const int tiles = (rows + GEMM_ROWS - 1) / GEMM_ROWS * ((p.columns() + GEMM_COLUMNS - 1) / GEMM_COLUMNS);
    const machine::Launch how{dim3(tiles), dim3(GEMM_THREADS), GEMM_SHARED_BYTES};
    if (p.op == STORE) machine::launch(NAMED_OF(E, gemm), how, static_cast<E*>(y), x, w, rows, p.n, p.k);
    if (p.op == ADD) machine::launch(NAMED_OF(E, gemm_add), how, static_cast<float*>(y), x, w, rows, p.n, p.k);
    if (p.op == SWIGLU) machine::launch(NAMED_OF(E, gemm_swiglu), how, static_cast<E*>(y), x, w, rows, p.n, p.k);
}

template <class E>
static constexpr Cublas::Type TYPE = simt::is_bf16<E> ? Cublas::BF16 : Cublas::F16;

// For SwiGLU y is what the kernel swiglu reads then.
template <class E>
static void multiply(const Cublas& cublas, const Product& p, void* y, const E* x, const E* w, int rows) {
    cublas.multiply(y, p.op == ADD ? Cublas::F32 : TYPE<E>, x, w, TYPE<E>, rows, p.columns(), p.k, p.op == ADD);
}

static void rate(const Ceilings& ceilings, const Cublas& cublas, const Product& p, const std::vector<Bf16*>& ws,
        const Bf16* x, void* y, Bf16* gated, int rows) {
    const int sets = ws.size();
    const double ours = p.operations(rows) / seconds([&](int i) { multiply(p, y, x, ws[i % sets], rows); });
    std::vector<std::string> cells = {p.name, std::to_string(rows), text("%.0f", ours / 1e12)};
    if (cublas.is_there()) {
        const dim3 grid(rows, (INTERMEDIATE + SWIGLU_COLUMNS - 1) / SWIGLU_COLUMNS);
        const double theirs = p.operations(rows) / seconds([&](int i) {
            multiply(cublas, p, y, x, ws[i % sets], rows);
            if (p.op != SWIGLU) return;
            machine::launch(
                    NAMED(swiglu_bf16), {grid, dim3(SWIGLU_THREADS)}, gated, static_cast<const Bf16*>(y), INTERMEDIATE);
        });
        cells.push_back(text("%.0f %%", 100 * ours / ceilings.multiplied));
        cells.push_back(text("%.0f", theirs / 1e12));
        cells.push_back(text("%.2f", ours / theirs));
    }
    row(cells);
}

void products(const Ceilings& ceilings) {
    constexpr int MOST = 8192;
    const Cublas cublas;
    std::vector<std::string> names = {"product, bf16", "rows", "gemm, TFLOP/s"};
    if (cublas.is_there()) {
        names.insert(names.end(), {"of the ceiling", "cuBLAS (SwiGLU: and swiglu), TFLOP/s", "gemm / cuBLAS"});
    }
    head(names);
    for (const Product& p : LAYER) {
        const size_t weights = (size_t) p.columns() * p.k;
        std::vector<Bf16*> ws;
        for (int i = 0; i < turns(2.0 * weights); i++) ws.push_back(random_halves<Bf16>(weights, 0.02f));
        const Bf16* x = random_halves<Bf16>((size_t) MOST * p.k, 1);
        void* y = random_floats((size_t) MOST * p.columns(), 1);
        Bf16* gated = machine::allocate<Bf16>((size_t) MOST * INTERMEDIATE);
        for (int rows : {128, 512, 2048, 4096, MOST}) rate(ceilings, cublas, p, ws, x, y, gated, rows);
        machine::free_all();
    }
}

// Products of rows that are all the same; which rows have the bits of row 0.
template <class E>
class EqualRows {
  public:
    static constexpr int MOST = 4096;

    explicit EqualRows(const Product& product) : product_(product) {
        const size_t k = product.k, weights = product.columns() * k;
        check::Random random(4);
        const std::vector<E> row = check::halves<E>(check::normal(random, k, 1));
        std::vector<E> rows;
        for (int i = 0; i < MOST; i++) rows.insert(rows.end(), row.begin(), row.end());
        x_ = machine::upload(rows);
        w_ = random_halves<E>(weights, 0.02f);
        bytes_ = product.columns() * product.bytes_of_y();
        y_ = machine::allocate<char>(MOST * bytes_);
    }
    ~EqualRows() { machine::free_all(); }

    // The first row's bytes; `places` tells at how many of the other rows they differ.
    std::string first_row(const Cublas* cublas, int rows, int& places) {
        const std::vector<char> zeros(rows * bytes_);
        machine::upload(y_, zeros.data(), zeros.size());
        if (cublas) {
            multiply<E>(*cublas, product_, y_, x_, w_, rows);
        } else {
            multiply<E>(product_, y_, x_, w_, rows);
        }
        const size_t bytes = cublas ? bytes_ : product_.n * product_.bytes_of_y();
        const std::vector<char> y = machine::download(y_, rows * bytes);
        places = 0;
        for (int r = 1; r < rows; r++) places += memcmp(&y[r * bytes], y.data(), bytes) != 0;
        check::require(memcmp(y.data(), zeros.data(), bytes) != 0, "the product was not written");
        return {y.data(), bytes};
    }

  private:
    Product product_;
    E *x_, *w_;
    char* y_;
    size_t bytes_;
};

// A letter for each number of rows: the same letter, the same bits; with the number of rows that differ from the first.
template <class E>
static void bits_of(const Cublas* cublas, const Product& p) {
    EqualRows<E> equal(p);
    std::vector<std::string> cells = {cublas ? "cuBLAS" : "gemm", p.name, check::Half<E>::name};
    std::map<std::string, char> letters;
    for (int rows : {4096, 512, 129, 128, 63, 8, 1}) {
        int places = 0;
        const std::string bits = equal.first_row(cublas, rows, places);
        const char letter = letters.emplace(bits, (char) ('A' + letters.size())).first->second;
        cells.push_back(letter + (places ? ", " + std::to_string(places) + " differ" : std::string()));
    }
    row(cells);
}

void bits_of_rows() {
    const Cublas cublas;
    head({"", "product of equal rows", "type", "4096", "512", "129", "128", "63", "8", "1"});
    for (const Product& p : LAYER) {
        if (p.op != SWIGLU && cublas.is_there()) {
            bits_of<Bf16>(&cublas, p);
            bits_of<Fp16>(&cublas, p);
        }
        bits_of<Bf16>(nullptr, p);
        bits_of<Fp16>(nullptr, p);
    }
}

}  // namespace bench
