// device.cuh against a model of what it asks of the machine, on any bits. On a GPU that is a test of device.cuh and of
// the model; --write FILE keeps what the GPU gave. Elsewhere it is one of the emulator, beside what a GPU gave if that
// is there.
#include <cmath>
#include <cstdio>
#include <cstring>

#include "check.h"
#include "conformance.h"
#include "conformance_model.h"
#include "golden.h"
#include "machine_facts.h"

namespace {

using conformance::Expectation;
using conformance::Words;

constexpr int BLOCKS = 2;
constexpr size_t THREADS = BLOCKS * CONFORMANCE_THREADS;

// SplitMix64: the same numbers everywhere and always, because a golden file belongs to them.
class Bits {
  public:
    explicit Bits(uint64_t seed) : state_(seed) {}
    uint32_t any() {
        uint64_t z = state_ += 0x9e3779b97f4a7c15;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        return (z ^ z >> 31) >> 32;
    }
    uint32_t below(uint32_t limit) { return (uint64_t) any() * limit >> 32; }
    // A float of 2^-range .. 2^range.
    uint32_t moderate(uint32_t range) { return (any() & 0x807fffff) | (127 - range + below(2 * range)) << 23; }
    uint32_t any_float();

  private:
    uint64_t state_;
};

// Zeros, denormals, infinities, NaN with some payloads, ends of ranges, and values half way between two half ones.
constexpr uint32_t SPECIAL[] = {
        0x00000000,
        0x80000000,
        0x00000001,
        0x807fffff,
        0x00400000,
        0x00800000,
        0x3f800000,
        0xbf800000,
        0x7f800000,
        0xff800000,
        0x7fc00000,
        0xffc00000,
        0x7f800001,
        0x7fffffff,
        0xffabcdef,
        0x7f7fffff,
        0xff7fffff,
        0x3f808000,
        0x3f818000,
        0x3f808001,
        0x3f801000,
        0x3f803000,
        0x3f803001,
        0x7f7f7fff,
        0x7f7f8000,
        0x477fe000,
        0x477fefff,
        0x477ff000,
        0xc7800000,
        0x38800000,
        0x387fe000,
        0x387ff000,
        0x33800000,
        0x33000000,
        0x33000001,
        0x33c00000,
        0x42fe0000,
        0x43000000,
        0xc2fc0000,
        0xc3150000,
        0xc3160000,
        0x42b17218,
        0xc2b17218,
        0xc2d00000,
        0x00008000,
};
uint32_t Bits::any_float() {
    const uint32_t kind = below(4);
    return kind == 0 ? SPECIAL[below(std::size(SPECIAL))] : kind == 1 ? moderate(8) : any();
}

void any_bits(Words& input, Bits& bits) {
    for (uint32_t& word : input) word = bits.any();
}
void any_floats(Words& input, Bits& bits) {
    for (uint32_t& word : input) word = bits.any_float();
}
// Every other block moderate, so that not all sums are infinite or NaN.
void addends(Words& input, Bits& bits) {
    for (size_t i = 0; i < input.size(); i++) {
        input[i] = i / (input.size() / BLOCKS) % 2 == 0 ? bits.moderate(10) : bits.any_float();
    }
}

// The operands of a warp, in one of four ways: whole numbers; of one size; of one size, but what the second eight of k
// add takes back what the first did; any bits, without so large exponents that sums pass the largest float.
void operands(Words& input, Bits& bits, int exponent) {
    const int fraction = 15 - exponent, bias = (1 << (exponent - 1)) - 1;
    const auto whole = [&](int size) { return (float) ((int) bits.below(2 * size + 1) - size); };
    const auto half = [&](size_t way) -> uint32_t {
        if (way == 0) {
            const float v = whole(8);
            return exponent == 8 ? bf16_of_float(v) : fp16_of_float(v);
        }
        const uint32_t random = bits.any() >> 16, sign_and_fraction = random & (0x8000 | ((1 << fraction) - 1));
        if (way < 3) return sign_and_fraction | (bias - 4 + bits.below(8)) << fraction;
        const uint32_t e = exponent == 5 ? bits.below(31 + (bits.below(64) == 0)) : bias - 62 + bits.below(124);
        return bits.below(100) == 0 ? random : sign_and_fraction | e << fraction;
    };
    for (size_t thread = 0; thread < THREADS; thread++) {
        const size_t way = thread / 32 % 4;
        uint32_t* in = &input[thread * 48];
        for (int i = 0; i < 16; i++) {
            const uint32_t low = half(way);
            in[i] = low | half(way) << 16;
        }
        for (int i = 16; i < 48; i++) {
            in[i] = way == 0 ? bits_of_float(whole(1000)) : way == 3 ? bits.any_float() : bits.moderate(4);
        }
        if (way != 2) continue;
        for (int i = 0; i < 8; i += 4) memcpy(&in[i + 2], &in[i], 2 * sizeof *in);  // of a: k + 8 as k
        for (int i = 8; i < 16; i += 2) in[i + 1] = in[i] ^ 0x80008000;             // of b: minus that
    }
}
void bf16_operands(Words& input, Bits& bits) { operands(input, bits, 8); }
void f16_operands(Words& input, Bits& bits) { operands(input, bits, 5); }

struct Kernel {
    const char *name, *function_name;
    void (*function)(uint4*, const uint4*);
    size_t inputs, outputs;  // words
    Expectation (*model)(const Words&);
    void (*fill)(Words&, Bits&);
};
#define LISTED(name, inputs, outputs)                                                                                 \
    {#name, "conformance_" #name, conformance_##name, inputs * 4 * THREADS, outputs * 4 * THREADS, conformance::name, \
            fill_##name},
constexpr auto fill_global_memory = any_bits, fill_shared_memory = any_bits, fill_cp_async = any_bits,
               fill_load_matrices = any_bits, fill_lanes = any_bits, fill_unpack = any_bits, fill_pack = any_floats,
               fill_approximations = any_floats, fill_arithmetic = any_floats, fill_sums = addends,
               fill_mma_bf16 = bf16_operands, fill_mma_f16 = f16_operands;
const Kernel KERNELS[] = {CONFORMANCE_KERNELS(LISTED)};
#undef LISTED

Words input_of(const Kernel& kernel, uint64_t round) {
    Bits bits(round * 1000003 + kernel.inputs);
    Words input(kernel.inputs);
    kernel.fill(input, bits);
    return input;
}

Words run(const Kernel& kernel, const Words& input) {
    uint32_t* output = machine::allocate<uint32_t>(kernel.outputs);
    machine::launch(kernel.function_name, kernel.function, {dim3(BLOCKS), dim3(CONFORMANCE_THREADS), 8192},
            reinterpret_cast<uint4*>(output), reinterpret_cast<const uint4*>(machine::upload(input)));
    return machine::download(output, kernel.outputs);
}

// The largest share of a bound that a word uses.
double compared(const Expectation& expected, const Words& got) {
    check::require(got.size() == expected.size(), "sizes differ");
    double used = 0;
    for (size_t i = 0; i < got.size(); i++) {
        const conformance::Expected& e = expected[i];
        if (!e.allows(got[i])) {
            char text[160];
            snprintf(text, sizeof text, "word %zu is %08x (%g), not %08x (%.9g within %.1e)", i, got[i],
                    float_of_bits(got[i]), e.kind == e.NEAR ? bits_of_float(e.value) : e.bits, e.value, e.bound);
            throw check::Failure(text);
        }
        used = std::max(used, e.used(got[i]));
    }
    return used;
}

std::string off(double used) {
    if (used == 0) return "exact";
    return "off by at most " + std::to_string((int) std::ceil(100 * used)) + " % of what is allowed";
}

// On new bits in each round.
std::string as_the_model(const Kernel& kernel, int rounds) {
    double used = 0;
    for (int round = 0; round < rounds; round++) {
        const Words input = input_of(kernel, round);
        used = std::max(used, compared(kernel.model(input), run(kernel, input)));
        machine::free_all();
    }
    return std::to_string(rounds * kernel.outputs) + " words " + off(used);
}

std::string as_the_gpu(const Kernel& kernel, const Words& golden) {
    const Words input = input_of(kernel, 0), here = run(kernel, input);
    const double used = compared(kernel.model(input), golden);
    size_t same = 0;
    for (size_t i = 0; i < here.size(); i++) same += here[i] == golden[i];
    return std::to_string(same) + " of " + std::to_string(here.size()) + " words have the same bits; the GPU's are " +
           off(used);
}

std::string hash_of_inputs() {
    Words all;
    for (const Kernel& kernel : KERNELS) {
        const Words input = input_of(kernel, 0);
        all.insert(all.end(), input.begin(), input.end());
    }
    return hash_of(all.data(), all.size() * sizeof(uint32_t));
}

// This file's folder is where the others are found from: programs are built and run in the module's folder.
const std::string FOLDER = std::string(__FILE__).substr(0, std::string(__FILE__).rfind('/') + 1);
const std::string DEVICE_CUH = FOLDER + "../../main/cuda/device.cuh", GOLDEN = FOLDER + "../cuda/conformance.golden";

Golden golden_of_here() {
    Golden golden;
    golden.facts = {{"device.cuh", hash_of_text(DEVICE_CUH)}, {"inputs", hash_of_inputs()},
            {"machine", machine_facts()}, {"date", today()}};
    for (const Kernel& kernel : KERNELS) {
        golden.parts[kernel.name] = run(kernel, input_of(kernel, 0));
        machine::free_all();
    }
    return golden;
}

// What a GPU gave belongs to these inputs and kernels, or cannot be compared; where only device.cuh has changed since
// then, it is compared, and said to be stale.
void compare_with_golden(check::Cases& cases) {
    const char* const remedy = "; run kernels/on-gpu on a machine with a GPU, and commit what it says\n";
    if (!is_there(GOLDEN)) {
        printf("skipped conformance with a GPU: no src/test/cuda/conformance.golden%s", remedy);
        return;
    }
    Golden golden;
    cases.run("conformance.golden can be read", [&] {
        golden = Golden::read(GOLDEN);
        return golden.facts["machine"] + ", " + golden.facts["date"];
    });
    if (golden.parts.empty()) return;
    bool is_of_these = golden.facts["inputs"] == hash_of_inputs();
    for (const Kernel& kernel : KERNELS) is_of_these &= golden.parts[kernel.name].size() == kernel.outputs;
    if (!is_of_these) {
        printf("skipped conformance with a GPU: conformance.golden is of other inputs%s", remedy);
        return;
    }
    if (golden.facts["device.cuh"] != hash_of_text(DEVICE_CUH)) {
        printf("skipped conformance of this device.cuh with a GPU: conformance.golden is of an older one%s", remedy);
    }
    for (const Kernel& kernel : KERNELS) {
        cases.run(std::string(kernel.name) + " is as " + golden.facts["machine"] + " has it",
                [&] { return as_the_gpu(kernel, golden.parts[kernel.name]); });
    }
}

// Takes --write FILE out of the arguments; empty where it is not there.
std::string file_to_write(int& argc, char** argv) {
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], "--write") != 0) continue;
        const std::string file = argv[i + 1];
        for (int j = i; j + 2 <= argc; j++) argv[j] = argv[j + 2];
        argc -= 2;
        return file;
    }
    return "";
}

}  // namespace

int main(int argc, char** argv) {
    const std::string file = file_to_write(argc, argv);
    check::Cases cases(argc, argv);
    if (!file.empty() && !machine::is_gpu()) {
        fprintf(stderr, "%s: --write keeps what a GPU gives, and wants --gpu IMAGE\n", argv[0]);
        return 2;
    }
    const int rounds = machine::is_gpu() || cases.nightly() ? 100 : 5;
    for (const Kernel& kernel : KERNELS) cases.run(kernel.name, [&] { return as_the_model(kernel, rounds); });
    if (!file.empty()) {
        cases.run("written to " + file, [&] {
            golden_of_here().write(file);
            return machine_facts();
        });
    }
    compare_with_golden(cases);
    return cases.status();
}
