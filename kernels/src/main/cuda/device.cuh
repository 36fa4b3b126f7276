// What the kernels ask of the machine that C++ does not say: the only file with inline PTX, and what they share.
//
// Compiled by nvcc the functions below are PTX instructions of sm_80 (PTX 7.0), so one image serves every GPU from
// there on. Compiled by g++ the same names come from simt.h, which runs a kernel on the CPU, thread by thread, and
// checks every access. What they compute is compared on a real GPU by conformance.cu.
//
// Words: a shared address counts bytes in the block's shared memory; a fragment is the part of a 16 x 16 or 16 x 8
// matrix that one lane holds (PTX ISA, "Matrix Fragments for mma.m16n8k16"); a group of lanes is the four with the same
// lane / 4.
#pragma once
#include <stddef.h>
#include <stdint.h>

// The two half-precision types: storage only; arithmetic is float.
struct Bf16 {
    uint16_t bits;
};
struct Fp16 {
    uint16_t bits;
};

using SharedAddress = uint32_t;

#if defined(__CUDACC__)

#define DEVICE static __device__ __forceinline__
#define DEVICE_MEMBER __device__ __forceinline__
#define UNROLL _Pragma("unroll")
#define NO_UNROLL _Pragma("unroll 1")
// Threads of a block, and how many blocks a multiprocessor should hold at once.
#define KERNEL(threads, blocks) extern "C" __global__ void __launch_bounds__(threads, blocks)

extern __shared__ __align__(1024) unsigned char dynamic_shared_memory[];

// First byte of the block's dynamic shared memory, aligned to 1024 bytes.
DEVICE SharedAddress shared_base() { return (SharedAddress) __cvta_generic_to_shared(dynamic_shared_memory); }

DEVICE void sync_block() { __syncthreads(); }
DEVICE void sync_warp() { __syncwarp(); }
DEVICE float shuffle_xor(float value, int lane_mask) { return __shfl_xor_sync(0xffffffffu, value, lane_mask); }
// Whether it holds in any lane of the warp.
DEVICE bool any_lane(bool holds) { return __any_sync(0xffffffffu, holds); }

// Global memory, 16 bytes, aligned. As PTX: nvcc may split a store of a uint4 into four.
DEVICE uint4 load_16(const void* p) {
    uint4 v;
    asm volatile("ld.global.v4.u32 {%0,%1,%2,%3}, [%4];"
            : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
            : "l"(__cvta_generic_to_global(p))
            : "memory");
    return v;
}
// The same for memory that no thread of this launch writes.
DEVICE uint4 load_16_constant(const void* p) {
    uint4 v;
    asm("ld.global.nc.v4.u32 {%0,%1,%2,%3}, [%4];"
            : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
            : "l"(__cvta_generic_to_global(p)));
    return v;
}
// 8 bytes, for the half side of a row of floats: a warp's lanes then take neighbours on both sides.
DEVICE uint2 load_8_constant(const void* p) {
    uint2 v;
    asm("ld.global.nc.v2.u32 {%0,%1}, [%2];" : "=r"(v.x), "=r"(v.y) : "l"(__cvta_generic_to_global(p)));
    return v;
}
DEVICE void store_8(void* p, uint2 v) {
    asm volatile("st.global.v2.u32 [%0], {%1,%2};" ::"l"(__cvta_generic_to_global(p)), "r"(v.x), "r"(v.y) : "memory");
}
DEVICE void store_16(void* p, uint4 v) {
    asm volatile("st.global.v4.u32 [%0], {%1,%2,%3,%4};" ::"l"(__cvta_generic_to_global(p)), "r"(v.x), "r"(v.y),
            "r"(v.z), "r"(v.w)
            : "memory");
}

// Shared memory.
DEVICE uint4 load_shared_16(SharedAddress a) {
    uint4 v;
    asm volatile("ld.shared.v4.u32 {%0,%1,%2,%3}, [%4];"
            : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
            : "r"(a)
            : "memory");
    return v;
}
DEVICE float load_shared_float(SharedAddress a) {
    float v;
    asm volatile("ld.shared.f32 %0, [%1];" : "=f"(v) : "r"(a) : "memory");
    return v;
}
DEVICE void store_shared_float(SharedAddress a, float v) {
    asm volatile("st.shared.f32 [%0], %1;" ::"r"(a), "f"(v) : "memory");
}
DEVICE void store_shared_float2(SharedAddress a, float2 v) {
    asm volatile("st.shared.v2.f32 [%0], {%1,%2};" ::"r"(a), "f"(v.x), "f"(v.y) : "memory");
}
DEVICE void store_shared_4(SharedAddress a, uint32_t v) {
    asm volatile("st.shared.u32 [%0], %1;" ::"r"(a), "r"(v) : "memory");
}

// Copies 16 bytes from global to shared memory in the background; where `valid` is false they become zero and `source`
// is not read. What was started since the last commit is one group; cp_async_wait<N> waits for all but the N latest
// groups of this thread. Other threads see the bytes after a barrier that follows the wait.
DEVICE void cp_async_16(SharedAddress target, const void* source, bool valid) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(target), "l"(__cvta_generic_to_global(source)),
            "r"(valid ? 16 : 0)
            : "memory");
}
DEVICE void cp_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int N>
DEVICE void cp_async_wait() {
    asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

// Fragments of N times four 8 x 8 matrices of 16-bit elements: lane i names row i % 8 of matrix i / 8; the n-th four
// lie n * stride bytes further. All 32 lanes take part.
template <int N>
DEVICE void load_matrices(uint4 (&fragments)[N], SharedAddress row, uint32_t stride) {
    UNROLL for (int n = 0; n < N; n++) {
        uint4& f = fragments[n];
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                : "=r"(f.x), "=r"(f.y), "=r"(f.z), "=r"(f.w)
                : "r"(row + n * stride)
                : "memory");
    }
}
// The same with each matrix transposed.
template <int N>
DEVICE void load_matrices_transposed(uint4 (&fragments)[N], SharedAddress row, uint32_t stride) {
    UNROLL for (int n = 0; n < N; n++) {
        uint4& f = fragments[n];
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                : "=r"(f.x), "=r"(f.y), "=r"(f.z), "=r"(f.w)
                : "r"(row + n * stride)
                : "memory");
    }
}

// Volatile, as every instruction in which a warp acts as one: the compiler must not move it into a branch.
template <class E>
DEVICE void mma_16_8_16(float4& c, uint4 a, uint32_t b0, uint32_t b1);
#define MMA(E, type)                                                                                \
    template <>                                                                                     \
    __device__ __forceinline__ void mma_16_8_16<E>(float4 & c, uint4 a, uint32_t b0, uint32_t b1) { \
        asm volatile("mma.sync.aligned.m16n8k16.row.col.f32." type "." type                         \
                     ".f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"                   \
                : "+f"(c.x), "+f"(c.y), "+f"(c.z), "+f"(c.w)                                        \
                : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b0), "r"(b1));                        \
    }
MMA(Bf16, "bf16")
MMA(Fp16, "f16")
#undef MMA

// c[m][first + j] += a[m] * b, where a[m] is a 16 x 16 fragment and b[n] holds the 16 x 8 fragments of two neighbours
// j = 2 n (x, y) and j = 2 n + 1 (z, w). All 32 lanes take part; `first` is even and known when compiling.
template <class E, int M, int C, int N>
DEVICE void mma(float4 (&c)[M][C], int first, const uint4 (&a)[M], const uint4 (&b)[N]) {
    UNROLL for (int n = 0; n < N; n++) {
        UNROLL for (int m = 0; m < M; m++) {
            mma_16_8_16<E>(c[m][first + 2 * n], a[m], b[n].x, b[n].y);
            mma_16_8_16<E>(c[m][first + 2 * n + 1], a[m], b[n].z, b[n].w);
        }
    }
}

// Approximations; relative error of the first two at most 2^-22, of the last 2^-23 (PTX ISA). Denormals are zero in
// exp2.
DEVICE float exp2_approximate(float x) {
    float r;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x));
    return r;
}
DEVICE float rsqrt_approximate(float x) {
    float r;
    asm("rsqrt.approx.f32 %0, %1;" : "=f"(r) : "f"(x));
    return r;
}
DEVICE float reciprocal_approximate(float x) {
    float r;
    asm("rcp.approx.f32 %0, %1;" : "=f"(r) : "f"(x));
    return r;
}
DEVICE float fused_multiply_add(float a, float b, float c) { return __fmaf_rn(a, b, c); }
DEVICE float float_of_bits(uint32_t bits) { return __uint_as_float(bits); }
DEVICE uint32_t bits_of_float(float v) { return __float_as_uint(v); }

// Two floats rounded to nearest even and packed, the first in the lower half; and back.
template <class E>
DEVICE uint32_t pack_2(float low, float high);
template <>
__device__ __forceinline__ uint32_t pack_2<Bf16>(float low, float high) {
    uint32_t r;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
    return r;
}
template <>
__device__ __forceinline__ uint32_t pack_2<Fp16>(float low, float high) {
    uint32_t r;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
    return r;
}
template <class E>
DEVICE float2 unpack_2(uint32_t v);
template <>
__device__ __forceinline__ float2 unpack_2<Bf16>(uint32_t v) {
    return make_float2(__uint_as_float(v << 16), __uint_as_float(v & 0xffff0000u));
}
template <>
__device__ __forceinline__ float2 unpack_2<Fp16>(uint32_t v) {
    float2 f;
    asm("{.reg .f16 low, high; mov.b32 {low, high}, %2; cvt.f32.f16 %0, low; cvt.f32.f16 %1, high;}"
            : "=f"(f.x), "=f"(f.y)
            : "r"(v));
    return f;
}

#else
#include "simt.h"
#endif

constexpr float LOG2_E = 1.4426950408889634f;

// Eight elements: an access of 16 bytes of a half type.
struct Floats8 {
    float v[8];
};

template <class E>
DEVICE Floats8 unpack_8(uint4 packed) {
    const uint32_t pairs[4] = {packed.x, packed.y, packed.z, packed.w};
    Floats8 f;
    UNROLL for (int i = 0; i < 4; i++) {
        const float2 pair = unpack_2<E>(pairs[i]);
        f.v[2 * i] = pair.x;
        f.v[2 * i + 1] = pair.y;
    }
    return f;
}
template <class E>
DEVICE uint4 pack_8(const Floats8& f) {
    return make_uint4(
            pack_2<E>(f.v[0], f.v[1]), pack_2<E>(f.v[2], f.v[3]), pack_2<E>(f.v[4], f.v[5]), pack_2<E>(f.v[6], f.v[7]));
}

// Four elements: an access of 16 bytes of floats, of 8 bytes of a half type.
DEVICE float4 floats_4(uint4 v) {
    return make_float4(float_of_bits(v.x), float_of_bits(v.y), float_of_bits(v.z), float_of_bits(v.w));
}
DEVICE uint4 bits_4(float4 v) {
    return make_uint4(bits_of_float(v.x), bits_of_float(v.y), bits_of_float(v.z), bits_of_float(v.w));
}
template <class E>
DEVICE float4 unpack_4(uint2 packed) {
    const float2 low = unpack_2<E>(packed.x), high = unpack_2<E>(packed.y);
    return make_float4(low.x, low.y, high.x, high.y);
}
template <class E>
DEVICE uint2 pack_4(float4 v) {
    return make_uint2(pack_2<E>(v.x, v.y), pack_2<E>(v.z, v.w));
}

// silu(x) = x / (1 + exp(-x)). For x below -88 the exponential is infinite and the quotient zero, as it should be.
DEVICE float silu(float x) { return x * reciprocal_approximate(1.0f + exp2_approximate(-LOG2_E * x)); }

// Sum over the lanes of a warp, in every lane, always in the same order.
DEVICE float warp_sum(float v) {
    UNROLL for (int lane_mask = 16; lane_mask > 0; lane_mask /= 2)
        v += shuffle_xor(v, lane_mask);
    return v;
}

// Sum over the THREADS of a block, in every thread, always in the same order. `scratch` has a float for each warp and
// is free again after the next barrier.
template <int THREADS>
DEVICE float block_sum(float v, SharedAddress scratch) {
    static_assert(THREADS % 32 == 0, "all of a warp take part");
    v = warp_sum(v);
    if (threadIdx.x % 32 == 0) store_shared_float(scratch + threadIdx.x / 32 * 4, v);
    sync_block();
    float sum = 0.0f;
    UNROLL for (int w = 0; w < THREADS / 32; w++)
        sum += load_shared_float(scratch + w * 4);
    return sum;
}

// `sum` and the squares of four floats, one after the other.
DEVICE float add_squares(float sum, float4 x) {
    sum = fused_multiply_add(x.x, x.x, sum);
    sum = fused_multiply_add(x.y, x.y, sum);
    sum = fused_multiply_add(x.z, x.z, sum);
    return fused_multiply_add(x.w, x.w, sum);
}

// The factor of RMSNorm: 1 / sqrt(mean + eps). NaN where the sum of squares has overflowed, whose factor 0 would make
// an ordinary row of zeros of it.
DEVICE float rms_factor(float sum_of_squares, int hidden, float eps) {
    return fused_multiply_add(sum_of_squares, 0.0f, rsqrt_approximate(sum_of_squares / (float) hidden + eps));
}
