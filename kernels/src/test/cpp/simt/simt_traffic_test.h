// The kernels of simt_traffic_test.cu. Each lane has an offset in bytes, or NONE.
#pragma once
#include "device.cuh"

constexpr int NONE = -1;
constexpr int SHARED_BYTES = 8 << 10;

enum class Pattern { NOTHING, LOAD_4, STORE_4, STORE_8, LOAD_16, COPY_16, MATRICES };

extern "C" {
void shared_pattern(const int* offsets, Pattern pattern);
void global_pattern(uint4* memory, const int* offsets, int kind);
void uneven(uint4* memory);
}
