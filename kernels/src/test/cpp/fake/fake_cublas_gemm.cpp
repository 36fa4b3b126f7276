#include <algorithm>

#include "fake_cublas.h"
#include "fake_cublas_products.h"
#include "fake_cuda_streams.h"

namespace fake {
namespace {

constexpr int COMPUTE_32F = 68;  // cublasComputeType_t
constexpr size_t ALIGNMENT = 16;

void require_matrix(const Context& context, const Matrix& matrix) {
    if (matrix.stride < std::max<int64_t>(1, matrix.rows)) {
        refuse(INVALID_VALUE, "%s: leading dimension %jd of columns of %jd", matrix.name, (intmax_t) matrix.stride,
                (intmax_t) matrix.rows);
    }
    if (matrix.is_empty()) return;
    if (matrix.begin % ALIGNMENT != 0) {
        refuse(INVALID_VALUE, "%s %#llx is not aligned to 16 bytes", matrix.name, matrix.begin);
    }
    if (matrix.columns > 1 && matrix.stride * matrix.element_bytes % ALIGNMENT != 0) {
        refuse(INVALID_VALUE, "%s: columns at a leading dimension of %jd are not aligned to 16 bytes", matrix.name,
                (intmax_t) matrix.stride);
    }
    require_inside(context, matrix.begin, matrix.bytes(), matrix.name);
}

void require_contents(const Matrix& matrix) {
    if (matrix.is_empty()) return;
    for (int64_t i = 0; i < matrix.columns; i++) {
        require_written(matrix.column(i), matrix.rows * matrix.element_bytes, matrix.name);
    }
}

void require_kind(const Kind& kind) {
    for (const int transpose : {kind.transpose_a, kind.transpose_b}) {
        if (transpose < 0 || transpose > 2) refuse(INVALID_VALUE, "%d is no cublasOperation_t", transpose);
    }
    if (kind.m < 0 || kind.n < 0 || kind.k < 0) {
        refuse(INVALID_VALUE, "m, n, k are %jd, %jd, %jd", (intmax_t) kind.m, (intmax_t) kind.n, (intmax_t) kind.k);
    }
    if (kind.compute != COMPUTE_32F) {
        refuse(NOT_SUPPORTED, "compute type %d; CUBLAS_COMPUTE_32F is 68 (see cublasGemmEx_new)", kind.compute);
    }
    const bool is_half = kind.a_type == FP16 || kind.a_type == BF16;
    if (!is_half || kind.b_type != kind.a_type || (kind.c_type != FLOAT && kind.c_type != kind.a_type)) {
        refuse(NOT_SUPPORTED, "types of A, B, C are %d, %d, %d: two of one half type, and that or float", kind.a_type,
                kind.b_type, kind.c_type);
    }
}

void require_matrices(
        const Context& context, const Matrix& workspace, const Matrix& a, const Matrix& b, const Matrix& c) {
    for (const Matrix& matrix : {a, b, c}) require_matrix(context, matrix);
    if (c.is_empty()) return;
    for (const Matrix& input : {a, b}) {
        if (!input.is_empty() && c.overlaps(input)) refuse(INVALID_VALUE, "C overlaps %s", input.name);
    }
    for (const Matrix& matrix : {a, b, c}) {
        const bool has_both = !matrix.is_empty() && !workspace.is_empty();
        if (has_both && matrix.overlaps(workspace)) refuse(INVALID_VALUE, "%s overlaps the workspace", matrix.name);
    }
}

Stream& require_call(const Handle& handle, const Kind& kind, const float* alpha, const float* beta) {
    Stream& stream = stream_of(handle.stream);
    require_kind(kind);
    if (handle.pointer_mode != 0) refuse(NOT_SUPPORTED, "factors in device memory are not modelled");
    if (alpha == nullptr || beta == nullptr) refuse(INVALID_VALUE, "a factor is null");
    return stream;
}

Matrix workspace_of(const Handle& handle) {
    return {"workspace", handle.workspace, (int64_t) handle.workspace_bytes, 1, 0, 1};
}

// A product whose turn has come.
void run(const Context& context, const Matrix& workspace, const Kind& kind, float alpha, float beta, const Matrix& a,
        const Matrix& b, const Matrix& c, Order order) {
    for (const Matrix& matrix : {a, b, c}) {
        if (!matrix.is_empty()) require_inside(context, matrix.begin, matrix.bytes(), matrix.name);
    }
    for (const Matrix& input : {a, b}) require_contents(input);
    if (beta != 0) require_contents(c);
    if (!workspace.is_empty()) {
        require_inside(context, workspace.begin, workspace.bytes(), "workspace");
        set_written(workspace.begin, workspace.bytes(), false);
    }
    multiply(
            {kind.m, kind.n, kind.k, alpha, beta, reinterpret_cast<const uint16_t*>(a.begin),
                    reinterpret_cast<const uint16_t*>(b.begin), a.stride, b.stride, c.stride, kind.transpose_a != 0,
                    kind.transpose_b != 0, kind.a_type == BF16, kind.c_type == FLOAT, reinterpret_cast<void*>(c.begin)},
            order);
    for (int64_t i = 0; i < c.columns; i++) set_written(c.column(i), c.rows * c.element_bytes, true);
}

}  // namespace

void gemm(const Handle& handle, const Kind& kind, const float* alpha, const float* beta, const Matrix& a,
        const Matrix& b, const Matrix& c) {
    Stream& stream = require_call(handle, kind, alpha, beta);
    Context* const context = stream.context;
    const Matrix workspace = workspace_of(handle);
    require_matrices(*context, workspace, a, b, c);
    if (c.is_empty()) return;
    const Order order = static_cast<Order>(product_order);
    enqueue(stream, "cublasGemmEx",
            [=, alpha = *alpha, beta = *beta] { run(*context, workspace, kind, alpha, beta, a, b, c, order); });
}

void gemms(const Handle& handle, const Kind& kind, const float* alpha, const float* beta, const Matrix& a,
        const Matrix& b, const Matrix& c, int count) {
    Stream& stream = require_call(handle, kind, alpha, beta);
    Context* const context = stream.context;
    const Matrix workspace = workspace_of(handle);
    const size_t bytes = count * sizeof(Address);
    for (const Matrix& matrix : {a, b, c}) require_inside(*context, matrix.begin, bytes, matrix.name);
    const Order order = static_cast<Order>(product_order);
    enqueue(stream, "cublasGemmBatchedEx", [=, alpha = *alpha, beta = *beta] {
        for (const Matrix& matrix : {a, b, c}) {
            require_inside(*context, matrix.begin, bytes, matrix.name);
            require_written(matrix.begin, bytes, matrix.name);
        }
        for (int i = 0; i < count; i++) {
            const auto nth = [i](Matrix matrix) {
                matrix.begin = reinterpret_cast<const Address*>(matrix.begin)[i];
                return matrix;
            };
            require_matrices(*context, workspace, nth(a), nth(b), nth(c));
            run(*context, workspace, kind, alpha, beta, nth(a), nth(b), nth(c), order);
        }
    });
}

}  // namespace fake
