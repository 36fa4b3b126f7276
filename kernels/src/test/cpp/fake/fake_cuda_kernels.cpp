#include <tuple>

#include "fake_cuda_modules.h"

namespace fake {
namespace {

template <class... P, size_t... I>
std::function<void()> bound(void (*kernel)(P...), void** parameters, std::index_sequence<I...>) {
    const std::tuple<P...> values{*static_cast<P*>(parameters[I])...};
    return [=] { std::apply(kernel, values); };
}

template <class... P>
Kernel described(const char* name, int threads, void (*kernel)(P...)) {
    return {name, threads,
            [kernel](void** parameters) { return bound(kernel, parameters, std::index_sequence_for<P...>{}); }};
}

#define KERNEL_OF(name, threads) described(#name, threads, name)
#define KERNELS_OF(dtype)                                                                                         \
    KERNEL_OF(embedding_##dtype, EMBEDDING_THREADS), KERNEL_OF(rms_norm_##dtype, RMS_NORM_THREADS),               \
            KERNEL_OF(alibi_attention_d128_##dtype, ATTENTION_THREADS),                                           \
            KERNEL_OF(alibi_attention_d64_##dtype, ATTENTION_THREADS), KERNEL_OF(swiglu_##dtype, SWIGLU_THREADS), \
            KERNEL_OF(value_head_##dtype, VALUE_HEAD_THREADS), KERNEL_OF(gemm_##dtype, GEMM_THREADS),             \
            KERNEL_OF(gemm_add_##dtype, GEMM_THREADS), KERNEL_OF(gemm_swiglu_##dtype, GEMM_THREADS),              \
            KERNEL_OF(dequantize_##dtype, DEQUANTIZE_THREADS)

}  // namespace

// fake_gpu_test.cpp compares with the kernels of the image.
const std::vector<Kernel>& kernels() {
    static const std::vector<Kernel>& all =
            *new std::vector<Kernel>{KERNELS_OF(bf16), KERNELS_OF(f16), KERNEL_OF(gather_rows, GATHER_ROWS_THREADS)};
    return all;
}

}  // namespace fake
