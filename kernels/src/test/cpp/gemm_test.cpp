// gemm.cu: products against float64, exact ones of whole numbers, and that a row's bits depend on nothing but the row.
#include <cmath>

#include "check.h"

namespace {

using check::Random;
using check::require;
using machine::Launch;

enum Op { STORE, ADD, SWIGLU };

struct Shape {
    int rows, n, k;  // n: columns of y

    size_t weights(Op op) const { return (size_t) (op == SWIGLU ? 2 : 1) * n * k; }
    int blocks(Op op) const {
        const int columns = op == SWIGLU ? 2 * n : n;
        return (rows + GEMM_ROWS - 1) / GEMM_ROWS * ((columns + GEMM_COLUMNS - 1) / GEMM_COLUMNS);
    }
};

// Blocks from `first_block` on; all of them on a GPU.
template <class E>
void multiply(Op op, const Shape& s, void* y, const E* x, const E* w, int first_block = 0) {
    const Launch how = {dim3(s.blocks(op)), dim3(GEMM_THREADS), GEMM_SHARED_BYTES, first_block};
    if (op == STORE) machine::launch(NAMED_OF(E, gemm), how, static_cast<E*>(y), x, w, s.rows, s.n, s.k);
    if (op == ADD) machine::launch(NAMED_OF(E, gemm_add), how, static_cast<float*>(y), x, w, s.rows, s.n, s.k);
    if (op == SWIGLU) machine::launch(NAMED_OF(E, gemm_swiglu), how, static_cast<E*>(y), x, w, s.rows, s.n, s.k);
}

// Operands, and what y holds before: the residual in ADD.
template <class E>
struct Numbers {
    std::vector<E> x, w;
    std::vector<float> residual;
};
template <class E>
Numbers<E> normal(Random& random, Op op, const Shape& s) {
    return {check::halves<E>(check::normal(random, (size_t) s.rows * s.k, 1.5f)),
            check::halves<E>(check::normal(random, s.weights(op), 1 / std::sqrt((float) s.k))),
            check::normal(random, (size_t) s.rows * s.n, 1)};
}

template <class E>
std::vector<float> floats(const std::vector<E>& values) {
    return check::floats(values);
}
std::vector<float> floats(const std::vector<float>& values) { return values; }

// run(y), with y as the kernel finds it, the residual or NaN, in the type that it stores.
template <class E, class Run>
std::vector<float> with_y(Op op, const std::vector<float>& residual, Run run) {
    return op == ADD ? run(residual) : run(std::vector<E>(residual.size(), E{0xffff}));
}

// Runs a kernel on y with a row of something else before and behind, which must stay as it is.
template <class E>
std::vector<float> result(Op op, const Shape& s, const Numbers<E>& numbers) {
    return with_y<E>(op, numbers.residual, [&]<class Y>(const std::vector<Y>& y) {
        std::vector<Y> frame(y.size() + 2 * s.n);
        memset(frame.data(), 0x4b, frame.size() * sizeof(Y));
        const std::vector<Y> edge(frame.begin(), frame.begin() + s.n);
        std::copy(y.begin(), y.end(), frame.begin() + s.n);
        Y* device = machine::upload(frame);
        multiply<E>(op, s, device + s.n, machine::upload(numbers.x), machine::upload(numbers.w));
        require(machine::is_gpu() || simt::statistics.extra_wavefronts == 0, "bank conflicts");
        frame = machine::download(device, frame.size());
        require(memcmp(frame.data(), edge.data(), s.n * sizeof(Y)) == 0, "wrote before y");
        require(memcmp(&frame[s.n + y.size()], edge.data(), s.n * sizeof(Y)) == 0, "wrote behind y");
        return floats(std::vector<Y>(frame.begin() + s.n, frame.end() - s.n));
    });
}

// What y should be, in double.
template <class E>
std::vector<double> reference(Op op, const Shape& s, const Numbers<E>& numbers) {
    const std::vector<float> x = check::floats(numbers.x), w = check::floats(numbers.w);
    const auto product = [&](size_t row, size_t column) {
        double sums[8] = {};  // k is divisible by 8
        for (int i = 0; i < s.k; i++) sums[i % 8] += (double) x[row * s.k + i] * w[column * s.k + i];
        return sums[0] + sums[1] + sums[2] + sums[3] + sums[4] + sums[5] + sums[6] + sums[7];
    };
    std::vector<double> y(numbers.residual.begin(), numbers.residual.end());
    for (int row = 0; row < s.rows; row++) {
        for (int column = 0; column < s.n; column++) {
            double& v = y[(size_t) row * s.n + column];
            const double sum = product(row, column);
            if (op == STORE) v = sum;
            if (op == ADD) v += sum;
            if (op == SWIGLU) v = sum / (1 + std::exp(-sum)) * product(row, (size_t) s.n + column);
        }
    }
    return y;
}

// Tensor cores sum in float32, but cut off what lies below its 24 bits (some: a few bits lower) instead of rounding.
// That is towards zero after each 16 of k, so these errors add up.
template <class E>
double tolerance(Op op, int k) {
    const double sums = check::FLOAT_TOLERANCE + k / 16 * std::exp2(-24);
    return op == ADD ? sums : check::Half<E>::tolerance + sums;
}

template <class E>
std::string normal_numbers(Random& random, Op op, const Shape& s) {
    const Numbers<E> numbers = normal<E>(random, op, s);
    return check::close(reference(op, s, numbers), result(op, s, numbers), tolerance<E>(op, s.k));
}

// Whole numbers, whose sums float32 holds in any order: up to 1.6 million on the way, too much for float16, and small
// in the end, because the second half of k takes back what the first one gave, but for one element of a row.
template <class E>
std::string whole_numbers(Random& random, Op op, const Shape& s) {
    const auto draw = [&](int smallest, int largest) {
        return (float) std::uniform_int_distribution<int>(smallest, largest)(random);
    };
    std::vector<float> x((size_t) s.rows * s.k), w(s.weights(op)), residual((size_t) s.rows * s.n);
    const size_t k = s.k, half = k / 2;
    for (size_t i = 0; i < x.size(); i++) x[i] = i % k < half ? draw(60, 80) : -x[i - half];
    for (size_t i = 0; i < w.size(); i++) w[i] = i % k < half ? draw(60, 80) : w[i - half];
    for (size_t i = 0; i < x.size(); i += k) x[i + random() % k] += draw(-5, 5);
    for (float& v : residual) v = draw(-1000, 1000);

    const Numbers<E> numbers = {check::halves<E>(x), check::halves<E>(w), residual};
    const auto expected = reference(op, s, numbers);
    const auto got = result(op, s, numbers);
    for (size_t i = 0; i < got.size(); i++) {
        const float value = op == ADD ? expected[i] : check::Half<E>::value(check::Half<E>::of(expected[i]));
        require(got[i] == value, "row " + std::to_string(i / s.n) + " column " + std::to_string(i % s.n) + " is " +
                                         std::to_string(got[i]) + ", not " + std::to_string(value));
    }
    return std::to_string(got.size()) + " exact";
}

// The same rows, fewer or in other places, give the same bits.
template <class E>
std::string invariance(Random& random, Op op) {
    const Shape all = {300, 136, 200};
    const Numbers<E> numbers = normal<E>(random, op, all);
    const auto expected = result(op, all, numbers);
    const auto same = [&](int rows, int from) {  // row r is row (r + from) % 300 of all
        Numbers<E> moved = {{}, numbers.w, {}};
        std::vector<float> bits;
        const auto append = [](auto& target, const auto& source, size_t row, int columns) {
            target.insert(target.end(), source.begin() + row * columns, source.begin() + (row + 1) * columns);
        };
        for (int r = 0; r < rows; r++) {
            const int row = (r + from) % all.rows;
            append(moved.x, numbers.x, row, all.k);
            append(moved.residual, numbers.residual, row, all.n);
            append(bits, expected, row, all.n);
        }
        const auto got = result(op, {rows, all.n, all.k}, moved);
        require(memcmp(got.data(), bits.data(), bits.size() * sizeof(float)) == 0,
                std::to_string(rows) + " rows from row " + std::to_string(from) + " on have other bits than among 300");
    };
    for (int rows : {1, 63, 128, 129}) same(rows, 0);
    same(all.rows, 77);
    same(1, 299);
    same(65, 191);
    return "7 choices from 300 rows";
}

// Each tile of y reads its rows of x and of w once, and writes, or adds to, its part once: all in whole sectors.
template <class E>
std::string traffic(Random& random, Op op) {
    const Shape s = {256, op == SWIGLU ? 64 : 128, 192};
    result(op, s, normal<E>(random, op, s));
    const size_t of_y = (size_t) s.rows * s.n * (op == ADD ? 2 * sizeof(float) : sizeof(E));
    return check::moved(((size_t) s.rows + 2 * GEMM_COLUMNS) * s.k * sizeof(E) + of_y);
}

// NaN in a row of x is in all of its row of y, and in no other.
template <class E>
std::string rows_that_are_not_finite(Random& random, Op op) {
    const Shape s = {131, 24, 72};
    Numbers<E> numbers = normal<E>(random, op, s);
    const auto expected = result(op, s, numbers);
    for (int row : {0, 77, 128}) numbers.x[(size_t) row * s.k + row / 2] = check::Half<E>::of(NAN);
    const auto got = result(op, s, numbers);
    for (size_t i = 0; i < got.size(); i++) {
        const int row = i / s.n;
        const bool right = row == 0 || row == 77 || row == 128 ? std::isnan(got[i]) : got[i] == expected[i];
        require(right, "row " + std::to_string(row) + " has " + std::to_string(got[i]));
    }
    return "NaN in 3 rows, the others right";
}

// Compares the last tile of shape `s`, whose part of shape `last` `numbers` are.
template <class E>
std::string last_tile(Op op, const Shape& s, const Shape& last, const Numbers<E>& numbers, const E* x, const E* w) {
    const auto got = with_y<E>(op, numbers.residual, [&]<class Y>(const std::vector<Y>& before) {
        Y* y = machine::allocate<Y>((size_t) s.rows * s.n);
        Y* part = y + (size_t) s.rows * s.n - before.size();
        machine::upload(part, before.data(), before.size() * sizeof(Y));
        multiply<E>(op, s, y, x, w, s.blocks(op) - 1);
        return floats(machine::download(part, before.size()));
    });
    return check::close(reference(op, last, numbers), got, tolerance<E>(op, s.k));
}

// x or y with more than 2^31 elements.
template <class E>
std::string many_rows(Random& random, Op op, const Shape& s) {
    const Shape last = {s.rows % GEMM_ROWS, s.n, s.k};
    const Numbers<E> numbers = normal<E>(random, op, last);
    E* x = machine::allocate<E>((size_t) s.rows * s.k);
    machine::upload(x + (size_t) (s.rows - last.rows) * s.k, numbers.x.data(), numbers.x.size() * sizeof(E));
    return last_tile<E>(op, s, last, numbers, x, machine::upload(numbers.w));
}

// w with more than 2^31 elements.
template <class E>
std::string many_columns(Random& random, Op op) {
    const Shape s = {1, (op == SWIGLU ? 1 << 22 : 1 << 23) + 24, 264}, last = {1, 24, s.k};
    const Numbers<E> numbers = normal<E>(random, op, last);
    const size_t count = (size_t) last.n * s.k;
    E* w = machine::allocate<E>(s.weights(op));
    for (size_t part = 0; part < numbers.w.size() / count; part++) {
        E* end = w + (part + 1) * s.n * s.k;
        machine::upload(end - count, &numbers.w[part * count], count * sizeof(E));
    }
    return last_tile<E>(op, s, last, numbers, machine::upload(numbers.x), w);
}

template <class E>
void all(check::Cases& cases, Op op) {
    using Body = std::function<std::string(Random&)>;
    const std::string kernel = op == STORE ? "gemm_" : op == ADD ? "gemm_add_" : "gemm_swiglu_";
    const auto run = [&](const std::string& what, const Body& body) {
        cases.run(kernel + check::Half<E>::name + " " + what, body);
    };
    const auto sizes = [&](const Shape& s, const char* what, const Body& body) {
        run(std::to_string(s.rows) + " x " + std::to_string(s.n) + " x " + std::to_string(s.k) + what, body);
    };
    for (const Shape& s : {Shape{1, 384, 8}, {2, 128, 40}, {7, 120, 64}, {63, 136, 72}, {64, 24, 200}, {65, 136, 40},
                 {129, 8, 512}, {257, 136, 72}}) {
        sizes(s, "", [&](Random& random) { return normal_numbers<E>(random, op, s); });
        if (op == SWIGLU) continue;
        sizes(s, " of whole numbers", [&](Random& random) { return whole_numbers<E>(random, op, s); });
    }
    run("gives a row the same bits everywhere", [&](Random& random) { return invariance<E>(random, op); });
    run("moves each byte once", [&](Random& random) { return traffic<E>(random, op); });
    run("keeps NaN to its row", [&](Random& random) { return rows_that_are_not_finite<E>(random, op); });
    for (const Shape& s : {Shape{(1 << 24) + 72, 8, 128}, {(1 << 25) + 72, 64, 8}}) {
        sizes(s, ", beyond 2^31 elements", [&](Random& random) { return many_rows<E>(random, op, s); });
    }
    run("reads weights beyond 2^31 elements", [&](Random& random) { return many_columns<E>(random, op); });
    if (!cases.nightly()) return;
    for (const Shape& s : op == STORE ? std::vector<Shape>{{128, 15360, 5120}}
                          : op == ADD ? std::vector<Shape>{{128, 5120, 5120}, {128, 5120, 13696}}
                                      : std::vector<Shape>{{128, 13696, 5120}}) {
        sizes(s, " of a layer", [&](Random& random) { return normal_numbers<E>(random, op, s); });
    }
}

}  // namespace

int main(int argc, char** argv) {
    check::Cases cases(argc, argv);
    for (Op op : {STORE, ADD, SWIGLU}) {
        all<Bf16>(cases, op);
        all<Fp16>(cases, op);
    }
    return cases.status();
}
