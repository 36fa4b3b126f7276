#include "fake_cublas_products.h"

#include <algorithm>
#include <array>
#include <thread>
#include <vector>

#include "device.cuh"

namespace fake {
namespace {

// A tile of C is computed in registers: its sums begin with what earlier terms have left. Rows of it are columns of the
// packed A, so that all of a tile's column lies in two vectors.
constexpr int TILE_M = 16, TILE_N = 6, LANES = 8;
constexpr int BLOCK_N = 252;        // columns of C at a time, whole tiles
constexpr int BLOCK_K = 256;        // terms at a time
constexpr int PLACE_COLUMNS = 64;   // columns of C that share an order
constexpr int64_t ALONE = 1 << 20;  // multiplications that are not worth a second thread

using Vector = float __attribute__((vector_size(4 * LANES), aligned(4)));

struct Sums {
    std::vector<float> values;
    int64_t stride;  // from column to column of C
    float* at(int64_t m, int64_t n) { return &values[n * stride + m]; }
};

// sums[n][m] += a[k][m] * b[k][n]
void add_tile(float* sums, int64_t stride, const float* a, const float* b, int terms) {
    Vector tile[TILE_N][2];
    for (int n = 0; n < TILE_N; n++) {
        for (int i = 0; i < 2; i++) tile[n][i] = *reinterpret_cast<const Vector*>(sums + n * stride + i * LANES);
    }
    for (int k = 0; k < terms; k++, a += TILE_M, b += TILE_N) {
        const Vector low = *reinterpret_cast<const Vector*>(a), high = *reinterpret_cast<const Vector*>(a + LANES);
#pragma GCC unroll 6
        for (int n = 0; n < TILE_N; n++) {
            tile[n][0] += b[n] * low;
            tile[n][1] += b[n] * high;
        }
    }
    for (int n = 0; n < TILE_N; n++) {
        for (int i = 0; i < 2; i++) *reinterpret_cast<Vector*>(sums + n * stride + i * LANES) = tile[n][i];
    }
}

const std::array<float, 65536>& floats_of_fp16() {
    static const std::array<float, 65536>& all = *[] {
        auto* const made = new std::array<float, 65536>;
        for (int bits = 0; bits < 65536; bits++) (*made)[bits] = float_of_fp16(bits);
        return made;
    }();
    return all;
}

struct Halves {
    bool is_bf16;
    const float* table;
    float operator()(uint16_t bits) const { return is_bf16 ? float_of_bf16(bits) : table[bits]; }
};

// Rows of a panel: packed[k][0..WIDTH) = source of line i and term k, zero behind the last line.
template <int WIDTH>
void pack(float* packed, const uint16_t* source, int64_t line_stride, int64_t term_stride, int64_t lines, int terms,
        Halves value) {
    const int used = std::min<int64_t>(lines, WIDTH);
    for (int i = 0; i < used; i++) {
        const uint16_t* const line = source + i * line_stride;
        for (int k = 0; k < terms; k++) packed[k * WIDTH + i] = value(line[k * term_stride]);
    }
    for (int i = used; i < WIDTH; i++) {
        for (int k = 0; k < terms; k++) packed[k * WIDTH + i] = 0;
    }
}

// Consecutive terms, which begin a new sum or go on with the one before.
struct Terms {
    int64_t begin, end;
    bool is_new_sum;
};

uint64_t mixed(uint64_t a, uint64_t b) {
    uint64_t x = (a + 1) * 0x9e3779b97f4a7c15 + b * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

// What decides the order of a column's terms, beside k.
uint64_t place_of(const Product& p, int64_t column, Order order) {
    if (order == PLAIN) return 0;
    const int64_t place = column / PLACE_COLUMNS;
    const bool is_whole = (place + 1) * PLACE_COLUMNS <= p.n;
    return mixed(p.n, order == BY_SIZE && is_whole ? 0 : place + 1);
}

std::vector<Terms> terms_of(int64_t k, uint64_t place) {
    if (place == 0 || k < 2) return {{0, k, true}};
    // Begins at a random term, and after a random number of them a second sum does.
    const int64_t first = place % k, count = 1 + (place >> 32) % (k - 1);
    std::vector<Terms> all;
    const auto add = [&](int64_t begin, int64_t end) {
        if (end <= k) {
            all.push_back({begin, end, true});
        } else if (begin >= k) {
            all.push_back({begin - k, end - k, true});
        } else {
            all.push_back({begin, k, true});
            all.push_back({0, end - k, false});
        }
    };
    add(first, first + count);
    add(first + count, first + k);
    return all;
}

// Columns of C in [n, n + columns) and rows in [m, m_end).
class Block {
  public:
    Block(const Product& product, int64_t m, int64_t m_end, int64_t n, int64_t columns, uint64_t place)
        : p_(product), m_(m), m_end_(m_end), n_(n), columns_(columns), place_(place) {}

    void compute() {
        const int64_t height = (m_end_ - m_ + TILE_M - 1) / TILE_M * TILE_M;
        const int64_t width = (columns_ + TILE_N - 1) / TILE_N * TILE_N;
        sums_ = {std::vector<float>(height * width), height};
        packed_a_.resize(BLOCK_K * TILE_M);
        packed_b_.resize(BLOCK_K * width);
        std::vector<float> finished;
        for (const Terms& terms : terms_of(p_.k, place_)) {
            if (terms.is_new_sum && terms.begin != terms.end) collect(finished);
            for (int64_t k = terms.begin; k < terms.end; k += BLOCK_K) {
                add(k, std::min<int64_t>(BLOCK_K, terms.end - k));
            }
        }
        collect(finished);
        sums_.values = std::move(finished);
        store();
    }

  private:
    // Adds the sums to those that are finished, and begins new ones.
    void collect(std::vector<float>& finished) {
        if (finished.empty()) {
            finished.assign(sums_.values.size(), -0.0f);
        }
        for (size_t i = 0; i < finished.size(); i++) {
            finished[i] += sums_.values[i];
            sums_.values[i] = 0;
        }
    }

    void add(int64_t k, int terms) {
        const Halves value{p_.is_bf16, floats_of_fp16().data()};
        const int64_t b_line = p_.is_b_transposed ? 1 : p_.b_stride, b_term = p_.is_b_transposed ? p_.b_stride : 1;
        const int64_t a_line = p_.is_a_transposed ? p_.a_stride : 1, a_term = p_.is_a_transposed ? 1 : p_.a_stride;
        for (int64_t n = 0; n < columns_; n += TILE_N) {
            pack<TILE_N>(&packed_b_[n * terms], p_.b + (n_ + n) * b_line + k * b_term, b_line, b_term, columns_ - n,
                    terms, value);
        }
        for (int64_t m = m_; m < m_end_; m += TILE_M) {
            pack<TILE_M>(packed_a_.data(), p_.a + m * a_line + k * a_term, a_line, a_term, m_end_ - m, terms, value);
            for (int64_t n = 0; n < columns_; n += TILE_N) {
                add_tile(sums_.at(m - m_, n), sums_.stride, packed_a_.data(), &packed_b_[n * terms], terms);
            }
        }
    }

    void store() {
        for (int64_t n = 0; n < columns_; n++) {
            const int64_t begin = (n_ + n) * p_.c_stride;
            for (int64_t m = m_; m < m_end_; m++) {
                const float product = p_.alpha * *sums_.at(m - m_, n);
                if (p_.is_c_float) {
                    float& c = static_cast<float*>(p_.c)[begin + m];
                    c = p_.beta == 0 ? product : product + p_.beta * c;
                } else {
                    uint16_t& c = static_cast<uint16_t*>(p_.c)[begin + m];
                    const float old = p_.beta == 0 ? 0 : p_.is_bf16 ? float_of_bf16(c) : float_of_fp16(c);
                    const float v = p_.beta == 0 ? product : product + p_.beta * old;
                    c = p_.is_bf16 ? bf16_of_float(v) : fp16_of_float(v);
                }
            }
        }
    }

    const Product& p_;
    const int64_t m_, m_end_, n_, columns_;
    const uint64_t place_;
    Sums sums_;
    std::vector<float> packed_a_, packed_b_;
};

void multiply_rows(const Product& p, int64_t m, int64_t m_end, Order order) {
    for (int64_t n = 0; n < p.n;) {
        const uint64_t place = place_of(p, n, order);
        int64_t end = n + 1;
        while (end < p.n && end - n < BLOCK_N && (end % PLACE_COLUMNS != 0 || place_of(p, end, order) == place)) end++;
        Block(p, m, m_end, n, end - n, place).compute();
        n = end;
    }
}

}  // namespace

void multiply(const Product& p, Order order) {
    floats_of_fp16();
    const int64_t half = (p.m / 2 + TILE_M - 1) / TILE_M * TILE_M;
    if (p.m * p.n * p.k < ALONE || half >= p.m) return multiply_rows(p, 0, p.m, order);
    std::thread other([&] { multiply_rows(p, half, p.m, order); });
    multiply_rows(p, 0, half, order);
    other.join();
}

}  // namespace fake
