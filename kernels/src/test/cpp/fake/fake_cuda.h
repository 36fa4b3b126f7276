// The fake GPU: libcuda.so.1, libcublas.so.12 and libcudnn.so.9 for tests of a program that wants a GPU, on a computer
// that has none.
//
// Kernels run in the emulator (simt.h), with all its checks; products and softmax run on the CPU (fake_cublas.cpp,
// fake_cudnn.cpp). Work is queued on its stream and runs as late as it may: when something waits for it. So a wait that
// is missing shows as old data, as memory never written, or as an error; with FAKE_GPU_SEED other than 0, streams
// overtake each other at random.
// Every misuse gives an error code and a sentence on standard error.
//
// Environment, read by the first call:
//   FAKE_GPU_DEVICES   devices (1); 0 makes cuInit fail as on a machine without one
//   FAKE_GPU_MEMORY    bytes of each device (2147483648); or a list with commas, a number for each device, of which the
//                      last is that of all further ones, too
//   FAKE_GPU_PEERS     whether devices can access each other's memory (1); 0: none can, and the driver carries copies
//                      between them
//   FAKE_GPU_DRIVER    version of the driver (13000), on which it depends what images load
//   FAKE_GPU_COMPUTE   compute capability, 10 * major + minor (90)
//   FAKE_GPU_SEED      order of streams (0: only what is waited for runs), and of threads in kernels
//   FAKE_GPU_FAULTS    what a fault breaks: process (the device, until the process ends, as CUDA documents it) or
//                      context (until its context ends, as drivers may let it be); other devices go on either way
//   FAKE_GPU_REPORT    file for the report of what was never released, written at exit; else standard error has it
// Calls that control it, of cuCtxSetLimit and cuCtxGetLimit with limits that no driver knows: enum Control.
//
// As strict as the documentation allows, where drivers are kinder: cuMemcpyHtoD from memory that is not page-locked
// returns before the copy has reached the device, so that only the default stream, and what waits for it, sees it;
// page-locked memory is not to be touched, nor freed, while a copy of it is pending.
#pragma once
#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#define API extern "C" [[gnu::visibility("default")]] int

#pragma GCC visibility push(default)
namespace fake {

using Address = unsigned long long;  // CUdeviceptr

// Numbers of CUresult.
enum Error : int {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    NOT_INITIALIZED = 3,
    NO_DEVICE = 100,
    INVALID_DEVICE = 101,
    INVALID_IMAGE = 200,
    INVALID_CONTEXT = 201,
    NO_BINARY_FOR_GPU = 209,
    PEER_ACCESS_UNSUPPORTED = 217,
    INVALID_PTX = 218,
    UNSUPPORTED_PTX_VERSION = 222,
    INVALID_HANDLE = 400,
    NOT_FOUND = 500,
    NOT_READY = 600,
    ILLEGAL_ADDRESS = 700,
    PEER_ACCESS_ALREADY_ENABLED = 704,
    PEER_ACCESS_NOT_ENABLED = 705,
    PRIMARY_CONTEXT_ACTIVE = 708,
    CONTEXT_IS_DESTROYED = 709,
    HOST_MEMORY_ALREADY_REGISTERED = 712,
    HOST_MEMORY_NOT_REGISTERED = 713,
    NOT_SUPPORTED = 801,
    UNKNOWN = 999,
};

enum Control : int {
    FAIL_CALL = 0x7f000001,     // set k: the k-th counted call from now on fails; 0: none. get: calls counted since
    LIVE_BYTES = 0x7f000002,    // get: of device memory, on all devices
    LIVE_OBJECTS = 0x7f000003,  // get: contexts retained, modules, streams, events, host allocations, handles of cuBLAS and cuDNN
    LAUNCHES = 0x7f000004,      // get: so far
    FREE_MEMORY = 0x7f000005,   // set: of the current device, as if others held the rest; 0: nobody does. get: free now
    PRODUCT_ORDER = 0x7f000006,    // set, get: an Order of fake_cublas_products.h
    LEAKED = 0x7f000007,           // get: how many things ended only because their context did, so far
    DEVICE_BYTES = 0x7f000008,     // get: live bytes of the current device's memory
    COPIED_BYTES = 0x7f000009,     // get: from the host to devices, so far
    ALLOCATED_BYTES = 0x7f00000a,  // get: of device memory, so far
    CUBIN_ERROR = 0x7f00000b,      // set: what loading a cubin gives, whatever it is; 0: what it deserves
    PTX_ERROR = 0x7f00000c,        // set: the same of PTX
    // set k: the current device breaks, as after an illegal address, when its k-th launch of a kernel from now on runs;
    // 0: no device does. get: k, less the launches that have run since; 0 where it is not to break
    BREAK_AFTER = 0x7f00000d,
};

// Thrown where a call is wrong: what it returns, and a sentence for standard error; none where programs may well try.
struct Refusal {
    int error;
    std::string sentence;
};
[[gnu::format(printf, 2, 3)]] [[noreturn]] void refuse(int error, const char* format, ...);
// Prints a sentence.
void say(const std::string& sentence);

enum class Needs { NOTHING, DRIVER, CONTEXT };

// How a function answers where the fake GPU answers for it.
struct Call {
    const char* name;
    Needs needs = Needs::CONTEXT;
    // Whether it counts, and can be made to fail: not what asks for names of errors, nor what controls.
    bool is_counted = true;
    // Made to fail it still acts, as what releases or waits does when it reports what failed before.
    bool acts_anyway = false;
    int when_made_to_fail = UNKNOWN;
    int when_broken = ILLEGAL_ADDRESS;  // after a fault in the current context
    int without_context = INVALID_CONTEXT;
};
// Runs what a function does, alone: one thread at a time is in here.
int call(const Call& call, const std::function<void()>& body);
// The number of the running call, for the report and for what is said of work later.
uint64_t call_number();

template <class T>
void give(T* target, T value) {
    if (target == nullptr) refuse(INVALID_VALUE, "a null pointer for the result");
    *target = value;
}

// What is made and released, by handles that are never used again: of any kind, so that none is taken for another.
uintptr_t new_handle();

template <class T>
class Table {
  public:
    explicit Table(const char* kind) : kind_(kind) {}

    T* add(std::shared_ptr<T> object) {
        object->handle = new_handle();
        object->made_by = call_number();
        T* const added = object.get();
        objects_.emplace(added->handle, std::move(object));
        return added;
    }
    T* find(const void* handle) const {
        const auto found = objects_.find(reinterpret_cast<uintptr_t>(handle));
        return found == objects_.end() ? nullptr : found->second.get();
    }
    T& get(const void* handle) const {
        T* const found = find(handle);
        if (found == nullptr) refuse(INVALID_HANDLE, "%p is no %s, or was destroyed", handle, kind_);
        return *found;
    }
    void remove(const T& object) { objects_.erase(object.handle); }
    const std::map<uintptr_t, std::shared_ptr<T>>& all() const { return objects_; }
    const char* kind() const { return kind_; }

  private:
    const char* kind_;
    std::map<uintptr_t, std::shared_ptr<T>> objects_;
};

struct Object {
    uintptr_t handle = 0;
    uint64_t made_by = 0;  // the number of the call
    void* pointer() const { return reinterpret_cast<void*>(handle); }
};

constexpr int MAX_DEVICES = 64;
struct Settings {
    int devices, driver, compute;
    std::vector<size_t> memory;  // of the first devices; the last one's is that of the others, too
    bool has_peers;
    unsigned seed;
    bool faults_stay;
    std::string report;

    size_t memory_of(int device) const { return memory[std::min<size_t>(device, memory.size() - 1)]; }
};
const Settings& settings();

extern bool is_initialized;
extern uint64_t launches;
extern uint64_t copied_bytes, allocated_bytes;
extern int product_order;
extern int cubin_error, ptx_error;

// A line of the report.
void leaked(const std::string& what);
// Tells what is there, a line for each.
using Inventory = std::function<void(const std::function<void(const std::string&)>& line)>;
void add_inventory(Inventory inventory, bool is_memory = false);

}  // namespace fake
#pragma GCC visibility pop
