// The kernels of conformance.cu: thread t of the grid reads its `inputs` uint4 at inputs + t * `inputs`, and writes as
// many as `outputs`. What they compute, conformance_model.cpp says once more.
#pragma once
#include "device.cuh"

constexpr int CONFORMANCE_THREADS = 64;  // two warps a block

//  name, inputs, outputs
#define CONFORMANCE_KERNELS(KERNEL) \
    KERNEL(global_memory, 3, 3)     \
    KERNEL(shared_memory, 2, 3)     \
    KERNEL(cp_async, 5, 4)          \
    KERNEL(load_matrices, 3, 4)     \
    KERNEL(mma_bf16, 12, 8)         \
    KERNEL(mma_f16, 12, 8)          \
    KERNEL(lanes, 1, 3)             \
    KERNEL(sums, 1, 1)              \
    KERNEL(pack, 1, 1)              \
    KERNEL(unpack, 1, 4)            \
    KERNEL(approximations, 1, 4)    \
    KERNEL(arithmetic, 1, 2)

#define DECLARED(name, inputs, outputs) \
    extern "C" __global__ void conformance_##name(uint4* output, const uint4* input);
CONFORMANCE_KERNELS(DECLARED)
#undef DECLARED
