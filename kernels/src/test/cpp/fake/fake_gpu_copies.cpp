// Copies: ranges, memory never written, and page-locked memory that is touched too early.
#include <cstring>
#include <numeric>

#include "fake_gpu_case.h"

namespace fake_gpu {

constexpr int INVALID_VALUE = 1, NOT_REGISTERED = 713, ILLEGAL_ADDRESS = 700;

static std::vector<int> counted(size_t count) {
    std::vector<int> values(count);
    std::iota(values.begin(), values.end(), 1);
    return values;
}

static void test_ranges(check::Cases& cases) {
    run(cases, "copies carry every byte", [] {
        const Device device;
        const Stream stream;
        const std::vector<int> values = counted(1000);
        const Buffer<int> a(values), b(1000), c(1000);
        OK(cuMemcpyDtoD_v2(b.address, a.address, 4000));
        OK(cuStreamSynchronize(nullptr));
        OK(cuMemcpyDtoDAsync_v2(c.address, b.address, 4000, stream.handle));
        OK(cuStreamSynchronize(stream.handle));
        check::require(c.download() == values, "differs");
        return "";
    });
    run(cases, "a copy beyond an allocation", {"40 bytes from byte 4 of an allocation of 40 bytes (call 4)", "", {}},
            [] {
                const Device device;
                const Buffer<int> a(10);
                const std::vector<int> values(10);
                FAILS(INVALID_VALUE, cuMemcpyHtoD_v2(a.address + 4, values.data(), 40));
                return "";
            });
    run(cases, "a copy to nowhere", {"is not in device memory", "", {}}, [] {
        const Device device;
        FAILS(INVALID_VALUE, cuMemcpyHtoD_v2(0x1000, "", 1));
        return "";
    });
    run(cases, "a copy between device and host the wrong way round",
            {"is device memory, not memory of the host", "", {}}, [] {
                const Device device;
                const Buffer<int> a(10), b(10);
                FAILS(INVALID_VALUE, cuMemcpyHtoD_v2(a.address, reinterpret_cast<void*>(b.address), 40));
                return "";
            });
    run(cases, "a copy of what was never written", {"byte 16 of 40 was never written", "", {}}, [] {
        const Device device;
        const Buffer<int> a(10);
        std::vector<int> values(10);
        OK(cuMemsetD32_v2(a.address, 7, 4));
        FAILS(ILLEGAL_ADDRESS, cuMemcpyDtoH_v2(values.data(), a.address, 40));
        return "";
    });
    run(cases, "a copy beyond page-locked memory", {"41 bytes from byte 0 of page-locked memory of 40 bytes", "", {}},
            [] {
                const Device device;
                const Buffer<char> a(100);
                const Locked<char> host(40);
                FAILS(INVALID_VALUE, cuMemcpyHtoDAsync_v2(a.address, host.data, 41, nullptr));
                return "";
            });
    run(cases, "rows are copied at their pitches", [] {
        const Device device;
        struct {
            size_t source_x = 4, source_y = 1;
            int source_type = 1;
            const void* source_host;
            Address source_device = 0;
            void* source_array = nullptr;
            size_t source_pitch = 20, target_x = 0, target_y = 0;
            int target_type = 2;
            void* target_host = nullptr;
            Address target_device;
            void* target_array = nullptr;
            size_t target_pitch = 16, width = 12, height = 3;
        } how;
        const std::vector<int> values = counted(20);  // rows of 5
        const Buffer<int> a(12);
        OK(cuMemsetD8_v2(a.address, 0, 48));
        how.source_host = values.data();
        how.target_device = a.address;
        OK(cuMemcpy2DAsync_v2(&how, nullptr));
        check::require(a.download() == std::vector<int>{7, 8, 9, 0, 12, 13, 14, 0, 17, 18, 19, 0}, "differs");
        return "";
    });
}

static void test_locked(check::Cases& cases) {
    run(cases, "page-locked memory used again after a wait", [] {
        const Device device;
        const Stream stream;
        const Buffer<int> a(2);
        const Locked<int> host(1);
        for (int i = 0; i < 2; i++) {
            host.data[0] = 5 + i;
            OK(cuMemcpyHtoDAsync_v2(a.address + 4 * i, host.data, 4, stream.handle));
            OK(cuStreamSynchronize(stream.handle));
        }
        check::require(a.download() == std::vector<int>{5, 6}, "differs");
        return "";
    });
    run(cases, "page-locked memory used again without a wait",
            {"host memory changed while a copy of it was pending", "", {}}, [] {
                const Device device;
                const Stream stream;
                const Buffer<int> a(2);
                const Locked<int> host(1);
                host.data[0] = 5;
                OK(cuMemcpyHtoDAsync_v2(a.address, host.data, 4, stream.handle));
                host.data[0] = 6;
                OK(cuMemcpyHtoDAsync_v2(a.address + 4, host.data, 4, stream.handle));
                FAILS(ILLEGAL_ADDRESS, cuStreamSynchronize(stream.handle));
                return "";
            });
    run(cases, "page-locked memory freed while a copy is pending",
            {"page-locked memory of call 6 freed while a copy of it was pending", "", {}}, [] {
                const Device device;
                const Stream stream;
                const Buffer<int> a(1);
                void* host = nullptr;
                OK(cuMemAllocHost_v2(&host, 4));
                memset(host, 0, 4);
                OK(cuMemcpyHtoDAsync_v2(a.address, host, 4, stream.handle));
                FAILS(ILLEGAL_ADDRESS, cuMemFreeHost(host));
                FAILS(ILLEGAL_ADDRESS, cuStreamSynchronize(stream.handle));
                return "";
            });
    run(cases, "page-locked memory that is not", {"is not the beginning of page-locked memory", "", {}}, [] {
        const Device device;
        int value = 0;
        FAILS(INVALID_VALUE, cuMemFreeHost(&value));
        FAILS(NOT_REGISTERED, cuMemHostUnregister(&value));
        return "";
    });
    run(cases, "registered memory is page-locked", {"host memory changed while", "", {}}, [] {
        const Device device;
        const Buffer<int> a(1);
        int value = 5;
        OK(cuMemHostRegister_v2(&value, 4, 0));
        OK(cuMemcpyHtoDAsync_v2(a.address, &value, 4, nullptr));
        OK(cuCtxSynchronize());
        OK(cuMemcpyHtoDAsync_v2(a.address, &value, 4, nullptr));
        value = 6;
        FAILS(ILLEGAL_ADDRESS, cuCtxSynchronize());
        FAILS(ILLEGAL_ADDRESS, cuMemHostUnregister(&value));
        return "";
    });
    run(cases, "other memory is read at the call", [] {
        const Device device;
        const Stream stream;
        const Buffer<int> a(1);
        int value = 5;
        OK(cuMemcpyHtoDAsync_v2(a.address, &value, 4, stream.handle));
        value = 6;
        OK(cuStreamSynchronize(stream.handle));
        check::require(a.download()[0] == 5, "differs");
        return "";
    });
    run(cases, "page-locked memory read before its copy has run", [] {
        const Device device;
        const Stream stream;
        const Buffer<int> a(std::vector<int>{5});
        const Locked<int> host(1);
        host.data[0] = 5;
        OK(cuMemcpyDtoHAsync_v2(host.data, a.address, 4, stream.handle));
        check::require(host.data[0] == -1, "what was there before");
        OK(cuStreamSynchronize(stream.handle));
        check::require(host.data[0] == 5, "differs");
        return "";
    });
    run(cases, "page-locked memory goes to the device, comes back, and goes again", [] {
        const Device device;
        const Stream stream;
        const Buffer<int> a(1), b(1);
        const Locked<int> host(1);
        host.data[0] = 5;
        OK(cuMemcpyHtoDAsync_v2(a.address, host.data, 4, stream.handle));
        OK(cuMemcpyDtoHAsync_v2(host.data, a.address, 4, stream.handle));
        OK(cuMemcpyHtoDAsync_v2(b.address, host.data, 4, stream.handle));
        OK(cuStreamSynchronize(stream.handle));
        check::require(b.download()[0] == 5, "differs");
        return "";
    });
}

void test_copies(check::Cases& cases) {
    test_ranges(cases);
    test_locked(cases);
}

}  // namespace fake_gpu
