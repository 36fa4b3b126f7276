#include "cublas.h"

#include <dlfcn.h>

#include <stdexcept>

#include "machine.h"

// Of cublas_api.h and library_types.h.
constexpr int OP_N = 0, OP_T = 1, COMPUTE_32F = 68, GEMM_DEFAULT = -1, DISALLOW_REDUCED_PRECISION_REDUCTION = 16;
constexpr size_t WORKSPACE = 32 << 20;

static void check(const char* what, int status) {
    if (status != 0) throw std::runtime_error(std::string(what) + ": status " + std::to_string(status));
}

static void* of_driver(const char* name) { return dlsym(dlopen("libcuda.so.1", RTLD_NOW), name); }

void* Cublas::symbol(const char* name) const {
    void* found = dlsym(library_, name);
    if (!found) throw std::runtime_error(std::string("cuBLAS has no ") + name);
    return found;
}

Cublas::Cublas() {
    for (const char* name : {"libcublas.so.13", "libcublas.so.12"}) {
        library_ = dlopen(name, RTLD_NOW);
        if (library_) break;
        why_ += std::string(why_.empty() ? "" : "; ") + dlerror();
    }
    if (!library_) return;
    using Create = int(void**);
    using SetMode = int(void*, int);
    using SetWorkspace = int(void*, void*, size_t);
    check("cublasCreate", reinterpret_cast<Create*>(symbol("cublasCreate_v2"))(&handle_));
    check("cublasSetMathMode",
            reinterpret_cast<SetMode*>(symbol("cublasSetMathMode"))(handle_, DISALLOW_REDUCED_PRECISION_REDUCTION));
    // Of the driver, because machine frees everything between the parts.
    using Allocate = int(void**, size_t);
    check("cuMemAlloc", reinterpret_cast<Allocate*>(of_driver("cuMemAlloc_v2"))(&workspace_, WORKSPACE));
    check("cublasSetWorkspace",
            reinterpret_cast<SetWorkspace*>(symbol("cublasSetWorkspace_v2"))(handle_, workspace_, WORKSPACE));
    gemm_ = symbol("cublasGemmEx");
}

Cublas::~Cublas() {
    if (!is_there()) return;
    // Errors are those of earlier calls, and were told there.
    using Destroy = int(void*);
    reinterpret_cast<Destroy*>(symbol("cublasDestroy_v2"))(handle_);
    reinterpret_cast<Destroy*>(of_driver("cuMemFree_v2"))(workspace_);
}

std::string Cublas::version() const {
    using Get = int(void*, int*);
    int version = 0;
    reinterpret_cast<Get*>(dlsym(library_, "cublasGetVersion_v2"))(handle_, &version);
    return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
           std::to_string(version % 100);
}

void Cublas::multiply(
        void* y, Type y_type, const void* x, const void* w, Type type, int rows, int n, int k, bool adds) const {
    using Gemm = int(void* handle, int transpose_a, int transpose_b, int m, int n, int k, const void* alpha,
            const void* a, int a_type, int lda, const void* b, int b_type, int ldb, const void* beta, void* c,
            int c_type, int ldc, int compute_type, int algorithm);
    // Column-major, it is y^T = w * x^T.
    const float alpha = 1, beta = adds ? 1 : 0;
    Gemm* const gemm = reinterpret_cast<Gemm*>(gemm_);
    check("cublasGemmEx", gemm(handle_, OP_T, OP_N, n, rows, k, &alpha, w, type, k, x, type, k, &beta, y, y_type, n,
                                  COMPUTE_32F, GEMM_DEFAULT));
}
