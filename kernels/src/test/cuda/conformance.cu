// What device.cuh asks of a GPU, every function once, on any bits: conformance_test.cpp gives the input and knows the
// output.
#include "../cpp/conformance.h"

namespace conformance {

constexpr int THREADS = CONFORMANCE_THREADS;

template <int INPUTS>
DEVICE const uint4* input_of_thread(const uint4* input) {
    return input + (size_t) (blockIdx.x * THREADS + threadIdx.x) * INPUTS;
}
template <int OUTPUTS>
DEVICE uint4* output_of_thread(uint4* output) {
    return output + (size_t) (blockIdx.x * THREADS + threadIdx.x) * OUTPUTS;
}

DEVICE uint4 bits(float x, float y, float z, float w) { return bits_4(make_float4(x, y, z, w)); }

// Fragments of two products one after the other: into all four columns of c, then into the last two of them.
template <class E>
DEVICE void multiply(uint4* output, const uint4* input) {
    const uint4* in = input_of_thread<12>(input);
    uint4* out = output_of_thread<8>(output);
    uint4 a[2], b[2];
    float4 c[2][4];
    UNROLL for (int i = 0; i < 2; i++) {
        a[i] = load_16(in + i);
        b[i] = load_16(in + 2 + i);
        UNROLL for (int j = 0; j < 4; j++)
            c[i][j] = floats_4(load_16(in + 4 + i * 4 + j));
    }
    mma<E>(c, 0, a, b);
    const uint4 first_b[1] = {b[0]};
    mma<E>(c, 2, a, first_b);
    UNROLL for (int i = 0; i < 2; i++) {
        UNROLL for (int j = 0; j < 4; j++) { store_16(out + i * 4 + j, bits_4(c[i][j])); }
    }
}

}  // namespace conformance

KERNEL(CONFORMANCE_THREADS, 1) conformance_global_memory(uint4* output, const uint4* input) {
    const uint4* in = conformance::input_of_thread<3>(input);
    uint4* out = conformance::output_of_thread<3>(output);
    store_16(out, load_16(in));
    store_16(out + 1, load_16_constant(in + 1));
    const uint2* pairs = reinterpret_cast<const uint2*>(in + 2);
    store_8(out + 2, load_8_constant(pairs));
    store_8(reinterpret_cast<uint2*>(out + 2) + 1, load_8_constant(pairs + 1));
}

// Words, pairs and floats at scattered places, read as 16 bytes; then the same bytes as floats.
KERNEL(CONFORMANCE_THREADS, 1) conformance_shared_memory(uint4* output, const uint4* input) {
    const uint4* in = conformance::input_of_thread<2>(input);
    uint4* out = conformance::output_of_thread<3>(output);
    const SharedAddress words = shared_base(), floats = words + conformance::THREADS * 16;
    const uint4 v = load_16(in);
    const float4 f = floats_4(load_16(in + 1));
    const int t = threadIdx.x, elsewhere = t * 37 % conformance::THREADS;
    store_shared_4(words + t * 4, v.x);
    store_shared_4(words + (conformance::THREADS + elsewhere) * 4, v.y);
    store_shared_4(words + (2 * conformance::THREADS + t) * 4, v.z);
    store_shared_4(words + (3 * conformance::THREADS + elsewhere) * 4, v.w);
    store_shared_float2(floats + elsewhere * 8, make_float2(f.x, f.y));
    store_shared_float(floats + (2 * conformance::THREADS + elsewhere) * 4, f.z);
    store_shared_float(floats + (3 * conformance::THREADS + t) * 4, f.w);
    sync_block();
    store_16(out, load_shared_16(words + t * 16));
    store_16(out + 1, load_shared_16(floats + elsewhere * 16));
    const SharedAddress other = floats + elsewhere * 4, step = conformance::THREADS * 4;
    store_16(out + 2, conformance::bits(load_shared_float(other), load_shared_float(other + step),
                              load_shared_float(other + 2 * step), load_shared_float(other + 3 * step)));
}

// Four copies in three groups, of which input 4 says which are valid; a source that is not is nowhere. A neighbour
// reads.
KERNEL(CONFORMANCE_THREADS, 1) conformance_cp_async(uint4* output, const uint4* input) {
    const uint4* in = conformance::input_of_thread<5>(input);
    uint4* out = conformance::output_of_thread<4>(output);
    const SharedAddress shared = shared_base(), row = conformance::THREADS * 16, mine = shared + threadIdx.x * 16;
    const SharedAddress other = shared + (threadIdx.x ^ 33) * 16;
    const uint32_t valid = load_16(in + 4).x;
    const uint4* nowhere = in + ((size_t) 1 << 30);
    cp_async_16(mine, valid & 1 ? in : nowhere, valid & 1);
    cp_async_16(mine + row, valid & 2 ? in + 1 : nowhere, valid & 2);
    cp_async_commit();
    cp_async_16(mine + 2 * row, valid & 4 ? in + 2 : nowhere, valid & 4);
    cp_async_commit();
    cp_async_16(mine + 3 * row, valid & 8 ? in + 3 : nowhere, valid & 8);
    cp_async_commit();
    cp_async_wait<2>();
    sync_block();
    store_16(out, load_shared_16(other));
    store_16(out + 1, load_shared_16(other + row));
    cp_async_wait<1>();
    sync_block();
    store_16(out + 2, load_shared_16(other + 2 * row));
    cp_async_wait<0>();
    sync_block();
    store_16(out + 3, load_shared_16(other + 3 * row));
}

// Rows of matrices anywhere in shared memory: input 2 says where for each lane.
KERNEL(CONFORMANCE_THREADS, 1) conformance_load_matrices(uint4* output, const uint4* input) {
    const uint4* in = conformance::input_of_thread<3>(input);
    uint4* out = conformance::output_of_thread<4>(output);
    const SharedAddress shared = shared_base(), half = conformance::THREADS * 16, mine = shared + threadIdx.x * 16;
    cp_async_16(mine, in, true);
    cp_async_16(mine + half, in + 1, true);
    cp_async_commit();
    cp_async_wait<0>();
    sync_block();
    const SharedAddress row = shared + load_16(in + 2).x % conformance::THREADS * 16;
    uint4 plain[2], transposed[2];
    load_matrices(plain, row, half);
    load_matrices_transposed(transposed, row, half);
    UNROLL for (int i = 0; i < 2; i++) {
        store_16(out + i, plain[i]);
        store_16(out + 2 + i, transposed[i]);
    }
}

KERNEL(CONFORMANCE_THREADS, 1) conformance_mma_bf16(uint4* output, const uint4* input) {
    conformance::multiply<Bf16>(output, input);
}
KERNEL(CONFORMANCE_THREADS, 1) conformance_mma_f16(uint4* output, const uint4* input) {
    conformance::multiply<Fp16>(output, input);
}

// shuffle_xor with some masks; any_lane of what holds in many lanes, in few, and in none.
KERNEL(CONFORMANCE_THREADS, 1) conformance_lanes(uint4* output, const uint4* input) {
    const uint4 v = load_16(conformance::input_of_thread<1>(input));
    uint4* out = conformance::output_of_thread<3>(output);
    const float x = float_of_bits(v.x);
    store_16(out, conformance::bits(shuffle_xor(x, 1), shuffle_xor(x, 2), shuffle_xor(x, 4), shuffle_xor(x, 8)));
    store_16(out + 1, conformance::bits(shuffle_xor(x, 16), shuffle_xor(x, 3), shuffle_xor(x, 21), shuffle_xor(x, 31)));
    const bool many = any_lane(v.y % 2 == 0), few = any_lane(v.y % 64 == 0), none = any_lane(false);
    store_16(out + 2, make_uint4(many, few, none, 0));
}

KERNEL(CONFORMANCE_THREADS, 1) conformance_sums(uint4* output, const uint4* input) {
    const uint4 v = load_16(conformance::input_of_thread<1>(input));
    const SharedAddress scratch = shared_base();
    const float of_warp = warp_sum(float_of_bits(v.x));
    const float of_block = block_sum<CONFORMANCE_THREADS>(float_of_bits(v.y), scratch);
    store_16(conformance::output_of_thread<1>(output), conformance::bits(of_warp, of_block, 0.0f, 0.0f));
}

KERNEL(CONFORMANCE_THREADS, 1) conformance_pack(uint4* output, const uint4* input) {
    const float4 f = floats_4(load_16(conformance::input_of_thread<1>(input)));
    store_16(conformance::output_of_thread<1>(output),
            make_uint4(pack_2<Bf16>(f.x, f.y), pack_2<Bf16>(f.z, f.w), pack_2<Fp16>(f.x, f.y), pack_2<Fp16>(f.z, f.w)));
}

KERNEL(CONFORMANCE_THREADS, 1) conformance_unpack(uint4* output, const uint4* input) {
    const uint4 v = load_16(conformance::input_of_thread<1>(input));
    uint4* out = conformance::output_of_thread<4>(output);
    store_16(out, bits_4(unpack_4<Bf16>(make_uint2(v.x, v.y))));
    store_16(out + 1, bits_4(unpack_4<Bf16>(make_uint2(v.z, v.w))));
    store_16(out + 2, bits_4(unpack_4<Fp16>(make_uint2(v.x, v.y))));
    store_16(out + 3, bits_4(unpack_4<Fp16>(make_uint2(v.z, v.w))));
}

KERNEL(CONFORMANCE_THREADS, 1) conformance_approximations(uint4* output, const uint4* input) {
    const float4 f = floats_4(load_16(conformance::input_of_thread<1>(input)));
    uint4* out = conformance::output_of_thread<4>(output);
    store_16(out, conformance::bits(
                          exp2_approximate(f.x), exp2_approximate(f.y), exp2_approximate(f.z), exp2_approximate(f.w)));
    store_16(out + 1, conformance::bits(rsqrt_approximate(f.x), rsqrt_approximate(f.y), rsqrt_approximate(f.z),
                              rsqrt_approximate(f.w)));
    store_16(out + 2, conformance::bits(reciprocal_approximate(f.x), reciprocal_approximate(f.y),
                              reciprocal_approximate(f.z), reciprocal_approximate(f.w)));
    store_16(out + 3, conformance::bits(silu(f.x), silu(f.y), silu(f.z), silu(f.w)));
}

KERNEL(CONFORMANCE_THREADS, 1) conformance_arithmetic(uint4* output, const uint4* input) {
    const float4 f = floats_4(load_16(conformance::input_of_thread<1>(input)));
    uint4* out = conformance::output_of_thread<2>(output);
    store_16(out, conformance::bits(fused_multiply_add(f.x, f.y, f.z), fused_multiply_add(f.y, f.z, f.w),
                          fused_multiply_add(f.z, f.w, f.x), fused_multiply_add(f.w, f.x, f.y)));
    store_16(out + 1, conformance::bits(f.x + f.y, f.y - f.z, f.z * f.w, f.w / f.x));
}
