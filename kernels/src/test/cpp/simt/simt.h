// A GPU on the CPU: the names of device.cuh for g++, where every CUDA thread is a fiber and every access is checked.
//
// The blocks of a launch run one after another, their threads in turns: one goes on until it waits at a barrier or at
// an operation of its warp. The first error abandons the launch, and error() says it with source line, block and
// thread:
//
// races        of threads with no barrier (or, inside a warp, sync_warp) between them; of blocks
//
// memory       uninitialised, out of bounds, freed, misaligned, narrower than 4 bytes, of the host, of another thread
//
// constants    memory that load_16_constant reads and the same launch writes
//
// cp.async     bytes touched before their wait, a source written before it, copies that a thread leaves behind
//
// barriers     at different lines, or not reached by all threads that have not ended
//
// warps        lanes at different operations; operations other than sync_warp without all 32 lanes
//
// launches     too many threads, too much shared memory, an empty or too large grid
//
// Plain loads and stores are seen where a kernel is compiled with -fsanitize=thread (and linked without it: the
// emulator defines the functions that it calls), as wide as g++ makes them; device.cuh's own accesses always are.
// Registers are not: compile kernels with -ftrivial-auto-var-init=pattern, which makes uninitialised ones loud, and
// with UBSan and ASan for arrays in registers. With -ffp-contract=off results are the same bits on every computer. Not
// modelled: rounding inside tensor cores, weak memory order, waiting for another block, warps of fewer than 32 lanes.
//
// One thread of the host at a time may call in here.
#pragma once
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <source_location>
#include <string>

#define __global__
#define DEVICE static inline
#define DEVICE_MEMBER inline
#define UNROLL _Pragma("GCC unroll 32")
#define NO_UNROLL _Pragma("GCC unroll 1")
#define KERNEL(threads, blocks) extern "C" void

struct alignas(16) uint4 {
    uint32_t x, y, z, w;
};
struct alignas(16) int4 {
    int x, y, z, w;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(8) uint2 {
    uint32_t x, y;
};
struct alignas(8) float2 {
    float x, y;
};
struct alignas(8) int2 {
    int x, y;
};
struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
static inline uint4 make_uint4(uint32_t x, uint32_t y, uint32_t z, uint32_t w) { return {x, y, z, w}; }
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
static inline uint2 make_uint2(uint32_t x, uint32_t y) { return {x, y}; }
static inline float2 make_float2(float x, float y) { return {x, y}; }

namespace simt {

// Device memory. What is wrong on the host's side throws: std::invalid_argument for a range that is not inside one
// allocation, or for reading bytes that were never written; std::bad_alloc where no room is left.
void* allocate(size_t bytes, int owner = 0);  // uninitialised; aligned to 256 bytes and no further
void free(void* allocation);
void free_all();
void upload(void* target, const void* source, size_t bytes);
void download(void* target, const void* source, size_t bytes);
void copy(void* target, const void* source, size_t bytes);
void fill(void* target, uint8_t value, size_t bytes);
// Kernels may touch only what these allocated, a bit for each: a device, and those whose memory it has access to.
void show_owners(uint64_t owners);

// Runs a kernel. False where it, or the launch, did something wrong; what, error() says until the next launch.
bool launch(dim3 grid, dim3 block, size_t shared_bytes, const std::function<void()>& kernel);
const std::string& error();

// Whether kernels of this program are compiled with -fsanitize=thread. Where not, nobody knows what they have written,
// and reading device memory that was never written is no error.
bool sees_plain_accesses();

// 0: blocks and lanes in order. Any other number: blocks, warps and lanes in random order.
extern unsigned seed;

// Launches run only the blocks from this x on.
extern unsigned first_block;

// Of the latest launch. A request is one access of a warp: what its lanes did at one place of the source between two
// barriers or warp operations, the n-th time with the n-th time. Shared memory serves a request of 4 bytes a lane at
// once, of 8 bytes in halves, of 16 bytes in quarters of the warp; each such part needs a wavefront for every different
// word that it wants of one bank. Plain loads and stores are not counted as requests.
struct Statistics {
    uint64_t mma;                // of m16n8k16
    uint64_t load_matrices;      // of four 8 x 8 matrices
    uint64_t barriers;           // of a block
    uint64_t switches;           // from one thread to another
    uint64_t accesses;           // checked, of a thread
    uint64_t shared_wavefronts;  // load_shared_*, store_shared_*, targets of cp_async_16, load_matrices
    uint64_t extra_wavefronts;   // the part of these that bank conflicts cost
    uint64_t global_bytes;       // load_*, store_* and sources of cp_async_16; of all lanes
    uint64_t global_sectors;     // of 32 bytes, different ones in a request; global_bytes / 32 where all is coalesced
};
extern Statistics statistics;

using Where = std::source_location;
[[gnu::const]] dim3 thread_index();
[[gnu::const]] dim3 block_index();
[[gnu::const]] dim3 block_size();
[[gnu::const]] dim3 grid_size();
void load_matrices(uint4* fragments, int count, SharedAddress row, uint32_t stride, bool transposed, Where where);
void mma(float4* c, int c_stride, const uint4* a, int m, const uint4* b, int n, bool bf16, Where where);
void cp_async_wait(int groups);

template <class E>
constexpr bool is_bf16 = false;
template <>
inline constexpr bool is_bf16<Bf16> = true;

}  // namespace simt

#define threadIdx (::simt::thread_index())
#define blockIdx (::simt::block_index())
#define blockDim (::simt::block_size())
#define gridDim (::simt::grid_size())

#define WHERE ::simt::Where where = ::simt::Where::current()
SharedAddress shared_base();
void sync_block(WHERE);
void sync_warp(WHERE);
float shuffle_xor(float value, int lane_mask, WHERE);
bool any_lane(bool holds, WHERE);
uint4 load_16(const void* p, WHERE);
uint4 load_16_constant(const void* p, WHERE);
void store_16(void* p, uint4 v, WHERE);
uint2 load_8_constant(const void* p, WHERE);
void store_8(void* p, uint2 v, WHERE);
uint4 load_shared_16(SharedAddress a, WHERE);
float load_shared_float(SharedAddress a, WHERE);
void store_shared_float(SharedAddress a, float v, WHERE);
void store_shared_float2(SharedAddress a, float2 v, WHERE);
void store_shared_4(SharedAddress a, uint32_t v, WHERE);
void cp_async_16(SharedAddress target, const void* source, bool valid, WHERE);
void cp_async_commit();
template <int N>
void cp_async_wait() {
    simt::cp_async_wait(N);
}
template <int N>
void load_matrices(uint4 (&fragments)[N], SharedAddress row, uint32_t stride, WHERE) {
    simt::load_matrices(fragments, N, row, stride, false, where);
}
template <int N>
void load_matrices_transposed(uint4 (&fragments)[N], SharedAddress row, uint32_t stride, WHERE) {
    simt::load_matrices(fragments, N, row, stride, true, where);
}
template <class E, int M, int C, int N>
void mma(float4 (&c)[M][C], int first, const uint4 (&a)[M], const uint4 (&b)[N], WHERE) {
    simt::mma(&c[0][first], C, a, M, b, N, simt::is_bf16<E>, where);
}

// 2^x as on a GPU to about its accuracy, and the same bits on every computer; denormal arguments and results are zero.
float exp2_approximate(float x);
static inline float rsqrt_approximate(float x) { return 1.0f / sqrtf(x); }
static inline float reciprocal_approximate(float x) { return 1.0f / x; }
static inline float fused_multiply_add(float a, float b, float c) { return fmaf(a, b, c); }
static inline float float_of_bits(uint32_t bits) { return std::bit_cast<float>(bits); }
static inline uint32_t bits_of_float(float v) { return std::bit_cast<uint32_t>(v); }

// Half types: rounding to nearest even; what is not a number becomes 0x7fff, as cvt does.
static inline uint16_t bf16_of_float(float v) {
    const uint32_t bits = bits_of_float(v);
    if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fff;
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}
static inline float float_of_bf16(uint16_t bits) { return float_of_bits((uint32_t) bits << 16); }
static inline uint16_t fp16_of_float(float v) {
    const uint32_t bits = bits_of_float(v), sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
    if (size > 0x7f800000) return 0x7fff;
    if (size >= 0x477ff000) return sign | 0x7c00;  // from 65520 on
    // Below 2^-14 the sum has a denormal's unit, 2^-24, as its last bit.
    if (size < 0x38800000) return sign | (bits_of_float(float_of_bits(size) + 0.5f) - 0x3f000000);
    return sign | (size - 0x38000000 + 0xfff + (size >> 13 & 1)) >> 13;
}
static inline float float_of_fp16(uint16_t bits) {
    const uint32_t sign = (uint32_t) (bits & 0x8000) << 16, size = (uint32_t) (bits & 0x7fff) << 13;
    if (size >= 0x0f800000) return float_of_bits(sign | 0x7f800000 | (size & 0x7fffff));
    return float_of_bits(sign | bits_of_float(float_of_bits(size) * 0x1p112f));
}
template <class E>
uint32_t pack_2(float low, float high) {
    if (simt::is_bf16<E>) return bf16_of_float(low) | (uint32_t) bf16_of_float(high) << 16;
    return fp16_of_float(low) | (uint32_t) fp16_of_float(high) << 16;
}
template <class E>
float2 unpack_2(uint32_t v) {
    if (simt::is_bf16<E>) return {float_of_bf16(v & 0xffff), float_of_bf16(v >> 16)};
    return {float_of_fp16(v & 0xffff), float_of_fp16(v >> 16)};
}
