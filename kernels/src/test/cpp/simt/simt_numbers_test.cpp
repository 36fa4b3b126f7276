// That conversions and approximations of the emulator are right for every half, at every boundary of rounding, and the
// same on every computer.
#include <cmath>
#include <cstring>

#include "check.h"

using check::require;

namespace {

struct Format {
    const char* name;
    int mantissa_bits, bias;
    uint16_t infinity;
    float (*value)(uint16_t);
    uint16_t (*half)(float);
};
const Format BF16{"bf16", 7, 127, 0x7f80, float_of_bf16, bf16_of_float};
const Format FP16{"f16", 10, 15, 0x7c00, float_of_fp16, fp16_of_float};

// By the definition of the format, of the bits without the sign; infinity counts as the next number.
double definition(const Format& format, uint32_t bits) {
    const int exponent = bits >> format.mantissa_bits, mantissa = bits & ((1 << format.mantissa_bits) - 1);
    if (exponent == 0) return std::ldexp(mantissa, 1 - format.bias - format.mantissa_bits);
    return std::ldexp((1 << format.mantissa_bits) + mantissa, exponent - format.bias - format.mantissa_bits);
}

std::string values(const Format& format) {
    for (uint32_t bits = 0; bits < 65536; bits++) {
        const float got = format.value(bits);
        const uint32_t size = bits & 0x7fff;
        if (size > format.infinity) {
            require(std::isnan(got) && format.half(got) == 0x7fff, "nan " + std::to_string(bits));
            continue;
        }
        const double expected = size == format.infinity ? INFINITY : definition(format, size);
        require(std::fabs(got) == expected && std::signbit(got) == bits >> 15, "value of " + std::to_string(bits));
        require(format.half(got) == bits, "there and back: " + std::to_string(bits));
    }
    return "65536 values";
}

// Between two neighbours: what is nearer, and at the middle the even one.
std::string boundaries(const Format& format) {
    for (uint32_t low = 0; low < format.infinity; low++) {
        const double exact = (definition(format, low) + definition(format, low + 1)) / 2;
        const float middle = static_cast<float>(exact);
        require(middle == exact, "a middle that is no float");
        for (const uint32_t sign : {0x0000, 0x8000}) {
            const auto half = [&](float v) { return format.half(sign ? -v : v) - sign; };
            const std::string where = " of " + std::to_string(low);
            require(half(middle) == low + (low & 1), "middle" + where);
            require(half(std::nextafter(middle, 0.0f)) == low, "below the middle" + where);
            require(half(std::nextafter(middle, INFINITY)) == low + 1, "above the middle" + where);
        }
    }
    return std::to_string(2 * format.infinity) + " boundaries";
}

std::string pairs() {
    check::Random random(1);
    for (int i = 0; i < 100000; i++) {
        const float low = float_of_bits(random()), high = float_of_bits(random());
        const uint32_t bf16 = pack_2<Bf16>(low, high), f16 = pack_2<Fp16>(low, high);
        require(bf16 == (bf16_of_float(low) | static_cast<uint32_t>(bf16_of_float(high)) << 16), "bf16");
        require(f16 == (fp16_of_float(low) | static_cast<uint32_t>(fp16_of_float(high)) << 16), "f16");
        const float2 from_bf16 = unpack_2<Bf16>(bf16), from_f16 = unpack_2<Fp16>(f16);
        require(bits_of_float(from_bf16.x) == bits_of_float(float_of_bf16(bf16 & 0xffff)), "bf16 low");
        require(bits_of_float(from_bf16.y) == bits_of_float(float_of_bf16(bf16 >> 16)), "bf16 high");
        require(bits_of_float(from_f16.x) == bits_of_float(float_of_fp16(f16 & 0xffff)), "f16 low");
        require(bits_of_float(from_f16.y) == bits_of_float(float_of_fp16(f16 >> 16)), "f16 high");
    }
    return "100000 pairs";
}

// The sum of results' bits is what it was where this was written.
void require_hash(uint64_t hash, uint64_t expected) {
    char text[64];
    snprintf(text, sizeof text, "other bits than elsewhere: hash %#zx", static_cast<size_t>(hash));
    require(hash == expected, text);
}
uint64_t add_to_hash(uint64_t hash, uint32_t bits) { return (hash ^ bits) * 0x100000001b3; }

std::string exp2_values() {
    check::Random random(1);
    double worst = 0;
    uint64_t hash = 0;
    for (int i = 0; i < 1000000; i++) {
        const float x = static_cast<int32_t>(random()) * 0x1p-24f;  // from -128 to 128
        const float got = exp2_approximate(x);
        hash = add_to_hash(hash, bits_of_float(got));
        if (x < -126) {
            require(got == 0, "a denormal result");
            continue;
        }
        const double exact = std::exp2(static_cast<double>(x));
        worst = std::max(worst, std::fabs(got - exact) / exact);
    }
    require(worst < 0x1.01p-24, "relative error " + std::to_string(worst * 0x1p24) + " * 2^-24");
    for (int n = -126; n < 128; n++) require(exp2_approximate(n) == std::ldexp(1.0f, n), "2^" + std::to_string(n));
    require(exp2_approximate(128) == INFINITY && exp2_approximate(INFINITY) == INFINITY, "infinity");
    require(exp2_approximate(-INFINITY) == 0 && exp2_approximate(0x1p-140f) == 1, "zero");
    require(std::isnan(exp2_approximate(NAN)), "not a number");
    require_hash(hash, 0xba8e1a130edd99e3);
    return "relative error at most " + std::to_string(worst * 0x1p24) + " * 2^-24";
}

}  // namespace

int main(int argc, char** argv) {
    check::Cases cases(argc, argv);
    for (const Format* format : {&BF16, &FP16}) {
        cases.run(std::string("values_") + format->name, [&] { return values(*format); });
        cases.run(std::string("boundaries_") + format->name, [&] { return boundaries(*format); });
    }
    cases.run("pairs", pairs);
    cases.run("exp2", exp2_values);
    return cases.status();
}
