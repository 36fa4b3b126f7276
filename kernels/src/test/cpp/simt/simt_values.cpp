// Values that a GPU computes in an instruction of its own.
#include "device.cuh"

// 2^x = 2^n * 2^f with f in [-1/2, 1/2]; the series of 2^f in double, whose error is an eighth of a float's last bit at
// most. Steps of fma(), so that no compiler's choice to fuse or not changes a bit.
float exp2_approximate(float x) {
    if (!(x == x)) return float_of_bits(0x7fffffff);
    if (x >= 128) return INFINITY;
    if (x < -126) return 0;
    // ln(2)^i / i!
    constexpr double SERIES[] = {0x1p+0, 0x1.62e42fefa39efp-1, 0x1.ebfbdff82c58fp-3, 0x1.c6b08d704a0c0p-5,
            0x1.3b2ab6fba4e77p-7, 0x1.5d87fe78a6731p-10, 0x1.430912f86c787p-13, 0x1.ffcbfc588b0c7p-17};
    constexpr int TERMS = sizeof SERIES / sizeof *SERIES;
    constexpr double TO_INTEGER = 0x1.8p52;  // added and taken away, it leaves the nearest integer
    const double whole = (x + TO_INTEGER) - TO_INTEGER, f = x - whole;
    double sum = SERIES[TERMS - 1];
    for (int i = TERMS - 2; i >= 0; i--) sum = fma(sum, f, SERIES[i]);
    return static_cast<float>(sum * std::bit_cast<double>(static_cast<uint64_t>(1023 + static_cast<int>(whole)) << 52));
}
