// Devices that break, and what that is to the others.
#include "fake_gpu_case.h"

namespace fake_gpu {

constexpr int ILLEGAL_ADDRESS = 700, BREAK_AFTER = 0x7f00000d;
static const std::vector<std::string> TWO = {"FAKE_GPU_DEVICES=2"};

// What swiglu makes of rows of ones.
struct Gated {
    static constexpr int INTERMEDIATE = 8;
    static constexpr uint16_t ONE = 0x3f80, SILU_OF_ONE = 0x3f3b;
    const Module module;
    const Buffer<uint16_t> gated{INTERMEDIATE}, gate_up{std::vector<uint16_t>(2 * INTERMEDIATE, ONE)};

    void launch(void* stream = nullptr) const {
        OK(launch_swiglu(module, gated.address, gate_up.address, 1, INTERMEDIATE, stream));
    }
    void check() const {
        check::require(gated.download() == std::vector<uint16_t>(INTERMEDIATE, SILU_OF_ONE), "not silu(1)");
    }
};

void test_faults_of_devices(check::Cases& cases) {
    run(cases, "a fault on one device leaves the others", {"device 1: ", "", TWO}, [] {
        const Device healthy(0);
        const Buffer<int> a(std::vector<int>{5});
        const Device device(1);
        const Buffer<int> b(1);
        int value = 0;
        FAILS(ILLEGAL_ADDRESS, cuMemcpyDtoH_v2(&value, b.address, 4));
        healthy.make_current();
        check::require(a.download()[0] == 5, "differs");
        return "";
    });
    run(cases, "a device works on after another's fault", {"device 0: swiglu_bf16", "", TWO}, [] {
        void* context = nullptr;
        {
            const Device device(0);
            const Gated gated;
            const Buffer<uint16_t> half_a_row(std::vector<uint16_t>(8));
            OK(launch_swiglu(gated.module, gated.gated.address, half_a_row.address, 1, 8, nullptr));
            FAILS(ILLEGAL_ADDRESS, cuCtxSynchronize());
            const Device healthy(1);
            const Gated there;
            const Stream stream;
            there.launch(stream.handle);
            OK(cuStreamSynchronize(stream.handle));
            there.check();
            OK(cuCtxSynchronize());
        }
        FAILS(ILLEGAL_ADDRESS, cuDevicePrimaryCtxRetain(&context, 0));
        const Device healthy(1);
        const Gated there;
        there.launch();
        there.check();
        return "";
    });
    run(cases, "a device breaks at the launch that it is told, and no other device",
            {"device 1: swiglu_bf16 (call ", "", TWO}, [] {
                const Device first(0);
                const Gated on_first;
                const Device second(1);
                const Gated on_second;
                set_control(BREAK_AFTER, 3);
                for (int i = 0; i < 2; i++) {
                    on_second.launch();
                    on_second.check();
                    first.make_current();
                    on_first.launch();
                    on_first.check();
                    check::require(control(BREAK_AFTER) == 0, "the first is to break");
                    second.make_current();
                }
                check::require(control(BREAK_AFTER) == 1, std::to_string(control(BREAK_AFTER)) + " launches are left");
                on_second.launch();
                on_second.launch();
                FAILS(ILLEGAL_ADDRESS, cuCtxSynchronize());
                Address a = 0;
                FAILS(ILLEGAL_ADDRESS, cuMemAlloc_v2(&a, 8));
                check::require(control(BREAK_AFTER) == 0, "it is to break again");
                first.make_current();
                on_first.launch();
                on_first.check();
                return "";
            });
    run(cases, "no device is to break any more", {"", "", TWO}, [] {
        const Device first(0);
        const Gated on_first;
        set_control(BREAK_AFTER, 1);
        const Device second(1);
        const Gated on_second;
        set_control(BREAK_AFTER, 1);
        set_control(BREAK_AFTER, 0);
        on_second.launch();
        on_second.check();
        first.make_current();
        on_first.launch();
        on_first.check();
        return "";
    });
    for (const bool is_released : {false, true}) {
        run(cases,
                std::string("a device goes on that was to get a copy of one that broke") +
                        (is_released ? " and was released" : ""),
                {"device 0: swiglu_bf16", "", TWO}, [=] {
                    const Device second(1);
                    const Buffer<uint16_t> received(8);
                    const Stream receiver;
                    const Gated on_second;
                    {
                        const Device first(0);
                        const Gated on_first;
                        const Event ready;
                        set_control(BREAK_AFTER, 1);
                        on_first.launch();
                        OK(cuEventRecord(ready.handle, nullptr));
                        second.make_current();
                        const Address source = on_first.gated.address;
                        const auto copy = [&] {
                            return cuMemcpyPeerAsync(
                                    received.address, second.context, source, first.context, 16, receiver.handle);
                        };
                        OK(cuStreamWaitEvent(receiver.handle, ready.handle, 0));
                        OK(copy());
                        if (!is_released) OK(cuStreamSynchronize(receiver.handle));
                        first.make_current();
                        FAILS(ILLEGAL_ADDRESS, cuCtxSynchronize());
                        second.make_current();
                        FAILS(ILLEGAL_ADDRESS, copy());
                    }
                    OK(cuStreamSynchronize(receiver.handle));
                    check::require(received.download() == std::vector<uint16_t>(8, 0xffff), "numbers");
                    on_second.launch();
                    on_second.check();
                    return "";
                });
    }
    run(cases, "a device goes on that was to send a copy to one that broke", {"device 1: ", "", TWO}, [] {
        const Device first(0), second(1);
        const Gated on_second;
        first.make_current();
        const Gated on_first;
        on_first.launch();
        OK(cuMemcpyPeerAsync(
                on_second.gated.address, second.context, on_first.gated.address, first.context, 16, nullptr));
        second.make_current();
        set_control(BREAK_AFTER, 1);
        on_second.launch();
        FAILS(ILLEGAL_ADDRESS, cuCtxSynchronize());
        first.make_current();
        OK(cuCtxSynchronize());
        on_first.check();
        return "";
    });
}

}  // namespace fake_gpu
