// What the kernels of conformance.cu must give, computed from the PTX ISA's words and nothing of device.cuh or the
// emulator.
#pragma once
#include <cstdint>
#include <vector>

namespace conformance {

using Words = std::vector<uint32_t>;

// What a word of output may be. NaN is NaN, whatever its payload, except in BITS: of what is only moved.
struct Expected {
    enum Kind { BITS, FLOAT, BF16_PAIR, F16_PAIR, NEAR, ANYTHING } kind;
    uint32_t bits;        // of all kinds but NEAR
    double value, bound;  // NEAR: a float at most so far from it; infinity and NaN must be just that

    static Expected exactly(uint32_t bits) { return {BITS, bits, 0, 0}; }
    static Expected exactly(float value);
    static Expected near(double value, double bound);
    bool allows(uint32_t word) const;
    // How much of the bound is used, 0 .. 1.
    double used(uint32_t word) const;
};
using Expectation = std::vector<Expected>;

// Words of all threads' inputs -> what is expected of all threads' outputs, for whole blocks of CONFORMANCE_THREADS.
Expectation global_memory(const Words& input);
Expectation shared_memory(const Words& input);
Expectation cp_async(const Words& input);
Expectation load_matrices(const Words& input);
Expectation mma_bf16(const Words& input);
Expectation mma_f16(const Words& input);
Expectation lanes(const Words& input);
Expectation sums(const Words& input);
Expectation pack(const Words& input);
Expectation unpack(const Words& input);
Expectation approximations(const Words& input);
Expectation arithmetic(const Words& input);

}  // namespace conformance
