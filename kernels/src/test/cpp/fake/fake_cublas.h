// Handles of the fake cuBLAS, and the products that they make.
//
// Stricter than cuBLAS, which would only be slower: matrices, and the columns of each, begin at 16 bytes.
#pragma once
#include "fake_cuda_memory.h"

namespace fake {

extern const int cublas_version;  // of this library: 120600 for 12.6

constexpr int FLOAT = 0, FP16 = 2, BF16 = 14;  // cudaDataType

struct Handle : Object {
    uintptr_t context = 0;
    const void* stream = nullptr;
    Address workspace = 0;
    size_t workspace_bytes = 0;
    int math_mode = 0, pointer_mode = 0;
};

// A matrix of a product, by columns.
struct Matrix {
    const char* name;
    Address begin;
    int64_t rows, columns, stride;
    size_t element_bytes;

    bool is_empty() const { return rows == 0 || columns == 0; }
    size_t bytes() const { return ((columns - 1) * stride + rows) * element_bytes; }
    Address column(int64_t i) const { return begin + i * stride * element_bytes; }
    bool overlaps(const Matrix& other) const {
        return begin < other.begin + other.bytes() && other.begin < begin + bytes();
    }
};

// The arguments of cublasGemmEx that are sizes and kinds.
struct Kind {
    int transpose_a, transpose_b;
    int64_t m, n, k;
    int a_type, b_type, c_type, compute;
};

// Puts a product on the stream of the handle.
void gemm(const Handle& handle, const Kind& kind, const float* alpha, const float* beta, const Matrix& a,
        const Matrix& b, const Matrix& c);
// Puts some of them there. Each matrix begins where the array in device memory says that its `begin` is the address of.
void gemms(const Handle& handle, const Kind& kind, const float* alpha, const float* beta, const Matrix& a,
        const Matrix& b, const Matrix& c, int count);

}  // namespace fake
