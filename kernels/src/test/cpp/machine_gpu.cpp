#include "machine_gpu.h"

#include <dlfcn.h>

#include <algorithm>
#include <fstream>
#include <iterator>

// The driver's functions that are used here, as libcuda.so.1 exports them (cuda.h maps cuMemAlloc to cuMemAlloc_v2).
// They are never linked: CALL finds them by name.
extern "C" {
using DevicePointer = unsigned long long;
int cuInit(unsigned flags);
int cuGetErrorName(int error, const char** name);
int cuDeviceGet(int* device, int ordinal);
int cuDeviceGetName(char* name, int bytes, int device);
int cuDevicePrimaryCtxRetain(void** context, int device);
int cuCtxSetCurrent(void* context);
int cuCtxSynchronize();
int cuModuleLoadData(void** module, const void* image);
int cuModuleGetFunction(void** function, void* module, const char* name);
int cuFuncSetAttribute(void* function, int attribute, int value);
int cuLaunchKernel(void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
        unsigned block_y, unsigned block_z, unsigned shared_bytes, void* stream, void** parameters, void** extra);
int cuMemAlloc_v2(DevicePointer* address, size_t bytes);
int cuMemFree_v2(DevicePointer address);
int cuMemsetD8_v2(DevicePointer address, unsigned char value, size_t bytes);
int cuMemcpyHtoD_v2(DevicePointer target, const void* source, size_t bytes);
int cuMemcpyDtoH_v2(void* target, DevicePointer source, size_t bytes);
int cuEventCreate(void** event, unsigned flags);
int cuEventDestroy_v2(void* event);
int cuEventRecord(void* event, void* stream);
int cuEventSynchronize(void* event);
int cuEventElapsedTime(float* milliseconds, void* start, void* end);
}

namespace machine {
namespace {

// Of CUfunction_attribute; the second is a share of all that a multiprocessor has, in percent.
constexpr int MAX_DYNAMIC_SHARED_SIZE_BYTES = 8, PREFERRED_SHARED_MEMORY_CARVEOUT = 9;
constexpr size_t ORDINARY_SHARED_BYTES = 48 << 10;  // that every kernel may ask for
constexpr size_t GUARD = 64 << 10;                  // bytes before and behind an allocation that nobody may write
constexpr unsigned char UNSET = 0xff;               // of every byte: NaN in each type

void* symbol(const char* name) {
    static void* const library = dlopen("libcuda.so.1", RTLD_NOW);
    if (!library) throw MachineError(std::string("no NVIDIA driver: ") + dlerror());
    void* const found = dlsym(library, name);
    if (!found) throw MachineError(std::string("libcuda.so.1 has no ") + name);
    return found;
}

template <class F>
F* bound(const char* name) {
    return reinterpret_cast<F*>(symbol(name));
}

void check(const char* name, int error) {
    if (error == 0) return;
    const char* text = nullptr;
    bound<decltype(cuGetErrorName)>("cuGetErrorName")(error, &text);
    throw MachineError(std::string(name) + ": " + (text ? text : "error " + std::to_string(error)));
}

#define CALL(function, ...)                                                 \
    do {                                                                    \
        static auto* const called = bound<decltype(::function)>(#function); \
        check(#function, called(__VA_ARGS__));                              \
    } while (false)

DevicePointer address(const void* p) { return reinterpret_cast<DevicePointer>(p); }

}  // namespace

Gpu::Gpu(const std::string& image) {
    std::ifstream file(image, std::ios::binary);
    if (!file) throw MachineError("cannot read " + image);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};  // PTX ends with a zero, which c_str() adds
    int device = 0;
    void* context = nullptr;
    char name[256] = {};
    CALL(cuInit, 0);
    CALL(cuDeviceGet, &device, 0);
    CALL(cuDeviceGetName, name, sizeof name, device);
    CALL(cuDevicePrimaryCtxRetain, &context, device);
    CALL(cuCtxSetCurrent, context);
    CALL(cuModuleLoadData, &module_, bytes.c_str());
    name_ = name;
}

void* Gpu::allocate(size_t bytes) {
    DevicePointer start = 0;
    CALL(cuMemAlloc_v2, &start, GUARD + bytes + GUARD);
    allocations_.push_back({start, bytes});
    CALL(cuMemsetD8_v2, start, UNSET, GUARD + bytes + GUARD);
    return reinterpret_cast<void*>(start + GUARD);
}

void Gpu::free_all() {
    // Forgotten first: after a kernel's fault no call succeeds any more, this one's neither.
    const std::vector<Allocation> allocations = std::move(allocations_);
    allocations_.clear();
    size_t written = 0;
    std::vector<unsigned char> guard(GUARD);
    for (const Allocation& a : allocations) {
        for (const DevicePointer start : {a.address, a.address + GUARD + a.bytes}) {
            CALL(cuMemcpyDtoH_v2, guard.data(), start, GUARD);
            written += GUARD - std::count(guard.begin(), guard.end(), UNSET);
        }
        CALL(cuMemFree_v2, a.address);
    }
    if (written > 0) throw MachineError(std::to_string(written) + " bytes written beside an allocation");
}

void Gpu::upload(void* target, const void* source, size_t bytes) {
    CALL(cuMemcpyHtoD_v2, address(target), source, bytes);
}

void Gpu::download(void* target, const void* source, size_t bytes) {
    CALL(cuMemcpyDtoH_v2, target, address(source), bytes);
}

void* Gpu::function(const std::string& kernel, size_t shared_bytes) {
    auto& [function, allowed] = functions_[kernel];
    if (!function) CALL(cuModuleGetFunction, &function, module_, kernel.c_str());
    if (shared_bytes > allowed) {
        CALL(cuFuncSetAttribute, function, MAX_DYNAMIC_SHARED_SIZE_BYTES, (int) shared_bytes);
        // The rest of what is there would become cache, and leave no room for a second block.
        if (shared_bytes > ORDINARY_SHARED_BYTES) {
            CALL(cuFuncSetAttribute, function, PREFERRED_SHARED_MEMORY_CARVEOUT, 100);
        }
        allowed = shared_bytes;
    }
    return function;
}

void Gpu::launch(const char* kernel, const Launch& how, void** parameters) {
    const dim3 grid = how.grid, block = how.block;
    try {
        CALL(cuLaunchKernel, function(kernel, how.shared_bytes), grid.x, grid.y, grid.z, block.x, block.y, block.z,
                (unsigned) how.shared_bytes, nullptr, parameters, nullptr);
        if (!timing_) CALL(cuCtxSynchronize);
    } catch (const MachineError& e) {
        throw MachineError(std::string(kernel) + ": " + e.what());
    }
}

float Gpu::milliseconds(const std::function<void()>& work) {
    void *start = nullptr, *end = nullptr;
    float elapsed = 0;
    CALL(cuEventCreate, &start, 0);
    CALL(cuEventCreate, &end, 0);
    CALL(cuEventRecord, start, nullptr);
    timing_ = true;
    try {
        work();
    } catch (...) {
        timing_ = false;
        throw;
    }
    timing_ = false;
    CALL(cuEventRecord, end, nullptr);
    CALL(cuEventSynchronize, end);
    CALL(cuEventElapsedTime, &elapsed, start, end);
    CALL(cuEventDestroy_v2, start);
    CALL(cuEventDestroy_v2, end);
    return elapsed;
}

}  // namespace machine
