// Cases, random data, and how far a result may be from its float64 reference.
#pragma once
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "machine.h"

namespace check {

// The tolerance table. `tolerance` bounds |got - reference| / |reference| (Frobenius) of a kernel that computes in
// float and rounds its result once. With p bits of significand a rounding's error is uniform within half of 2^(1-p)
// times the power of two below the value: 2^(1-p) / sqrt(12) over the root mean square significand of normal values,
// 1.36. That is 1.66e-3 of bf16 (p = 8) and 2.07e-4 of fp16 (p = 11); the rest is for factors that are rounded, too, as
// attention's are. Half also names the type and converts it, rounding to nearest even.
template <class E>
struct Half;
template <>
struct Half<Bf16> {
    static constexpr const char* name = "bf16";
    static constexpr double tolerance = 2e-3;
    static Bf16 of(float v) { return {bf16_of_float(v)}; }
    static float value(Bf16 v) { return float_of_bf16(v.bits); }
};
template <>
struct Half<Fp16> {
    static constexpr const char* name = "f16";
    static constexpr double tolerance = 3e-4;
    static Fp16 of(float v) { return {fp16_of_float(v)}; }
    static float value(Fp16 v) { return float_of_fp16(v.bits); }
};
// Of float results whose sums run in float: some thirty roundings of 2^-24, one after the other.
constexpr double FLOAT_TOLERANCE = 2e-6;

// Sizes: one, odd, around the edges of what a warp or a block takes at a time, the model's, and beyond what it keeps.
inline const std::vector<int> TOKENS = {1, 2, 7, 63, 64, 65, 129, 257};
inline const std::vector<int> HIDDEN = {8, 16, 40, 256, 1000, 5120, 8200, 15368};
inline const std::vector<int> INTERMEDIATE = {8, 24, 688, 13696};

// A matrix beyond 2^32 elements, of which tests touch the last rows only.
constexpr int FAR_ROWS = 300001, FAR_WIDTH = 15360;

using Random = std::mt19937;
std::vector<float> normal(Random& random, size_t count, float deviation, float mean = 0);
template <class E>
std::vector<E> halves(const std::vector<float>& values) {
    std::vector<E> result(values.size());
    for (size_t i = 0; i < values.size(); i++) result[i] = Half<E>::of(values[i]);
    return result;
}
template <class E>
std::vector<float> floats(const std::vector<E>& values) {
    std::vector<float> result(values.size());
    for (size_t i = 0; i < values.size(); i++) result[i] = Half<E>::value(values[i]);
    return result;
}

struct Failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};
// Throws Failure with what() unless it holds.
void require(bool holds, const std::string& what);

// Throws Failure unless every value is finite and |got - reference| / |reference| is within the tolerance; below 2048
// elements, where the mean scatters, within twice that: a single rounding can reach 2^-p. Says the error, the share of
// what is allowed that it uses, and the largest difference of one element.
std::string close(const std::vector<double>& reference, const std::vector<float>& got, double tolerance);

// Throws Failure unless each element is its reference, off by at most the relative error `float_error`, and then
// rounded once to nearest: every element counts, whatever the others' size, and infinity and NaN must be where they
// belong.
void rounded(const std::vector<double>& reference, double float_error, const std::vector<float>& got,
        const std::function<float(float)>& rounding);
template <class E>
void rounded(const std::vector<double>& reference, double float_error, const std::vector<E>& got) {
    rounded(reference, float_error, floats(got), [](float v) { return Half<E>::value(Half<E>::of(v)); });
}
// Both: of a kernel that rounds once.
template <class E>
std::string close_and_rounded(const std::vector<double>& reference, double float_error, const std::vector<E>& got) {
    rounded(reference, float_error, got);
    return close(reference, floats(got), Half<E>::tolerance);
}

// References that more than one test needs.
double silu(double x);
double rms_factor(const float* row, int hidden, double eps);

// Throws Failure unless both hold the same bits; names the first byte's element that differs.
void same_bits(const void* expected, const void* got, size_t count, size_t element_bytes);
template <class T>
void same_bits(const std::vector<T>& expected, const std::vector<T>& got) {
    require(expected.size() == got.size(), "sizes differ");
    same_bits(expected.data(), got.data(), got.size(), sizeof(T));
}

// Throws Failure unless the latest launch accessed so many bytes of global memory, in whole sectors of 32: what the
// lanes of a warp access at once must lie together. Only the emulator can tell.
std::string moved(uint64_t bytes);

// A program's cases. main() makes them of its arguments, calls run() for each, and returns status().
class Cases {
  public:
    // Reads --seed N, --gpu IMAGE, --data-seed N, --nightly, --first, and --without TEXT, which leaves out all cases
    // that have this text in their names.
    Cases(int argc, char** argv);
    // Prints `ok name: figures`, or `FAILED name: why` when the body throws. Memory is freed afterwards. A case draws
    // its data from a generator of its own, seeded by its name and the data seed, which is the schedule's seed unless
    // it is given.
    void run(const std::string& name, const std::function<std::string(Random&)>& body);
    void run(const std::string& name, const std::function<std::string()>& body) {
        run(name, [&](Random&) { return body(); });
    }
    bool nightly() const { return nightly_; }
    int status() const { return failed_ ? 1 : 0; }

  private:
    void read(const std::vector<std::string>& arguments);

    bool nightly_ = false, first_only_ = false;
    unsigned data_seed_ = 0;
    std::string without_;
    int failed_ = 0;
};

}  // namespace check
