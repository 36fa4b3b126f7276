// The kernels of simt_values_test.cu.
#pragma once
#include "device.cuh"

extern "C" {
void product_bf16(float4* c, const uint4* a, const uint4* b);
void product_f16(float4* c, const uint4* a, const uint4* b);
void products(float4* c, const uint4* a, const uint4* b);
void matrices(uint4* plain, uint4* transposed, const uint4* rows);
void copies(uint4* target, const uint4* source, int valid);
void shuffles(float* target, int lane_mask);
void votes(int* target, const int* holds);
}
