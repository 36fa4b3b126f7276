// Images, kernels and launches.
#include <cstring>
#include <set>

#include "fake_gpu_case.h"
#include "kernels.h"

namespace fake_gpu {

constexpr int INVALID_VALUE = 1, INVALID_IMAGE = 200, NO_BINARY_FOR_GPU = 209, INVALID_PTX = 218;
constexpr int UNSUPPORTED_PTX_VERSION = 222, INVALID_HANDLE = 400, NOT_FOUND = 500, ILLEGAL_ADDRESS = 700;
constexpr int MAX_DYNAMIC_SHARED = 8;

static std::vector<std::string> machine(int driver, int compute) {
    return {"FAKE_GPU_DRIVER=" + std::to_string(driver), "FAKE_GPU_COMPUTE=" + std::to_string(compute)};
}

static std::string ptx(const std::string& version, const std::string& target) {
    return "// made by hand\n.version " + version + "\n.target " + target +
           "\n.address_size 64\n.visible .entry swiglu_bf16(\n)\n{\n    ret;\n}\n";
}

// A cubin with one kernel, as nvcc 13 writes it: header, sections' names, sections.
static std::string cubin(int compute) {
    std::string bytes(64, '\0');
    const auto put = [&](size_t at, uint64_t value, int count) { memcpy(&bytes[at], &value, count); };
    bytes.replace(0, 9, std::string("\177ELF\2\1\1\x41\x08", 9));
    const std::string names("\0.text.swiglu_bf16\0.shstrtab\0", 30);
    put(16, 2, 2);
    put(18, 190, 2);
    put(40, 64 + 32, 8);
    put(48, (uint64_t) compute << 8 | 0x06000004, 4);
    put(58, 64, 2);
    put(60, 3, 2);
    put(62, 2, 2);
    bytes += names + std::string(32 - names.size(), '\0') + std::string(3 * 64, '\0');
    put(96 + 64, 1, 4);
    put(96 + 128, 19, 4);
    put(96 + 128 + 24, 64, 8);
    return bytes;
}

static void load(check::Cases& cases, const std::string& name, const std::vector<std::string>& environment,
        int expected, const std::string& image) {
    run(cases, name, {"", "", environment}, [&] {
        const Device device;
        void *module = nullptr, *function = nullptr;
        FAILS(expected, cuModuleLoadData(&module, image.c_str()));
        if (expected == 0) {
            OK(cuModuleGetFunction(&function, module, "swiglu_bf16"));
            FAILS(NOT_FOUND, cuModuleGetFunction(&function, module, "swiglu_f16"));
            OK(cuModuleUnload(module));
        }
        return "";
    });
}

static void test_images(check::Cases& cases) {
    load(cases, "PTX 7.0 with a driver of CUDA 11.0", machine(11000, 80), 0, ptx("7.0", "sm_80"));
    load(cases, "PTX 7.1 with a driver of CUDA 11.0", machine(11000, 80), UNSUPPORTED_PTX_VERSION, ptx("7.1", "sm_80"));
    load(cases, "PTX 8.8 with a driver of CUDA 12.9", machine(12090, 80), 0, ptx("8.8", "sm_80"));
    load(cases, "PTX 9.0 with a driver of CUDA 12.9", machine(12090, 80), UNSUPPORTED_PTX_VERSION, ptx("9.0", "sm_80"));
    load(cases, "PTX for a newer device", machine(13000, 75), NO_BINARY_FOR_GPU, ptx("7.0", "sm_80"));
    load(cases, "PTX that was cut", machine(13000, 90), INVALID_PTX, ptx("7.0", "sm_80").substr(0, 100));
    load(cases, "neither PTX nor cubin", machine(13000, 90), INVALID_IMAGE, "not an image");
    if (cubin(90).size() != 96 + 192) throw check::Failure("the cubin made by hand");
}

// With zeros inside, so not by c_str().
static void load_cubin(check::Cases& cases, const std::string& name, const std::vector<std::string>& environment,
        int expected, int compute) {
    run(cases, name, {"", "", environment}, [&] {
        const Device device;
        void *module = nullptr, *function = nullptr;
        FAILS(expected, cuModuleLoadData(&module, cubin(compute).data()));
        if (expected == 0) {
            OK(cuModuleGetFunction(&function, module, "swiglu_bf16"));
            OK(cuModuleUnload(module));
        }
        return "";
    });
}

static void test_cubins(check::Cases& cases) {
    load_cubin(cases, "a cubin of the device", machine(13000, 90), 0, 90);
    load_cubin(cases, "a cubin of an older device of the family", machine(13000, 89), 0, 80);
    load_cubin(cases, "a cubin of a newer device of the family", machine(13000, 80), NO_BINARY_FOR_GPU, 89);
    load_cubin(cases, "a cubin of another family", machine(13000, 90), NO_BINARY_FOR_GPU, 80);
    load_cubin(cases, "a cubin with a driver of CUDA 12", machine(12090, 90), INVALID_IMAGE, 90);
    run(cases, "every kernel of the image is emulated", [] {
        const Device device;
        const Module module;
        const std::string text = image();
        int count = 0;
        for (size_t at = 0; (at = text.find(".entry ", at)) != text.npos; count++) {
            at += strlen(".entry ");
            module.function(text.substr(at, text.find('(', at) - at).c_str());
        }
        void* function = nullptr;
        FAILS(NOT_FOUND, cuModuleGetFunction(&function, module.handle, "swiglu_f32"));
        check::require(count > 0, "none");
        return std::to_string(count) + " kernels";
    });
}

// rms_norm_bf16 of one row of 8, launched in some way.
static int launch_rms_norm(const Module& module, unsigned grid, unsigned threads, unsigned shared_bytes) {
    static const Buffer<uint16_t>&y = *new Buffer<uint16_t>(8),
                 &weight = *new Buffer<uint16_t>(std::vector<uint16_t>(8));
    static const Buffer<float>& x = *new Buffer<float>(std::vector<float>(8, 1));
    int hidden = 8;
    float eps = 1e-6f;
    Address a = y.address, b = x.address, c = weight.address;
    void* parameters[] = {&a, &b, &c, &hidden, &eps};
    return cuLaunchKernel(
            module.function("rms_norm_bf16"), grid, 1, 1, threads, 1, 1, shared_bytes, nullptr, parameters, nullptr);
}

static void refuse_launch(check::Cases& cases, const std::string& name, const std::string& said, unsigned grid,
        unsigned threads, unsigned shared_bytes) {
    run(cases, name, {said, "device memory", {}}, [&] {
        const Device device;
        const Module module;
        FAILS(INVALID_VALUE, launch_rms_norm(module, grid, threads, shared_bytes));
        OK(launch_rms_norm(module, 1, RMS_NORM_THREADS, RMS_NORM_SHARED_BYTES));
        OK(cuCtxSynchronize());
        return "";
    });
}

static void test_launches_only(check::Cases& cases) {
    refuse_launch(cases, "more threads than the launch bounds", "its launch bounds are 128", 1, RMS_NORM_THREADS + 32,
            RMS_NORM_SHARED_BYTES);
    refuse_launch(cases, "more shared memory than allowed", "49153 bytes of dynamic shared memory; 49152 are allowed",
            1, RMS_NORM_THREADS, (48 << 10) + 1);
    refuse_launch(
            cases, "a grid without blocks", "a grid of (0, 1, 1) blocks", 0, RMS_NORM_THREADS, RMS_NORM_SHARED_BYTES);
    run(cases, "a kernel without its shared memory", {"shared", "device memory", {}}, [] {
        const Device device;
        const Module module;
        OK(launch_rms_norm(module, 1, RMS_NORM_THREADS, 0));
        FAILS(ILLEGAL_ADDRESS, cuCtxSynchronize());
        return "";
    });
    run(cases, "shared memory is allowed up to the device's limit", {"at most 232448 are possible", "", {}}, [] {
        const Device device;
        const Module module;
        void* const function = module.function("gemm_bf16");
        int allowed = 0;
        OK(cuFuncSetAttribute(function, MAX_DYNAMIC_SHARED, GEMM_SHARED_BYTES));
        OK(cuFuncGetAttribute(&allowed, MAX_DYNAMIC_SHARED, function));
        check::require(allowed == GEMM_SHARED_BYTES, "not set");
        FAILS(INVALID_VALUE, cuFuncSetAttribute(function, MAX_DYNAMIC_SHARED, (227 << 10) + 1));
        return "";
    });
    run(cases, "a function of a module that was unloaded", {"is no function, or was destroyed", "", {}}, [] {
        const Device device;
        void* function = nullptr;
        {
            const Module module;
            function = module.function("swiglu_bf16");
        }
        void* parameters[] = {nullptr};
        FAILS(INVALID_HANDLE, cuLaunchKernel(function, 1, 1, 1, 128, 1, 1, 0, nullptr, parameters, nullptr));
        return "";
    });
}

static void test_faults(check::Cases& cases) {
    run(cases, "a fault stays until the process ends", {"after which this process is to be ended", "", {}}, [] {
        void* context = nullptr;
        {
            const Device device;
            const Module module;
            const Buffer<uint16_t> gated(8), gate_up(std::vector<uint16_t>(15));
            OK(launch_swiglu(module, gated.address, gate_up.address, 1, 8, nullptr));
            FAILS(ILLEGAL_ADDRESS, cuCtxSynchronize());
        }
        FAILS(ILLEGAL_ADDRESS, cuDevicePrimaryCtxRetain(&context, 0));
        return "";
    });
    const std::vector<std::string> forgiving = {"FAKE_GPU_FAULTS=context"};
    run(cases, "a fault stays until the context ends", {"swiglu_bf16 (call ", "", forgiving}, [] {
        void* context = nullptr;
        OK(cuInit(0));
        OK(cuDevicePrimaryCtxRetain(&context, 0));
        OK(cuCtxSetCurrent(context));
        {
            const Module module;
            const Buffer<uint16_t> gated(8), gate_up(std::vector<uint16_t>(15));
            OK(launch_swiglu(module, gated.address, gate_up.address, 1, 8, nullptr));
            FAILS(ILLEGAL_ADDRESS, cuCtxSynchronize());
            Address more = 0;
            FAILS(ILLEGAL_ADDRESS, cuMemAlloc_v2(&more, 8));
            FAILS(ILLEGAL_ADDRESS, cuMemFree_v2(gated.address));  // and it is freed
            FAILS(INVALID_VALUE, cuMemFree_v2(gated.address));
        }
        OK(cuDevicePrimaryCtxRelease_v2(0));
        const Device again;
        const Buffer<int> a(std::vector<int>{5});
        check::require(a.download()[0] == 5, "differs");
        return "";
    });
    run(cases, "parameters are read at the launch", [] {
        const Device device;
        const Module module;
        const Buffer<uint16_t> gated(8), gate_up(std::vector<uint16_t>(16));
        Address a = gated.address, b = gate_up.address;
        int intermediate = 8;
        void* parameters[] = {&a, &b, &intermediate};
        void* const function = module.function("swiglu_bf16");
        OK(cuLaunchKernel(function, 1, 1, 1, SWIGLU_THREADS, 1, 1, 0, nullptr, parameters, nullptr));
        a = b = 0;
        OK(cuCtxSynchronize());
        return "";
    });
}

void test_launches(check::Cases& cases) {
    test_images(cases);
    test_cubins(cases);
    test_launches_only(cases);
    test_faults(cases);
}

}  // namespace fake_gpu
