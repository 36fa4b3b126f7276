// Programs of random steps, and the kernel of simt_random_test.cu that runs them.
#pragma once
#include "device.cuh"

enum Kind {
    NOTHING,
    SYNC_BLOCK,
    SYNC_WARP,
    SHARED_LOAD_4,
    SHARED_STORE_4,
    SHARED_STORE_8,
    SHARED_STORE_16,
    SHARED_LOAD_16,
    GLOBAL_LOAD_4,
    GLOBAL_STORE_4,
    GLOBAL_LOAD_8,
    GLOBAL_STORE_8,
    GLOBAL_LOAD_16,
    GLOBAL_STORE_16,
    CONSTANT_LOAD_8,
    CONSTANT_LOAD_16,
};
struct alignas(8) Step {
    int kind;
    int offset;  // in bytes
};

constexpr int BLOCKS = 2, THREADS = 96, STEPS = 8, BYTES = 128;

extern "C" void random_program(char* memory, const Step* steps);
