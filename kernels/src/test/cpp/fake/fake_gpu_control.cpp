// Calls that fail on request, and what can be asked.
#include <dlfcn.h>

#include <cstring>

#include "fake_gpu_case.h"

namespace fake_gpu {

constexpr int UNKNOWN = 999, OUT_OF_MEMORY = 2, ALLOC_FAILED = 3, EXECUTION_FAILED = 13;
constexpr int FAIL_CALL = 0x7f000001, LIVE_BYTES = 0x7f000002, LIVE_OBJECTS = 0x7f000003, LAUNCHES = 0x7f000004;
constexpr int LEAKED = 0x7f000007, DEVICE_BYTES = 0x7f000008, COPIED_BYTES = 0x7f000009;
constexpr int ALLOCATED_BYTES = 0x7f00000a, PTX_ERROR = 0x7f00000c;

// A program that does a bit of everything and gives back all that it got; how many of its calls failed.
static int use_everything() {
    int failed = 0;
    const auto did = [&](int error) {
        failed += error != 0;
        return error == 0;
    };
    void *context = nullptr, *module = nullptr, *function = nullptr, *stream = nullptr, *event = nullptr;
    void *host = nullptr, *handle = nullptr;
    Address memory = 0;
    const std::string text = image();
    if (!did(cuInit(0))) return failed;
    if (!did(cuDevicePrimaryCtxRetain(&context, 0))) return failed;
    if (did(cuCtxSetCurrent(context))) {
        const bool has_module = did(cuModuleLoadData(&module, text.c_str()));
        if (has_module) did(cuModuleGetFunction(&function, module, "swiglu_bf16"));
        const bool has_stream = did(cuStreamCreate(&stream, 1));
        const bool has_event = did(cuEventCreate(&event, 2));
        const bool has_host = did(cuMemAllocHost_v2(&host, 100));
        const bool has_memory = did(cuMemAlloc_v2(&memory, 100));
        const bool has_handle = did(cublasCreate_v2(&handle));
        if (has_host && has_memory && has_stream) {
            memset(host, 0, 100);
            did(cuMemcpyHtoDAsync_v2(memory, host, 100, stream));
            if (has_event) did(cuEventRecord(event, stream));
            did(cuStreamSynchronize(stream));
        }
        if (has_handle) did(cublasDestroy_v2(handle));
        if (has_memory) did(cuMemFree_v2(memory));
        if (has_host) did(cuMemFreeHost(host));
        if (has_event) did(cuEventDestroy_v2(event));
        if (has_stream) did(cuStreamDestroy_v2(stream));
        if (has_module) did(cuModuleUnload(module));
    }
    did(cuDevicePrimaryCtxRelease_v2(0));
    return failed;
}

static void test_failing(check::Cases& cases) {
    run(cases, "each call fails once, and nothing is left", [] {
        set_control(FAIL_CALL, 0);
        check::require(use_everything() == 0, "a call failed unasked");
        const int calls = control(FAIL_CALL);
        for (int k = 1; k <= calls; k++) {
            set_control(FAIL_CALL, k);
            const int failed = use_everything();
            check::require(failed == 1, std::to_string(failed) + " calls failed for k = " + std::to_string(k));
            const bool is_clean = control(LIVE_BYTES) == 0 && control(LIVE_OBJECTS) == 0;
            check::require(is_clean, "something is left for k = " + std::to_string(k));
        }
        set_control(FAIL_CALL, 0);
        check::require(use_everything() == 0, "a call failed afterwards");
        return std::to_string(calls) + " calls";
    });
    run(cases, "what the failing call gives", [] {
        const Device device;
        Address memory = 0;
        void *host = nullptr, *handle = nullptr;
        set_control(FAIL_CALL, 1);
        FAILS(OUT_OF_MEMORY, cuMemAlloc_v2(&memory, 100));
        set_control(FAIL_CALL, 1);
        FAILS(OUT_OF_MEMORY, cuMemAllocHost_v2(&host, 100));
        set_control(FAIL_CALL, 1);
        FAILS(ALLOC_FAILED, cublasCreate_v2(&handle));
        OK(cublasCreate_v2(&handle));
        set_control(FAIL_CALL, 1);
        FAILS(EXECUTION_FAILED, cublasSetStream_v2(handle, nullptr));
        char device_name[100];
        int version = 0;
        set_control(FAIL_CALL, 1);
        FAILS(UNKNOWN, cuDeviceGetName(device_name, sizeof device_name, 0));
        set_control(FAIL_CALL, 1);
        FAILS(UNKNOWN, cuDriverGetVersion(&version));
        set_control(FAIL_CALL, 1);
        FAILS(EXECUTION_FAILED, cublasGetVersion_v2(handle, &version));
        set_control(FAIL_CALL, 2);
        OK(cuCtxSynchronize());
        FAILS(UNKNOWN, cuCtxSynchronize());
        OK(cuCtxSynchronize());
        OK(cublasDestroy_v2(handle));
        return "";
    });
    run(cases, "a call that waits does so before it fails", [] {
        const Device device;
        const Stream stream;
        const Buffer<int> a(1);
        const Locked<int> host(1);
        OK(cuMemcpyHtoDAsync_v2(a.address, host.data, 4, stream.handle));
        set_control(FAIL_CALL, 1);
        FAILS(UNKNOWN, cuStreamSynchronize(stream.handle));
        host.data[0] = 7;
        OK(cuStreamSynchronize(stream.handle));
        return "";
    });
    run(cases, "questions for names of errors do not count", [] {
        const Device device;
        set_control(FAIL_CALL, 1);
        const char* name = nullptr;
        OK(cuGetErrorName(2, &name));
        check::require(name == std::string("CUDA_ERROR_OUT_OF_MEMORY"), name);
        check::require(cublasGetStatusName(13) == std::string("CUBLAS_STATUS_EXECUTION_FAILED"), "status");
        check::require(control(FAIL_CALL) == 0, "a call was counted");
        set_control(FAIL_CALL, 0);
        return "";
    });
}

static void test_counts(check::Cases& cases) {
    run(cases, "what is live is counted", [] {
        check::require(control(LIVE_OBJECTS) == 0, "before anything");
        const Device device;
        const Module module;
        const Stream stream;
        const Event event;
        const Locked<char> host(10);
        const Buffer<char> first(10), second(20);
        check::require(control(LIVE_OBJECTS) == 5, std::to_string(control(LIVE_OBJECTS)) + " objects");
        check::require(control(LIVE_BYTES) == 30, std::to_string(control(LIVE_BYTES)) + " bytes");
        return "";
    });
    run(cases, "what ends only with its context is counted", {"", "device memory of device 0: 10 bytes", {}}, [] {
        void *context = nullptr, *handle = nullptr;
        Address memory = 0;
        const std::string text = image();
        OK(cuInit(0));
        OK(cuDevicePrimaryCtxRetain(&context, 0));
        OK(cuCtxSetCurrent(context));
        OK(cuModuleLoadData(&handle, text.c_str()));
        OK(cuStreamCreate(&handle, 1));
        OK(cuEventCreate(&handle, 2));
        OK(cuMemAlloc_v2(&memory, 10));
        check::require(control(LEAKED) == 0, "counted while they live");
        OK(cuDevicePrimaryCtxRelease_v2(0));
        check::require(control(LEAKED) == 4, std::to_string(control(LEAKED)));
        check::require(control(LIVE_OBJECTS) == 0 && control(LIVE_BYTES) == 0, "they live");
        return "";
    });
    run(cases, "bytes are counted of each device", {"", "", {"FAKE_GPU_DEVICES=2"}}, [] {
        const Device first(0);
        const Buffer<char> a(10);
        const Device second(1);
        check::require(control(DEVICE_BYTES) == 0, "of the second, before it has any");
        const Buffer<char> b(20);
        check::require(control(DEVICE_BYTES) == 20, std::to_string(control(DEVICE_BYTES)) + " of the second");
        first.make_current();
        check::require(control(DEVICE_BYTES) == 10, std::to_string(control(DEVICE_BYTES)) + " of the first");
        return "";
    });
    run(cases, "what was copied and allocated is counted", [] {
        const Device device;
        for (int i = 0; i < 2; i++) {
            const Buffer<char> a(std::vector<char>(10));
            const Buffer<char> b(20);
            OK(cuMemcpyDtoD_v2(b.address, a.address, 10));
            a.download();
        }
        check::require(control(COPIED_BYTES) == 20, std::to_string(control(COPIED_BYTES)) + " copied");
        check::require(control(ALLOCATED_BYTES) == 60, std::to_string(control(ALLOCATED_BYTES)) + " allocated");
        return "";
    });
    run(cases, "an image is refused on request", [] {
        const Device device;
        void* module = nullptr;
        const std::string text = image();
        set_control(PTX_ERROR, 222);
        FAILS(222, cuModuleLoadData(&module, text.c_str()));
        set_control(PTX_ERROR, 0);
        const Module loaded;
        return "";
    });
    run(cases, "launches are counted", [] {
        const Device device;
        const Module module;
        const Buffer<uint16_t> gated(8), gate_up(std::vector<uint16_t>(16));
        for (int i = 0; i < 3; i++) OK(launch_swiglu(module, gated.address, gate_up.address, 1, 8, nullptr));
        check::require(control(LAUNCHES) == 3, std::to_string(control(LAUNCHES)));
        return "";
    });
    run(cases, "a control that there is not", {"there is no control 0x7f0000ff", "", {}}, [] {
        size_t value = 0;
        FAILS(1, cuCtxGetLimit(&value, 0x7f0000ff));
        return "";
    });
}

static void test_unsupported(check::Cases& cases) {
    for (const char* const name : {"cuCtxCreate_v2", "cuGraphLaunch", "cuLaunchHostFunc", "cuMemAllocAsync",
                 "cuMemFreeAsync", "cuMemHostGetDevicePointer_v2", "cuModuleGetGlobal_v2", "cuPointerGetAttribute"}) {
        run(cases, name + std::string(" is not modelled"), {name + std::string(": is not among the functions"), "", {}},
                [=] {
                    const auto function = reinterpret_cast<int (*)(void*, void*)>(dlsym(RTLD_DEFAULT, name));
                    check::require(function != nullptr, "it is not there");
                    FAILS(801, function(nullptr, nullptr));
                    return "";
                });
    }
}

void test_control(check::Cases& cases) {
    test_failing(cases);
    test_counts(cases);
    test_unsupported(cases);
}

}  // namespace fake_gpu
