// Cases of the fake GPU's test. Each runs in a process of its own, because a process reads its settings once, and what
// it leaks is reported when it ends.
#pragma once
#include <string>
#include <vector>

#include "check.h"
#include "fake_gpu_calls.h"

namespace fake_gpu {

// What a case expects beside its own checks.
struct Expected {
    std::string said;                      // part of what is on standard error; empty: nothing may be
    std::string reported;                  // part of the report of leaks; empty: it must be empty
    std::vector<std::string> environment;  // NAME=VALUE
};

void run(check::Cases& cases, const std::string& name, const Expected& expected,
        const std::function<std::string()>& body);
inline void run(check::Cases& cases, const std::string& name, const std::function<std::string()>& body) {
    run(cases, name, {}, body);
}
// A process for each seed of streams from 1 to `seeds`: how many of them say so.
int count_seeds(int seeds, const std::function<bool()>& body);

void expect(int expected, int got, const char* call);
#define OK(call) ::fake_gpu::expect(0, call, #call)
#define FAILS(error, call) ::fake_gpu::expect(error, call, #call)

// Calls that control the fake GPU: see enum Control.
size_t control(int number);
void set_control(int number, size_t value);

// A device's primary context, current to this thread; at the end, that is the one before again.
class Device {
  public:
    void* context = nullptr;

    explicit Device(int number = 0);
    ~Device();
    Device(const Device&) = delete;
    void make_current() const;

  private:
    void* before_;
    int number_;
};

template <class T>
struct Buffer {
    Address address = 0;
    size_t count;

    explicit Buffer(size_t count) : count(count) { OK(cuMemAlloc_v2(&address, count * sizeof(T))); }
    explicit Buffer(const std::vector<T>& values) : Buffer(values.size()) {
        OK(cuMemcpyHtoD_v2(address, values.data(), bytes()));
        OK(cuStreamSynchronize(nullptr));
    }
    ~Buffer() { cuMemFree_v2(address); }
    Buffer(const Buffer&) = delete;
    size_t bytes() const { return count * sizeof(T); }
    std::vector<T> download() const {
        std::vector<T> values(count);
        OK(cuMemcpyDtoH_v2(values.data(), address, bytes()));
        return values;
    }
};

template <class T>
struct Locked {
    T* data = nullptr;

    explicit Locked(size_t count) { OK(cuMemAllocHost_v2(reinterpret_cast<void**>(&data), count * sizeof(T))); }
    ~Locked() { cuMemFreeHost(data); }
    Locked(const Locked&) = delete;
};

struct Stream {
    void* handle = nullptr;

    explicit Stream(bool waits_for_default = false) { OK(cuStreamCreate(&handle, waits_for_default ? 0 : 1)); }
    ~Stream() { cuStreamDestroy_v2(handle); }
    Stream(const Stream&) = delete;
};

struct Event {
    void* handle = nullptr;

    Event() { OK(cuEventCreate(&handle, 2)); }
    ~Event() { cuEventDestroy_v2(handle); }
    Event(const Event&) = delete;
};

// The checked-in image.
std::string image();
struct Module {
    void* handle = nullptr;

    Module() { OK(cuModuleLoadData(&handle, image().c_str())); }
    ~Module() { cuModuleUnload(handle); }
    Module(const Module&) = delete;
    void* function(const char* name) const {
        void* found = nullptr;
        OK(cuModuleGetFunction(&found, handle, name));
        return found;
    }
};

// swiglu_bf16 of some rows.
int launch_swiglu(const Module& module, Address gated, Address gate_up, int rows, int intermediate, void* stream);

void test_memory(check::Cases& cases);
void test_copies(check::Cases& cases);
void test_streams(check::Cases& cases);
void test_devices(check::Cases& cases);
void test_faults_of_devices(check::Cases& cases);
void test_launches(check::Cases& cases);
void test_products(check::Cases& cases);
void test_softmax(check::Cases& cases);
void test_control(check::Cases& cases);

}  // namespace fake_gpu
