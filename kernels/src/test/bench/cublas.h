// cuBLAS, as far as it is measured beside gemm: found and bound when a program asks for it, so that none need be there.
#pragma once
#include <cstddef>
#include <string>

class Cublas {
  public:
    // Where neither libcublas.so.13 nor .12 can be loaded, is_there() is false and why() says so.
    Cublas();
    Cublas(const Cublas&) = delete;
    ~Cublas();
    bool is_there() const { return gemm_ != nullptr; }
    std::string why() const { return why_; }
    std::string version() const;

    enum Type { F32 = 0, F16 = 2, BF16 = 14 };  // cudaDataType
    // y [rows, n] = x [rows, k] * w [n, k]^T, row-major, sums in float32; added to y where `adds`.
    void multiply(
            void* y, Type y_type, const void* x, const void* w, Type type, int rows, int n, int k, bool adds) const;

  private:
    void* symbol(const char* name) const;

    void *library_ = nullptr, *handle_ = nullptr, *workspace_ = nullptr, *gemm_ = nullptr;
    std::string why_;
};
