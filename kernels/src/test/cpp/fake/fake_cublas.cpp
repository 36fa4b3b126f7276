// libcublas.so.12 of the fake GPU: its functions.
#include "fake_cublas.h"

#include <utility>

#include "fake_cuda_streams.h"

namespace fake {
namespace {

// cublasStatus_t
enum Status : int {
    BLAS_SUCCESS = 0,
    BLAS_NOT_INITIALIZED = 1,
    BLAS_ALLOC_FAILED = 3,
    BLAS_INVALID_VALUE = 7,
    BLAS_ARCH_MISMATCH = 8,
    BLAS_MAPPING_ERROR = 11,
    BLAS_EXECUTION_FAILED = 13,
    BLAS_INTERNAL_ERROR = 14,
    BLAS_NOT_SUPPORTED = 15,
};

constexpr size_t WORKSPACE_ALIGNMENT = 256;

Table<Handle>& handles = *new Table<Handle>("cuBLAS handle");

const bool has_inventory = [] {
    add_inventory([](const auto& line) {
        for (const auto& [number, handle] : handles.all()) {
            line("cuBLAS handle, created by call " + std::to_string(handle->made_by));
        }
    });
    return true;
}();

int status_of(int error) {
    switch (error) {
        case INVALID_VALUE:
        case INVALID_HANDLE:
            return BLAS_INVALID_VALUE;
        case NOT_INITIALIZED:
            return BLAS_NOT_INITIALIZED;
        case NOT_SUPPORTED:
            return BLAS_NOT_SUPPORTED;
        default:
            return BLAS_EXECUTION_FAILED;
    }
}

int blas_call(Call how, const std::function<void()>& body) {
    how.when_broken = BLAS_EXECUTION_FAILED;
    how.without_context = BLAS_NOT_INITIALIZED;
    if (how.when_made_to_fail == UNKNOWN) how.when_made_to_fail = BLAS_EXECUTION_FAILED;
    return call(how, [&] {
        try {
            body();
        } catch (const Refusal& refusal) {
            throw Refusal{status_of(refusal.error), refusal.sentence};
        }
    });
}

Handle& handle_of(const void* handle) {
    Handle* const found = handles.find(handle);
    if (found == nullptr) refuse(NOT_INITIALIZED, "%p is no cuBLAS handle, or was destroyed", handle);
    if (found->context != current().handle) refuse(INVALID_VALUE, "the handle is not of the current context");
    return *found;
}

void set_workspace(Handle& handle, Address begin, size_t bytes) {
    if (bytes > 0) {
        require_inside(current(), begin, bytes, "workspace");
        if (begin % WORKSPACE_ALIGNMENT != 0) refuse(INVALID_VALUE, "workspace is not aligned to 256 bytes");
        for (const auto& [number, other] : handles.all()) {
            if (other.get() != &handle && begin < other->workspace + other->workspace_bytes &&
                    other->workspace < begin + bytes) {
                refuse(INVALID_VALUE, "workspace overlaps that of another handle (call %ju)",
                        (uintmax_t) other->made_by);
            }
        }
    }
    handle.workspace = begin;
    handle.workspace_bytes = bytes;
}

void require_algorithm(int algorithm) {
    const bool is_plain = algorithm >= -1 && algorithm <= 23, is_tensor_op = algorithm >= 99 && algorithm <= 115;
    if (!is_plain && !is_tensor_op) refuse(INVALID_VALUE, "%d is no cublasGemmAlgo_t", algorithm);
}

size_t bytes_of(int type) { return type == FLOAT ? 4 : 2; }

Matrix matrix_of(const char* name, const void* begin, int64_t rows, int64_t columns, bool is_transposed, int64_t stride,
        int type) {
    if (is_transposed) std::swap(rows, columns);
    return {name, reinterpret_cast<Address>(begin), rows, columns, stride, bytes_of(type)};
}

}  // namespace
}  // namespace fake

using namespace fake;

API cublasCreate_v2(void** handle) {
    return blas_call({.name = "cublasCreate", .when_made_to_fail = BLAS_ALLOC_FAILED}, [&] {
        if (handle == nullptr) refuse(INVALID_VALUE, "a null pointer for the result");
        const int oldest = cublas_version / 10000 * 1000;
        if (settings().driver < oldest) {
            refuse(NOT_INITIALIZED, "cuBLAS %d wants a driver of CUDA %d, not %d", cublas_version, oldest,
                    settings().driver);
        }
        Handle* const made = handles.add(std::make_shared<Handle>());
        made->context = current().handle;
        *handle = made->pointer();
    });
}

API cublasDestroy_v2(void* handle) {
    return blas_call({.name = "cublasDestroy", .acts_anyway = true}, [&] {
        const Handle& ended = handle_of(handle);
        finish_all(current());
        handles.remove(ended);
    });
}

API cublasSetStream_v2(void* handle, void* stream) {
    return blas_call({.name = "cublasSetStream"}, [&] {
        Handle& set = handle_of(handle);
        if (stream_of(stream).context != &current()) refuse(INVALID_VALUE, "the stream is of another device");
        set.stream = stream;
        // As cuBLAS does: the workspace is its own again.
        set_workspace(set, 0, 0);
    });
}

API cublasGetStream_v2(void* handle, void** stream) {
    return blas_call({.name = "cublasGetStream"}, [&] { give(stream, const_cast<void*>(handle_of(handle).stream)); });
}

API cublasSetWorkspace_v2(void* handle, void* workspace, size_t bytes) {
    return blas_call({.name = "cublasSetWorkspace"},
            [&] { set_workspace(handle_of(handle), reinterpret_cast<Address>(workspace), bytes); });
}

API cublasSetMathMode(void* handle, int mode) {
    return blas_call({.name = "cublasSetMathMode"}, [&] {
        constexpr int TF32_TENSOR_OP = 3, DISALLOW_REDUCED_PRECISION_REDUCTION = 16;
        const int base = mode & ~DISALLOW_REDUCED_PRECISION_REDUCTION;
        if (base < 0 || base > TF32_TENSOR_OP) refuse(INVALID_VALUE, "%d is no cublasMath_t", mode);
        handle_of(handle).math_mode = mode;
    });
}
API cublasGetMathMode(void* handle, int* mode) {
    return blas_call({.name = "cublasGetMathMode"}, [&] { give(mode, handle_of(handle).math_mode); });
}
API cublasSetPointerMode_v2(void* handle, int mode) {
    return blas_call({.name = "cublasSetPointerMode"}, [&] {
        if (mode != 0 && mode != 1) refuse(INVALID_VALUE, "%d is no cublasPointerMode_t", mode);
        handle_of(handle).pointer_mode = mode;
    });
}
API cublasGetPointerMode_v2(void* handle, int* mode) {
    return blas_call({.name = "cublasGetPointerMode"}, [&] { give(mode, handle_of(handle).pointer_mode); });
}

API cublasGetVersion_v2(void* handle, int* version) {
    return blas_call({.name = "cublasGetVersion"}, [&] {
        handle_of(handle);
        give(version, cublas_version);
    });
}

API cublasGemmEx(void* handle, int transpose_a, int transpose_b, int m, int n, int k, const void* alpha, const void* a,
        int a_type, int lda, const void* b, int b_type, int ldb, const void* beta, void* c, int c_type, int ldc,
        int compute, int algorithm) {
    return blas_call({.name = "cublasGemmEx"}, [&] {
        require_algorithm(algorithm);
        gemm(handle_of(handle), {transpose_a, transpose_b, m, n, k, a_type, b_type, c_type, compute},
                static_cast<const float*>(alpha), static_cast<const float*>(beta),
                matrix_of("A", a, m, k, transpose_a != 0, lda, a_type),
                matrix_of("B", b, k, n, transpose_b != 0, ldb, b_type), matrix_of("C", c, m, n, false, ldc, c_type));
    });
}

API cublasGemmStridedBatchedEx(void* handle, int transpose_a, int transpose_b, int m, int n, int k, const void* alpha,
        const void* a, int a_type, int lda, long long a_step, const void* b, int b_type, int ldb, long long b_step,
        const void* beta, void* c, int c_type, int ldc, long long c_step, int count, int compute, int algorithm) {
    return blas_call({.name = "cublasGemmStridedBatchedEx"}, [&] {
        require_algorithm(algorithm);
        if (count < 0) refuse(INVALID_VALUE, "%d products", count);
        const Kind kind{transpose_a, transpose_b, m, n, k, a_type, b_type, c_type, compute};
        const auto nth = [](const void* begin, long long step, int type, int i) {
            return static_cast<const char*>(begin) + step * i * (long long) bytes_of(type);
        };
        for (int i = 0; i < count; i++) {
            gemm(handle_of(handle), kind, static_cast<const float*>(alpha), static_cast<const float*>(beta),
                    matrix_of("A", nth(a, a_step, a_type, i), m, k, transpose_a != 0, lda, a_type),
                    matrix_of("B", nth(b, b_step, b_type, i), k, n, transpose_b != 0, ldb, b_type),
                    matrix_of("C", nth(c, c_step, c_type, i), m, n, false, ldc, c_type));
        }
    });
}

API cublasGemmBatchedEx(void* handle, int transpose_a, int transpose_b, int m, int n, int k, const void* alpha,
        const void* const* a, int a_type, int lda, const void* const* b, int b_type, int ldb, const void* beta,
        void* const* c, int c_type, int ldc, int count, int compute, int algorithm) {
    return blas_call({.name = "cublasGemmBatchedEx"}, [&] {
        require_algorithm(algorithm);
        if (count < 0) refuse(INVALID_VALUE, "%d products", count);
        gemms(handle_of(handle), {transpose_a, transpose_b, m, n, k, a_type, b_type, c_type, compute},
                static_cast<const float*>(alpha), static_cast<const float*>(beta),
                matrix_of("A", a, m, k, transpose_a != 0, lda, a_type),
                matrix_of("B", b, k, n, transpose_b != 0, ldb, b_type), matrix_of("C", c, m, n, false, ldc, c_type),
                count);
    });
}

struct StatusName {
    int status;
    const char* name;
};
constexpr StatusName STATUS_NAMES[] = {
        {BLAS_SUCCESS, "CUBLAS_STATUS_SUCCESS"},
        {BLAS_NOT_INITIALIZED, "CUBLAS_STATUS_NOT_INITIALIZED"},
        {BLAS_ALLOC_FAILED, "CUBLAS_STATUS_ALLOC_FAILED"},
        {BLAS_INVALID_VALUE, "CUBLAS_STATUS_INVALID_VALUE"},
        {BLAS_ARCH_MISMATCH, "CUBLAS_STATUS_ARCH_MISMATCH"},
        {BLAS_MAPPING_ERROR, "CUBLAS_STATUS_MAPPING_ERROR"},
        {BLAS_EXECUTION_FAILED, "CUBLAS_STATUS_EXECUTION_FAILED"},
        {BLAS_INTERNAL_ERROR, "CUBLAS_STATUS_INTERNAL_ERROR"},
        {BLAS_NOT_SUPPORTED, "CUBLAS_STATUS_NOT_SUPPORTED"},
};

extern "C" [[gnu::visibility("default")]] const char* cublasGetStatusName(int status) {
    for (const StatusName& known : STATUS_NAMES) {
        if (known.status == status) return known.name;
    }
    return "unknown";
}

extern "C" [[gnu::visibility("default")]] const char* cublasGetStatusString(int status) {
    return cublasGetStatusName(status);
}
