// Products: values, orders, and arguments that are wrong.
#include <chrono>
#include <cmath>

#include "fake_gpu_case.h"

namespace fake_gpu {

constexpr int INVALID_VALUE = 7, NOT_INITIALIZED = 1, EXECUTION_FAILED = 13, NOT_SUPPORTED = 15;
constexpr int FLOAT = 0, FP16 = 2, BF16 = 14, COMPUTE_32F = 68, PRODUCT_ORDER = 0x7f000006;
enum Order { PLAIN, BY_SIZE, BY_PLACE };

struct Blas {
    void* handle = nullptr;
    Blas() { OK(cublasCreate_v2(&handle)); }
    ~Blas() { cublasDestroy_v2(handle); }
    Blas(const Blas&) = delete;
};

// y = x * w^T + beta * y, all by rows: x [rows, k], w [n, k], y [rows, n].
static int multiply(
        const Blas& blas, Address y, int y_type, Address x, Address w, int type, int rows, int n, int k, float beta) {
    const float one = 1;
    return cublasGemmEx(blas.handle, 1, 0, n, rows, k, &one, reinterpret_cast<void*>(w), type, k,
            reinterpret_cast<void*>(x), type, k, &beta, reinterpret_cast<void*>(y), y_type, n, COMPUTE_32F, -1);
}

template <class E>
constexpr int TYPE = std::is_same_v<E, Bf16> ? BF16 : FP16;

template <class E>
static std::string one_product(check::Random& random, int rows, int n, int k, bool adds) {
    const Device device;
    const Blas blas;
    const auto x = check::halves<E>(check::normal(random, rows * k, 1)),
               w = check::halves<E>(check::normal(random, n * k, 1));
    const auto before = check::normal(random, rows * n, 1);
    const Buffer<E> on_x(x), on_w(w), on_y(rows * n);
    const Buffer<float> on_sum(before);
    std::vector<double> product(rows * n), sum(rows * n);
    const auto xs = check::floats(x), ws = check::floats(w);
    for (int i = 0; i < rows * n; i++) {
        for (int j = 0; j < k; j++) product[i] += (double) xs[i / n * k + j] * ws[i % n * k + j];
        sum[i] = product[i] + before[i];
    }
    if (adds) {
        OK(multiply(blas, on_sum.address, FLOAT, on_x.address, on_w.address, TYPE<E>, rows, n, k, 1));
        return check::close(sum, on_sum.download(), check::FLOAT_TOLERANCE);
    }
    OK(multiply(blas, on_y.address, TYPE<E>, on_x.address, on_w.address, TYPE<E>, rows, n, k, 0));
    return check::close(product, check::floats(on_y.download()), check::Half<E>::tolerance);
}

// All four ways that A and B may lie, with leading dimensions beyond what they need.
static std::string transposed(int transpose_a, int transpose_b) {
    const Device device;
    const Blas blas;
    constexpr int M = 24, N = 10, K = 16, LD = 32;
    std::vector<Bf16> a(LD * 32), b(LD * 32);
    for (int i = 0; i < LD * 32; i++) a[i] = {bf16_of_float(i % 7 - 3)}, b[i] = {bf16_of_float(i % 5 - 2)};
    const Buffer<Bf16> on_a(a), on_b(b);
    const Buffer<float> on_c(std::vector<float>(LD * N, 7));
    const float two = 2, half = 0.5f;
    OK(cublasGemmEx(blas.handle, transpose_a, transpose_b, M, N, K, &two, reinterpret_cast<void*>(on_a.address), BF16,
            LD, reinterpret_cast<void*>(on_b.address), BF16, LD, &half, reinterpret_cast<void*>(on_c.address), FLOAT,
            LD, COMPUTE_32F, -1));
    const auto c = on_c.download();
    for (int j = 0; j < N; j++) {
        for (int i = 0; i < LD; i++) {
            float sum = 0;
            for (int k = 0; k < K; k++) {
                sum += check::Half<Bf16>::value(a[transpose_a ? i * LD + k : k * LD + i]) *
                       check::Half<Bf16>::value(b[transpose_b ? k * LD + j : j * LD + k]);
            }
            check::require(c[j * LD + i] == (i < M ? 2 * sum + 3.5f : 7), "element " + std::to_string(j * LD + i));
        }
    }
    return "";
}

static void test_values(check::Cases& cases) {
    for (const auto& [rows, n, k] : {std::tuple(1, 8, 8), {7, 24, 40}, {65, 264, 256}, {257, 136, 1000}}) {
        const std::string name = std::to_string(rows) + " x " + std::to_string(n) + " x " + std::to_string(k);
        for (const bool adds : {false, true}) {
            const std::string what = adds ? ", added to float" : ", half";
            run(cases, "product of bf16 " + name + what, [=] {
                check::Random random(1);
                return one_product<Bf16>(random, rows, n, k, adds);
            });
            run(cases, "product of f16 " + name + what, [=] {
                check::Random random(2);
                return one_product<Fp16>(random, rows, n, k, adds);
            });
        }
    }
    for (const int a : {0, 1}) {
        for (const int b : {0, 1}) {
            run(cases, "product with op(A) " + std::to_string(a) + ", op(B) " + std::to_string(b),
                    [=] { return transposed(a, b); });
        }
    }
}

// Bits of the row of a product that has the same contents in every row.
static std::vector<float> row_of(const Blas& blas, Order order, int rows, int row) {
    constexpr int N = 16, K = 256;
    check::Random random(3);
    const auto one = check::halves<Bf16>(check::normal(random, K, 1));
    std::vector<Bf16> x;
    for (int i = 0; i < rows; i++) x.insert(x.end(), one.begin(), one.end());
    const Buffer<Bf16> on_x(x), on_w(check::halves<Bf16>(check::normal(random, N * K, 1)));
    const Buffer<float> y(rows * N);
    set_control(PRODUCT_ORDER, order);
    OK(multiply(blas, y.address, FLOAT, on_x.address, on_w.address, BF16, rows, N, K, 0));
    const auto all = y.download();
    return {all.begin() + row * N, all.begin() + (row + 1) * N};
}

static void test_orders(check::Cases& cases) {
    run(cases, "a row's bits in the plain order", [] {
        const Device device;
        const Blas blas;
        const auto first = row_of(blas, PLAIN, 1, 0);
        check::require(first == row_of(blas, PLAIN, 128, 127), "depend on the rows");
        return "";
    });
    run(cases, "a row's bits depend on how many there are, and not on its place", [] {
        const Device device;
        const Blas blas;
        const auto first = row_of(blas, BY_SIZE, 128, 0);
        check::require(first == row_of(blas, BY_SIZE, 128, 0), "differ each time");
        check::require(first == row_of(blas, BY_SIZE, 128, 127), "depend on the place");
        for (const int rows : {1, 127, 129, 192, 256}) {
            check::require(first != row_of(blas, BY_SIZE, rows, 0), "are the same of " + std::to_string(rows));
        }
        check::require(row_of(blas, BY_SIZE, 100, 0) != row_of(blas, BY_SIZE, 100, 99), "are the same at the end");
        return "";
    });
    run(cases, "a row's bits depend on its place", [] {
        const Device device;
        const Blas blas;
        const auto first = row_of(blas, BY_PLACE, 128, 0);
        check::require(first == row_of(blas, BY_PLACE, 128, 63), "differ inside 64 rows");
        check::require(first != row_of(blas, BY_PLACE, 128, 64), "are the same in the next 64");
        return "";
    });
}

// Arguments of a product that is right, to be made wrong one by one.
struct Arguments {
    const Buffer<Bf16> a{std::vector<Bf16>(64 * 64)}, b{std::vector<Bf16>(64 * 64)}, unwritten{64 * 64};
    const Buffer<float> c{64 * 64};
    const Blas blas;
    void *handle = blas.handle, *at_a = pointer(a.address), *at_b = pointer(b.address), *at_c = pointer(c.address);
    int m = 64, n = 64, k = 64, lda = 64, ldb = 64, ldc = 64, a_type = BF16, b_type = BF16, c_type = FLOAT;
    int compute = COMPUTE_32F, algorithm = -1;
    float one = 1, beta = 0;
    const float* alpha = &one;

    static void* pointer(Address address) { return reinterpret_cast<void*>(address); }
    int call() const {
        return cublasGemmEx(handle, 1, 0, m, n, k, alpha, at_a, a_type, lda, at_b, b_type, ldb, &beta, at_c, c_type,
                ldc, compute, algorithm);
    }
};

static void wrong(check::Cases& cases, const std::string& name, int expected, const std::string& said,
        const std::function<void(Arguments&)>& spoil) {
    run(cases, "product with " + name, {said, "", {}}, [&] {
        const Device device;
        Arguments arguments;
        OK(arguments.call());
        OK(cuCtxSynchronize());
        spoil(arguments);
        FAILS(expected, arguments.call());
        OK(cuCtxSynchronize());
        return "";
    });
}

static void test_arguments(check::Cases& cases) {
    wrong(cases, "too small a leading dimension", INVALID_VALUE, "A: leading dimension 56 of columns of 64",
            [](Arguments& w) { w.lda = 56; });
    wrong(cases, "columns that are not aligned", INVALID_VALUE,
            "B: columns at a leading dimension of 65 are not aligned", [](Arguments& w) { w.ldb = 65; });
    wrong(cases, "a matrix that is not aligned", INVALID_VALUE, "is not aligned to 16 bytes",
            [](Arguments& w) { w.at_a = Arguments::pointer(w.a.address + 2); });
    wrong(cases, "a matrix beyond its memory", INVALID_VALUE,
            "B: 8192 bytes from byte 16 of an allocation of 8192 bytes",
            [](Arguments& w) { w.at_b = Arguments::pointer(w.b.address + 16); });
    wrong(cases, "a negative size", INVALID_VALUE, "m, n, k are 64, -1, 64", [](Arguments& w) { w.n = -1; });
    wrong(cases, "a factor that is null", INVALID_VALUE, "a factor is null", [](Arguments& w) { w.alpha = nullptr; });
    wrong(cases, "C that overlaps A", INVALID_VALUE, "C overlaps A", [](Arguments& w) { w.at_a = w.at_c; });
    wrong(cases, "another compute type", NOT_SUPPORTED, "compute type 0", [](Arguments& w) { w.compute = 0; });
    wrong(cases, "an algorithm that there is not", INVALID_VALUE, "24 is no cublasGemmAlgo_t",
            [](Arguments& w) { w.algorithm = 24; });
    wrong(cases, "two half types", NOT_SUPPORTED, "types of A, B, C are 14, 2, 0",
            [](Arguments& w) { w.b_type = FP16; });
    wrong(cases, "no handle", NOT_INITIALIZED, "is no cuBLAS handle", [](Arguments& w) { w.handle = nullptr; });
    for (const bool is_read : {false, true}) {
        const std::string what = is_read ? "C: byte 0 of 256 was never written" : "A: byte 0 of 128 was never written";
        run(cases, is_read ? "product added to nothing" : "product of nothing", {what, "", {}}, [=] {
            const Device device;
            Arguments arguments;
            if (is_read) arguments.beta = 1;
            if (!is_read) arguments.at_a = Arguments::pointer(arguments.unwritten.address);
            OK(arguments.call());
            FAILS(700, cuCtxSynchronize());
            FAILS(EXECUTION_FAILED, arguments.call());
            return "";
        });
    }
}

static void test_handles(check::Cases& cases) {
    run(cases, "a math mode that there is not", {"5 is no cublasMath_t", "", {}}, [] {
        const Device device;
        const Blas blas;
        for (const int mode : {0, 1, 2, 3, 16}) OK(cublasSetMathMode(blas.handle, mode));
        FAILS(INVALID_VALUE, cublasSetMathMode(blas.handle, 5));
        return "";
    });
    run(cases, "a driver that is older than cuBLAS", {"wants a driver of CUDA 12000", "", {"FAKE_GPU_DRIVER=11080"}},
            [] {
                const Device device;
                void* handle = nullptr;
                FAILS(NOT_INITIALIZED, cublasCreate_v2(&handle));
                return "";
            });
    run(cases, "the version of no handle", {"is no cuBLAS handle", "", {}}, [] {
        const Device device;
        const Blas blas;
        int version = 0;
        OK(cublasGetVersion_v2(blas.handle, &version));
        check::require(version / 10000 == 12, std::to_string(version));
        FAILS(NOT_INITIALIZED, cublasGetVersion_v2(nullptr, &version));
        return "";
    });
}

static void test_workspace(check::Cases& cases) {
    run(cases, "a workspace of one handle", [] {
        const Device device;
        const Arguments arguments;
        const Buffer<char> workspace(4096);
        OK(cublasSetWorkspace_v2(arguments.handle, Arguments::pointer(workspace.address), 4096));
        OK(arguments.call());
        OK(cuCtxSynchronize());
        return "";
    });
    run(cases, "a workspace of two handles", {"overlaps that of another handle", "", {}}, [] {
        const Device device;
        const Blas first, second;
        const Buffer<char> workspace(4096);
        OK(cublasSetWorkspace_v2(first.handle, Arguments::pointer(workspace.address), 4096));
        FAILS(INVALID_VALUE, cublasSetWorkspace_v2(second.handle, Arguments::pointer(workspace.address), 4096));
        return "";
    });
    run(cases, "a workspace that is part of the product", {"C overlaps the workspace", "", {}}, [] {
        const Device device;
        const Arguments arguments;
        OK(cublasSetWorkspace_v2(arguments.handle, Arguments::pointer(arguments.c.address), 4096));
        FAILS(INVALID_VALUE, arguments.call());
        return "";
    });
    run(cases, "a product on its handle's stream", [] {
        const Device device;
        const Stream stream;
        const Arguments arguments;
        OK(cublasSetStream_v2(arguments.handle, stream.handle));
        OK(arguments.call());
        OK(cuStreamSynchronize(stream.handle));
        check::require(arguments.c.download() == std::vector<float>(64 * 64), "not zero");
        return "";
    });
}

static void test_batches(check::Cases& cases) {
    run(cases, "several products at once", [] {
        const Device device;
        const Blas blas;
        std::vector<Bf16> x(3 * 64), w(64);
        for (int i = 0; i < 3 * 64; i++) x[i] = {bf16_of_float(i / 64 + 1)};
        for (int i = 0; i < 64; i++) w[i] = {bf16_of_float(i % 9 == 0)};  // the identity of 8
        const Buffer<Bf16> on_x(x), on_w(w), y(3 * 64);
        const float one = 1, zero = 0;
        OK(cublasGemmStridedBatchedEx(blas.handle, 0, 0, 8, 8, 8, &one, reinterpret_cast<void*>(on_w.address), BF16, 8,
                0, reinterpret_cast<void*>(on_x.address), BF16, 8, 64, &zero, reinterpret_cast<void*>(y.address), BF16,
                8, 64, 3, COMPUTE_32F, -1));
        check::same_bits(x, y.download());
        return "";
    });
}

using Places = std::vector<Address>;  // where the matrices of each product begin

static int multiply(const Blas& blas, const Buffer<Address>& w, const Buffer<Address>& x, const Buffer<Address>& y) {
    const float one = 1, zero = 0;
    const auto array = [](const Buffer<Address>& of) { return reinterpret_cast<void**>(of.address); };
    return cublasGemmBatchedEx(blas.handle, 0, 0, 8, 8, 8, &one, array(w), BF16, 8, array(x), BF16, 8, &zero, array(y),
            BF16, 8, x.count, COMPUTE_32F, -1);
}

static void test_places(check::Cases& cases) {
    run(cases, "several products, each where an array says", [] {
        const Device device;
        const Blas blas;
        std::vector<Bf16> x(3 * 64), w(64);
        for (int i = 0; i < 3 * 64; i++) x[i] = {bf16_of_float(i / 64 + 1)};
        for (int i = 0; i < 64; i++) w[i] = {bf16_of_float(i % 9 == 0)};  // the identity of 8
        const Buffer<Bf16> on_x(x), on_w(w), y(3 * 64);
        const auto nth = [](const Buffer<Bf16>& of, int i) { return of.address + i * 64 * sizeof(Bf16); };
        const Buffer<Address> ws(Places{on_w.address, on_w.address, on_w.address}),
                xs(Places{nth(on_x, 2), nth(on_x, 0), nth(on_x, 1)}), ys(Places{nth(y, 2), nth(y, 0), nth(y, 1)});
        OK(multiply(blas, ws, xs, ys));
        check::same_bits(x, y.download());
        return "";
    });
    run(cases, "a product where nothing is", {"is not in device memory", "", {}}, [] {
        const Device device;
        const Blas blas;
        const Buffer<Bf16> matrix(std::vector<Bf16>(64)), y(64);
        const Buffer<Address> ws(Places{matrix.address + matrix.bytes()}), xs(Places{matrix.address}),
                ys(Places{y.address});
        OK(multiply(blas, ws, xs, ys));
        FAILS(700, cuCtxSynchronize());
        return "";
    });
    run(cases, "an array of places that nobody wrote", {"B: byte 0 of 8 was never written", "", {}}, [] {
        const Device device;
        const Blas blas;
        const Buffer<Bf16> matrix(std::vector<Bf16>(64)), y(64);
        const Buffer<Address> ws(Places{matrix.address}), xs(1), ys(Places{y.address});
        OK(multiply(blas, ws, xs, ys));
        FAILS(700, cuCtxSynchronize());
        return "";
    });
}

static void test_rate(check::Cases& cases) {
    run(cases, "rate of a product", [] {
        const Device device;
        const Blas blas;
        constexpr int ROWS = 256, N = 2048, K = 1024;
        const Buffer<Bf16> x(std::vector<Bf16>(ROWS * K)), w(std::vector<Bf16>(N * K));
        const Buffer<Bf16> y(ROWS * N);
        const auto begin = std::chrono::steady_clock::now();
        OK(multiply(blas, y.address, BF16, x.address, w.address, BF16, ROWS, N, K, 0));
        OK(cuCtxSynchronize());
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
        return std::to_string((int) (2e-9 * ROWS * N * K / took.count())) + " GFLOP/s";
    });
}

void test_products(check::Cases& cases) {
    test_values(cases);
    test_orders(cases);
    test_arguments(cases);
    test_handles(cases);
    test_workspace(cases);
    test_batches(cases);
    test_places(cases);
    test_rate(cases);
}

}  // namespace fake_gpu
