// Devices and contexts: which is current, and whose memory is whose.
#include <thread>

#include "fake_gpu_case.h"

namespace fake_gpu {

constexpr int INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NOT_INITIALIZED = 3, NO_DEVICE = 100, INVALID_DEVICE = 101;
constexpr int INVALID_CONTEXT = 201, PEER_ACCESS_UNSUPPORTED = 217, INVALID_HANDLE = 400, ILLEGAL_ADDRESS = 700;
constexpr int PEER_ACCESS_ALREADY_ENABLED = 704, CONTEXT_IS_DESTROYED = 709, UNKNOWN = 999;
static const std::vector<std::string> TWO = {"FAKE_GPU_DEVICES=2"};
static const std::vector<std::string> NO_PEERS = {"FAKE_GPU_DEVICES=2", "FAKE_GPU_PEERS=0"};

static void test_availability(check::Cases& cases) {
    run(cases, "a machine without a device", {"", "", {"FAKE_GPU_DEVICES=0"}}, [] {
        int count = 0;
        FAILS(NO_DEVICE, cuInit(0));
        FAILS(NOT_INITIALIZED, cuDeviceGetCount(&count));
        return "";
    });
    run(cases, "devices are as the environment says",
            {"", "",
                    {"FAKE_GPU_DEVICES=3", "FAKE_GPU_COMPUTE=89", "FAKE_GPU_DRIVER=12080",
                            "FAKE_GPU_MEMORY=24000000000"}},
            [] {
                int count = 0, driver = 0, major = 0, minor = 0, shared = 0;
                size_t bytes = 0;
                OK(cuDriverGetVersion(&driver));
                OK(cuInit(0));
                OK(cuDeviceGetCount(&count));
                OK(cuDeviceTotalMem_v2(&bytes, 2));
                OK(cuDeviceGetAttribute(&major, 75, 2));
                OK(cuDeviceGetAttribute(&minor, 76, 2));
                OK(cuDeviceGetAttribute(&shared, 97, 2));
                check::require(count == 3 && driver == 12080 && bytes == 24000000000, "count, driver or memory");
                check::require(major == 8 && minor == 9 && shared == 99 << 10, "compute capability");
                return "";
            });
    run(cases, "each device has the memory of its place in the list, or of the last one",
            {"", "", {"FAKE_GPU_DEVICES=4", "FAKE_GPU_MEMORY=24000000000,10000,500"}}, [] {
                OK(cuInit(0));
                for (int number = 0; number < 4; number++) {
                    const size_t expected = number == 0 ? 24000000000 : number == 1 ? 10000 : 500;
                    size_t bytes = 0, free = 0, total = 0;
                    OK(cuDeviceTotalMem_v2(&bytes, number));
                    const Device device(number);
                    OK(cuMemGetInfo_v2(&free, &total));
                    const bool same = bytes == expected && free == expected && total == expected;
                    check::require(same, std::to_string(number) + " has " + std::to_string(bytes));
                }
                const Device device(3);
                const Buffer<char> all(500);
                Address a = 0;
                FAILS(OUT_OF_MEMORY, cuMemAlloc_v2(&a, 1));
                const Device larger(1);
                const Buffer<char> more(10000);
                return "";
            });
    for (const char* const setting : {"FAKE_GPU_MEMORY=1000,", "FAKE_GPU_MEMORY=1000,-5", "FAKE_GPU_MEMORY=2G",
                 "FAKE_GPU_DEVICES=1,2", "FAKE_GPU_PEERS=2"}) {
        run(cases, std::string("a setting that makes no sense, ") + setting, {", not ", "", {setting}}, [] {
            FAILS(UNKNOWN, cuInit(0));
            return "";
        });
    }
    run(cases, "a device that is not there", {"there is no device 1", "", {}}, [] {
        int device = 0;
        OK(cuInit(0));
        FAILS(INVALID_DEVICE, cuDeviceGet(&device, 1));
        return "";
    });
    run(cases, "nothing before cuInit", [] {
        void* context = nullptr;
        FAILS(NOT_INITIALIZED, cuDevicePrimaryCtxRetain(&context, 0));
        return "";
    });
    run(cases, "nothing without a context", {"no context is current to this thread", "", {}}, [] {
        Address a = 0;
        OK(cuInit(0));
        FAILS(INVALID_CONTEXT, cuMemAlloc_v2(&a, 8));
        return "";
    });
    run(cases, "nothing with a context that was released", {"was released", "", {}}, [] {
        Address a = 0;
        {
            const Device device;
        }
        FAILS(CONTEXT_IS_DESTROYED, cuMemAlloc_v2(&a, 8));
        return "";
    });
    run(cases, "a context belongs to its thread", {"no context is current to this thread", "", {}}, [] {
        const Device device;
        std::thread([] { FAILS(INVALID_CONTEXT, cuCtxSynchronize()); }).join();
        return "";
    });
    run(cases, "contexts are pushed and popped", {"", "", TWO}, [] {
        const Device second(1), first(0);
        int device = -1;
        OK(cuCtxPushCurrent_v2(second.context));
        OK(cuCtxGetDevice(&device));
        check::require(device == 1, "not pushed");
        OK(cuCtxPopCurrent_v2(nullptr));
        OK(cuCtxGetDevice(&device));
        check::require(device == 0, "not popped");
        return "";
    });
    run(cases, "a context lives as long as it is retained", {"is not retained", "", {}}, [] {
        OK(cuInit(0));
        void *first = nullptr, *second = nullptr;
        OK(cuDevicePrimaryCtxRetain(&first, 0));
        OK(cuDevicePrimaryCtxRetain(&second, 0));
        check::require(first == second, "two contexts");
        OK(cuDevicePrimaryCtxRelease_v2(0));
        OK(cuCtxSetCurrent(first));
        OK(cuDevicePrimaryCtxRelease_v2(0));
        FAILS(INVALID_CONTEXT, cuDevicePrimaryCtxRelease_v2(0));
        return "";
    });
}

static void test_other_devices(check::Cases& cases) {
    run(cases, "a kernel on another device's memory", {"of device 1, to which this one has no access", "", TWO}, [] {
        const Device other(1);
        const Buffer<uint16_t> gate_up(std::vector<uint16_t>(16));
        const Device device(0);
        const Module module;
        const Buffer<uint16_t> gated(8);
        OK(launch_swiglu(module, gated.address, gate_up.address, 1, 8, nullptr));
        FAILS(ILLEGAL_ADDRESS, cuCtxSynchronize());
        return "";
    });
    run(cases, "a kernel on the memory of a device that it has access to", {"already", "", TWO}, [] {
        const Device other(1);
        const Buffer<uint16_t> gate_up(std::vector<uint16_t>(16));
        const Device device(0);
        const Module module;
        const Buffer<uint16_t> gated(8);
        int can = 0;
        OK(cuDeviceCanAccessPeer(&can, 0, 1));
        check::require(can == 1, "no access possible");
        OK(cuCtxEnablePeerAccess(other.context, 0));
        FAILS(PEER_ACCESS_ALREADY_ENABLED, cuCtxEnablePeerAccess(other.context, 0));
        OK(launch_swiglu(module, gated.address, gate_up.address, 1, 8, nullptr));
        OK(cuCtxSynchronize());
        return "";
    });
    run(cases, "devices without access to each other", {"device 0 cannot access the memory of device 1", "", NO_PEERS},
            [] {
                const Device other(1);
                const Buffer<int> a(1);
                const Device device(0);
                const Buffer<int> b(std::vector<int>{5});
                int can = 1;
                OK(cuDeviceCanAccessPeer(&can, 0, 1));
                check::require(can == 0, "access possible");
                FAILS(PEER_ACCESS_UNSUPPORTED, cuCtxEnablePeerAccess(other.context, 0));
                OK(cuMemcpyPeerAsync(a.address, other.context, b.address, device.context, 4, nullptr));
                OK(cuCtxSynchronize());
                other.make_current();
                check::require(a.download()[0] == 5, "not copied");
                return "";
            });
    run(cases, "a kernel on the memory of a device that cannot be accessed", {"has no access", "", NO_PEERS}, [] {
        const Device other(1);
        const Buffer<uint16_t> gate_up(std::vector<uint16_t>(16));
        const Device device(0);
        const Module module;
        const Buffer<uint16_t> gated(8);
        FAILS(PEER_ACCESS_UNSUPPORTED, cuCtxEnablePeerAccess(other.context, 0));
        OK(launch_swiglu(module, gated.address, gate_up.address, 1, 8, nullptr));
        FAILS(ILLEGAL_ADDRESS, cuCtxSynchronize());
        return "";
    });
    run(cases, "a copy to another device's memory", {"may not touch without peer access", "", TWO}, [] {
        const Device other(1);
        const Buffer<int> a(1);
        const Device device(0);
        const Buffer<int> b(std::vector<int>{5});
        FAILS(INVALID_VALUE, cuMemcpyDtoD_v2(a.address, b.address, 4));
        FAILS(INVALID_VALUE, cuMemcpyHtoD_v2(a.address, "123", 4));
        return "";
    });
    run(cases, "a copy between devices", {"", "", TWO}, [] {
        const Device other(1);
        const Buffer<int> a(1);
        const Stream receiver;
        const Device device(0);
        const Buffer<int> b(std::vector<int>{5});
        const Stream sender;
        const Event ready;
        OK(cuMemsetD8Async(b.address, 1, 4, sender.handle));
        OK(cuEventRecord(ready.handle, sender.handle));
        other.make_current();
        OK(cuStreamWaitEvent(receiver.handle, ready.handle, 0));
        OK(cuMemcpyPeerAsync(a.address, other.context, b.address, device.context, 4, receiver.handle));
        OK(cuStreamSynchronize(receiver.handle));
        check::require(a.download()[0] == 0x01010101, "differs");
        return "";
    });
    run(cases, "a copy between devices with their contexts exchanged", {"may not touch without peer access", "", TWO},
            [] {
                const Device other(1);
                const Buffer<int> a(1);
                const Device device(0);
                const Buffer<int> b(std::vector<int>{5});
                FAILS(INVALID_VALUE,
                        cuMemcpyPeerAsync(a.address, device.context, b.address, other.context, 4, nullptr));
                return "";
            });
    run(cases, "a launch on another device's stream",
            {"function, stream and current context are of devices 0, 1 and 0", "", TWO}, [] {
                const Device other(1);
                const Stream stream;
                const Device device(0);
                const Module module;
                const Buffer<uint16_t> gated(8), gate_up(std::vector<uint16_t>(16));
                FAILS(INVALID_HANDLE, launch_swiglu(module, gated.address, gate_up.address, 1, 8, stream.handle));
                return "";
            });
    run(cases, "an event recorded on another device's stream",
            {"an event of device 1 on a stream of device 0", "", TWO}, [] {
                const Device other(1);
                const Event event;
                const Device device(0);
                const Stream stream;
                FAILS(INVALID_HANDLE, cuEventRecord(event.handle, stream.handle));
                return "";
            });
}

static void work(const Device& device, int number) {
    device.make_current();
    const Module module;
    const Stream stream;
    for (int round = 0; round < 20; round++) {
        const int rows = 1 + (number + round) % 3;
        const Buffer<uint16_t> gated(rows * 40), gate_up(rows * 80);
        const Locked<uint16_t> host(rows * 80);
        std::fill_n(host.data, rows * 80, 0x3f80);
        OK(cuMemcpyHtoDAsync_v2(gate_up.address, host.data, gate_up.bytes(), stream.handle));
        OK(launch_swiglu(module, gated.address, gate_up.address, rows, 40, stream.handle));
        OK(cuStreamSynchronize(stream.handle));
        check::require(gated.download() == std::vector<uint16_t>(rows * 40, 0x3f3b), "not silu(1)");
    }
}

static void test_threads(check::Cases& cases) {
    run(cases, "many threads on two devices", {"", "", TWO}, [] {
        const Device first(0), second(1);
        std::vector<std::thread> threads;
        std::string failure;
        for (int i = 0; i < 6; i++) {
            threads.emplace_back([&, i] {
                try {
                    work(i % 2 ? first : second, i);
                } catch (const std::exception& e) {
                    failure = e.what();
                }
            });
        }
        for (std::thread& thread : threads) thread.join();
        check::require(failure.empty(), failure);
        return "";
    });
}

void test_devices(check::Cases& cases) {
    test_availability(cases);
    test_other_devices(cases);
    test_threads(cases);
}

}  // namespace fake_gpu
