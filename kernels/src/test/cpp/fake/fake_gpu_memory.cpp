// Device memory: limits, leaks, and what is freed.
#include "fake_gpu_case.h"

namespace fake_gpu {

constexpr int INVALID_VALUE = 1, OUT_OF_MEMORY = 2, ILLEGAL_ADDRESS = 700;
constexpr int FREE_MEMORY = 0x7f000005;

static void test_freeing(check::Cases& cases) {
    run(cases, "memory freed once", [] {
        const Device device;
        Address a = 0;
        OK(cuMemAlloc_v2(&a, 1000));
        OK(cuMemFree_v2(a));
        return "";
    });
    run(cases, "memory freed twice", {"was freed already, by call 5", "", {}}, [] {
        const Device device;
        Address a = 0;
        OK(cuMemAlloc_v2(&a, 1000));
        OK(cuMemFree_v2(a));
        FAILS(INVALID_VALUE, cuMemFree_v2(a));
        return "";
    });
    run(cases, "memory freed from its middle", {"is not the beginning of device memory", "", {}}, [] {
        const Device device;
        const Buffer<char> a(1000);
        FAILS(INVALID_VALUE, cuMemFree_v2(a.address + 256));
        return "";
    });
    run(cases, "a copy to freed memory", {"is device memory that call 5 has freed", "", {}}, [] {
        const Device device;
        Address a = 0;
        OK(cuMemAlloc_v2(&a, 8));
        OK(cuMemFree_v2(a));
        FAILS(INVALID_VALUE, cuMemcpyHtoD_v2(a, "1234567", 8));
        return "";
    });
    run(cases, "a kernel on freed memory", {"that was freed, at ", "", {}}, [] {
        const Device device;
        const Module module;
        const Buffer<uint16_t> gated(8);
        Address gate_up = 0;
        OK(cuMemAlloc_v2(&gate_up, 32));
        OK(cuMemFree_v2(gate_up));
        OK(launch_swiglu(module, gated.address, gate_up, 1, 8, nullptr));
        FAILS(ILLEGAL_ADDRESS, cuCtxSynchronize());
        return "";
    });
    run(cases, "memory freed while work on it is pending", [] {
        // As a driver does, freeing waits.
        const Device device;
        const Module module;
        const Buffer<uint16_t> gated(8);
        Address gate_up = 0;
        OK(cuMemAlloc_v2(&gate_up, 32));
        OK(cuMemsetD8_v2(gate_up, 0, 32));
        OK(launch_swiglu(module, gated.address, gate_up, 1, 8, nullptr));
        OK(cuMemFree_v2(gate_up));
        check::require(gated.download() == std::vector<uint16_t>(8), "not zero");
        return "";
    });
}

static void test_limits(check::Cases& cases) {
    run(cases, "memory has a limit", {"", "", {"FAKE_GPU_MEMORY=10000"}}, [] {
        const Device device;
        const Buffer<char> most(9000);
        Address a = 0;
        FAILS(OUT_OF_MEMORY, cuMemAlloc_v2(&a, 1001));
        size_t free = 0, total = 0;
        OK(cuMemGetInfo_v2(&free, &total));
        check::require(free == 1000 && total == 10000, std::to_string(free) + " of " + std::to_string(total));
        const Buffer<char> rest(1000);
        return "";
    });
    run(cases, "memory that others hold", {"", "", {"FAKE_GPU_MEMORY=10000"}}, [] {
        const Device device;
        set_control(FREE_MEMORY, 500);
        Address a = 0;
        FAILS(OUT_OF_MEMORY, cuMemAlloc_v2(&a, 501));
        {
            const Buffer<char> all(500);
            check::require(control(FREE_MEMORY) == 0, "some is left");
        }
        set_control(FREE_MEMORY, 0);
        const Buffer<char> more(10000);
        return "";
    });
    run(cases, "each device has its own memory", {"", "", {"FAKE_GPU_MEMORY=10000", "FAKE_GPU_DEVICES=2"}}, [] {
        const Device first(0);
        const Buffer<char> of_first(10000);
        const Device second(1);
        const Buffer<char> of_second(10000);
        check::require(control(0x7f000002) == 20000, "live bytes");
        return "";
    });
    run(cases, "memory without bytes", {"no bytes", "", {}}, [] {
        const Device device;
        Address a = 0;
        FAILS(INVALID_VALUE, cuMemAlloc_v2(&a, 0));
        return "";
    });
}

static void test_leaks(check::Cases& cases) {
    run(cases, "device memory leaked", {"", "device memory of device 0: 1234 bytes, allocated by call 4", {}}, [] {
        const Device device;
        Address a = 0;
        OK(cuMemAlloc_v2(&a, 1234));
        return "";
    });
    run(cases, "page-locked memory leaked", {"", "page-locked host memory: 1234 bytes, allocated by call 4", {}}, [] {
        const Device device;
        void* a = nullptr;
        OK(cuMemAllocHost_v2(&a, 1234));
        return "";
    });
    run(cases, "a stream leaked", {"", "stream of device 0, created by call 4", {}}, [] {
        const Device device;
        void* stream = nullptr;
        OK(cuStreamCreate(&stream, 1));
        return "";
    });
    run(cases, "an event leaked", {"", "event of device 0, created by call 4", {}}, [] {
        const Device device;
        void* event = nullptr;
        OK(cuEventCreate(&event, 0));
        return "";
    });
    run(cases, "a module leaked", {"", "module of device 0, loaded by call 4", {}}, [] {
        const Device device;
        void* module = nullptr;
        OK(cuModuleLoadData(&module, image().c_str()));
        return "";
    });
    run(cases, "a cuBLAS handle leaked", {"", "cuBLAS handle, created by call 4", {}}, [] {
        const Device device;
        void* handle = nullptr;
        OK(cublasCreate_v2(&handle));
        return "";
    });
    run(cases, "a context leaked", {"", "context of device 0, retained by call 2", {}}, [] {
        void* context = nullptr;
        OK(cuInit(0));
        OK(cuDevicePrimaryCtxRetain(&context, 0));
        return "";
    });
    run(cases, "memory leaked by a process that keeps its context", {"", "1234 bytes, allocated by call 4", {}}, [] {
        new Device;
        new Buffer<char>(1234);
        return "";
    });
}

void test_memory(check::Cases& cases) {
    test_freeing(cases);
    test_limits(cases);
    test_leaks(cases);
}

}  // namespace fake_gpu
