// Products on the CPU, for the fake cuBLAS.
#pragma once
#include <cstddef>
#include <cstdint>

namespace fake {

// In what order the terms of an element of C are added. Each is the same for the same sizes and contents.
enum Order : int {
    PLAIN = 0,    // from the first to the last
    BY_SIZE = 1,  // begins, and is split, where the number of columns of C says. Columns behind the last whole 64 of
                  // them are split elsewhere.
    BY_PLACE = 2  // the same, but elsewhere in each 64 columns: no element keeps its bits when it moves
};

// C = alpha * op(A) * op(B) + beta * C, all by columns: C is m x n. A and B are of one half type, C is that or float.
// With matrices by rows these are C^T = B^T * A^T, and columns of C are rows.
struct Product {
    int64_t m, n, k;
    float alpha, beta;
    const uint16_t *a, *b;
    int64_t a_stride, b_stride, c_stride;  // from column to column
    bool is_a_transposed, is_b_transposed;
    bool is_bf16, is_c_float;
    void* c;
};
void multiply(const Product& product, Order order);

}  // namespace fake
