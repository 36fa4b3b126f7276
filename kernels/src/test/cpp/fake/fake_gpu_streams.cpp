// Streams and events: order where it is asked for, and none where it is not.
#include "fake_gpu_case.h"

namespace fake_gpu {

constexpr int INVALID_HANDLE = 400, NOT_READY = 600, ILLEGAL_ADDRESS = 700;

// A stream that takes what another one has copied to the device.
static std::string hand_over(bool waits, int expected_error) {
    const Device device;
    const Stream writer, reader;
    const Event written;
    const Buffer<int> a(1), b(1);
    const Locked<int> host(2);
    host.data[0] = 5;
    OK(cuMemcpyHtoDAsync_v2(a.address, host.data, 4, writer.handle));
    OK(cuEventRecord(written.handle, writer.handle));
    if (waits) OK(cuStreamWaitEvent(reader.handle, written.handle, 0));
    OK(cuMemcpyDtoDAsync_v2(b.address, a.address, 4, reader.handle));
    FAILS(expected_error, cuStreamSynchronize(reader.handle));
    if (waits) check::require(b.download()[0] == 5, "differs");
    return "";
}

// Whether a stream overwrites what another one still has to take.
static bool is_overtaken(bool waits) {
    const Device device;
    const Stream reader, writer;
    const Event taken;
    const Buffer<int> a(std::vector<int>{5}), b(1);
    OK(cuMemcpyDtoDAsync_v2(b.address, a.address, 4, reader.handle));
    OK(cuEventRecord(taken.handle, reader.handle));
    if (waits) OK(cuStreamWaitEvent(writer.handle, taken.handle, 0));
    OK(cuMemsetD8Async(a.address, 0, 4, writer.handle));
    OK(cuStreamSynchronize(reader.handle));
    const int got = b.download()[0];
    OK(cuStreamSynchronize(writer.handle));
    return got != 5;
}

static void test_order(check::Cases& cases) {
    run(cases, "a stream waits for another's event", [] { return hand_over(true, 0); });
    run(cases, "a stream does not wait for another", {"was never written", "", {"FAKE_GPU_SEED=0"}},
            [] { return hand_over(false, ILLEGAL_ADDRESS); });
    cases.run("a stream overtakes another that does not wait, with some seeds", [] {
        const int seen = count_seeds(10, [] { return is_overtaken(false); });
        check::require(seen > 0, "not with any");
        check::require(count_seeds(10, [] { return is_overtaken(true); }) == 0, "and one that waits");
        return std::to_string(seen) + " of 10";
    });
    run(cases, "an event is the one recorded before the wait", [] {
        const Device device;
        const Stream first, second;
        const Event event;
        const Buffer<int> a(1), b(1);
        OK(cuStreamWaitEvent(second.handle, event.handle, 0));  // never recorded: nothing to wait for
        OK(cuMemsetD8Async(a.address, 1, 4, first.handle));
        OK(cuEventRecord(event.handle, first.handle));
        OK(cuStreamWaitEvent(second.handle, event.handle, 0));
        OK(cuMemsetD8Async(a.address, 2, 4, first.handle));
        OK(cuEventRecord(event.handle, first.handle));
        OK(cuMemcpyDtoDAsync_v2(b.address, a.address, 4, second.handle));
        OK(cuEventSynchronize(event.handle));
        OK(cuStreamSynchronize(second.handle));
        check::require(a.download()[0] == 0x02020202, "the second");
        return "";
    });
}

// What a stream finds of the default stream's work, put there just before.
static std::string after_default(bool waits_for_default, int expected_error) {
    const Device device;
    const Stream stream(waits_for_default);
    const Buffer<int> a(1), b(1);
    OK(cuMemsetD32_v2(a.address, 5, 1));
    OK(cuMemcpyDtoDAsync_v2(b.address, a.address, 4, stream.handle));
    FAILS(expected_error, cuStreamSynchronize(stream.handle));
    return "";
}

static void test_default_stream(check::Cases& cases) {
    run(cases, "a stream waits for the default stream", [] { return after_default(true, 0); });
    run(cases, "a non-blocking stream does not wait for the default stream",
            {"was never written", "", {"FAKE_GPU_SEED=0"}}, [] { return after_default(false, ILLEGAL_ADDRESS); });
    run(cases, "the default stream waits for a stream", [] {
        const Device device;
        const Stream stream(true);
        const Buffer<int> a(1);
        OK(cuMemsetD8Async(a.address, 1, 4, stream.handle));
        check::require(a.download()[0] == 0x01010101, "differs");
        return "";
    });
    run(cases, "the default stream does not wait for a non-blocking stream",
            {"was never written", "", {"FAKE_GPU_SEED=0"}}, [] {
                const Device device;
                const Stream stream;
                const Buffer<int> a(1);
                int value = 0;
                OK(cuMemsetD8Async(a.address, 1, 4, stream.handle));
                FAILS(ILLEGAL_ADDRESS, cuMemcpyDtoH_v2(&value, a.address, 4));
                return "";
            });
    run(cases, "a copy that has returned need not have reached the device",
            {"was never written", "", {"FAKE_GPU_SEED=0"}}, [] {
                const Device device;
                const Stream stream;
                const Buffer<int> a(1), b(1);
                const int value = 5;
                OK(cuMemcpyHtoD_v2(a.address, &value, 4));
                OK(cuMemcpyDtoDAsync_v2(b.address, a.address, 4, stream.handle));
                FAILS(ILLEGAL_ADDRESS, cuStreamSynchronize(stream.handle));
                return "";
            });
}

static void test_handles(check::Cases& cases) {
    run(cases, "queries come to an end", [] {
        const Device device;
        const Stream stream;
        const Event event;
        const Buffer<int> a(1);
        OK(cuStreamQuery(stream.handle));
        for (int i = 0; i < 3; i++) OK(cuMemsetD8Async(a.address, i, 4, stream.handle));
        OK(cuEventRecord(event.handle, stream.handle));
        FAILS(NOT_READY, cuEventQuery(event.handle));
        int asked = 0;
        while (cuEventQuery(event.handle) == NOT_READY) asked++;
        OK(cuStreamQuery(stream.handle));
        return "asked " + std::to_string(asked) + " times";
    });
    run(cases, "time between events", [] {
        const Device device;
        void *start = nullptr, *end = nullptr;
        const Buffer<int> a(1);
        float milliseconds = -1;
        OK(cuEventCreate(&start, 0));
        OK(cuEventCreate(&end, 0));
        OK(cuEventRecord(start, nullptr));
        OK(cuMemsetD32_v2(a.address, 5, 1));
        OK(cuEventRecord(end, nullptr));
        FAILS(NOT_READY, cuEventElapsedTime(&milliseconds, start, end));
        OK(cuEventSynchronize(end));
        OK(cuEventElapsedTime(&milliseconds, start, end));
        check::require(milliseconds >= 0, "negative");
        OK(cuEventDestroy_v2(start));
        OK(cuEventDestroy_v2(end));
        return "";
    });
    run(cases, "a stream used after it was destroyed", {"is no stream, or was destroyed", "", {}}, [] {
        const Device device;
        void* stream = nullptr;
        OK(cuStreamCreate(&stream, 0));
        OK(cuStreamDestroy_v2(stream));
        FAILS(INVALID_HANDLE, cuStreamSynchronize(stream));
        FAILS(INVALID_HANDLE, cuStreamDestroy_v2(stream));
        return "";
    });
    run(cases, "an event taken for a stream", {"is no stream, or was destroyed", "", {}}, [] {
        const Device device;
        const Event event;
        FAILS(INVALID_HANDLE, cuStreamSynchronize(event.handle));
        return "";
    });
    run(cases, "work of a stream that is destroyed still runs", [] {
        const Device device;
        const Buffer<int> a(1);
        {
            const Stream stream;
            OK(cuMemsetD8Async(a.address, 1, 4, stream.handle));
        }
        check::require(a.download()[0] == 0x01010101, "differs");
        return "";
    });
}

void test_streams(check::Cases& cases) {
    test_order(cases);
    test_default_stream(cases);
    test_handles(cases);
}

}  // namespace fake_gpu
