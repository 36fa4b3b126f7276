#include "fake_cuda_devices.h"

#include <cstdio>
#include <cstring>
#include <vector>

#include "fake_cuda_memory.h"
#include "fake_cuda_modules.h"
#include "fake_cuda_streams.h"

namespace fake {

Table<Context>& contexts = *new Table<Context>("context");
static std::vector<Context*>& primaries = *new std::vector<Context*>;  // of each device, null where not retained
static std::set<int>& lost = *new std::set<int>;                       // devices, by a fault

static std::set<uintptr_t>& broken = *new std::set<uintptr_t>;  // contexts, by a fault

// Handles of contexts, the current one last.
static thread_local uintptr_t current_stack[16];
static thread_local int current_depth;

static const void* current_handle() {
    return current_depth == 0 ? nullptr : reinterpret_cast<const void*>(current_stack[current_depth - 1]);
}

Context* current_or_null() { return contexts.find(current_handle()); }

Context& current() {
    if (current_handle() == nullptr) refuse(INVALID_CONTEXT, "no context is current to this thread");
    Context* const found = current_or_null();
    if (found == nullptr) refuse(CONTEXT_IS_DESTROYED, "the context that is current to this thread was released");
    return *found;
}

void break_context(Context& context, const std::string& why) {
    say("device " + std::to_string(context.device) + ": " + why);
    context.is_broken = true;
    broken.insert(context.handle);
    if (settings().faults_stay) lost.insert(context.device);
    drop_work(context);
}

bool has_broken(uintptr_t handle) { return broken.contains(handle); }

static void require_device(int device) {
    if (device < 0 || device >= settings().devices) {
        refuse(INVALID_DEVICE, "there is no device %d of %d", device, settings().devices);
    }
}

static Context& retain(int device) {
    require_device(device);
    if (lost.contains(device)) {
        refuse(ILLEGAL_ADDRESS, "device %d had a fault, after which this process is to be ended", device);
    }
    primaries.resize(settings().devices);
    Context*& context = primaries[device];
    if (context == nullptr) {
        context = contexts.add(std::make_shared<Context>());
        context->device = device;
        context->default_stream = new_default_stream(*context);
    }
    context->retained++;
    return *context;
}

static void release(int device) {
    require_device(device);
    Context* const context = device < (int) primaries.size() ? primaries[device] : nullptr;
    if (context == nullptr) refuse(INVALID_CONTEXT, "the context of device %d is not retained", device);
    if (--context->retained > 0) return;
    if (!context->is_broken) finish_all(*context);
    end_modules(*context);
    end_streams(*context);
    end_memory(*context);
    primaries[device] = nullptr;
    contexts.remove(*context);
}

static const bool has_inventory = [] {
    add_inventory([](const auto& line) {
        for (const auto& [handle, context] : contexts.all()) {
            for (int i = 0; i < context->retained; i++) {
                line("context of device " + std::to_string(context->device) + ", retained by call " +
                        std::to_string(context->made_by) + " or later");
            }
        }
    });
    return true;
}();

static void set_current(Context* context) {
    if (current_depth > 0) current_depth--;
    if (context != nullptr) current_stack[current_depth++] = context->handle;
}

constexpr int DRIVER = 0;
static int driver_call(const char* name, const std::function<void()>& body) {
    return call({.name = name, .needs = Needs::DRIVER}, body);
}

}  // namespace fake

using namespace fake;

API cuInit(unsigned flags) {
    return call({.name = "cuInit", .needs = Needs::NOTHING}, [&] {
        if (flags != 0) refuse(INVALID_VALUE, "flags are %u, not 0", flags);
        if (settings().devices == 0) throw Refusal{NO_DEVICE, ""};
        is_initialized = true;
    });
}

API cuDriverGetVersion(int* version) {
    return call({.name = "cuDriverGetVersion", .needs = Needs::NOTHING}, [&] { give(version, settings().driver); });
}

API cuDeviceGetCount(int* count) {
    return driver_call("cuDeviceGetCount", [&] { give(count, settings().devices); });
}

API cuDeviceGet(int* device, int ordinal) {
    return driver_call("cuDeviceGet", [&] {
        require_device(ordinal);
        give(device, ordinal);
    });
}

API cuDeviceGetName(char* name, int bytes, int device) {
    return driver_call("cuDeviceGetName", [&] {
        require_device(device);
        if (name == nullptr || bytes <= 0) refuse(INVALID_VALUE, "no room for the name");
        snprintf(name, bytes, "Fake GPU %d.%d", settings().compute / 10, settings().compute % 10);
    });
}

API cuDeviceGetUuid(unsigned char* uuid, int device) {
    return driver_call("cuDeviceGetUuid", [&] {
        require_device(device);
        if (uuid == nullptr) refuse(INVALID_VALUE, "a null pointer for the result");
        memset(uuid, 0xfa, 16);
        uuid[15] = device;
    });
}

API cuDeviceGetPCIBusId(char* id, int bytes, int device) {
    return driver_call("cuDeviceGetPCIBusId", [&] {
        require_device(device);
        if (id == nullptr || bytes < 13) refuse(INVALID_VALUE, "no room for the id");
        snprintf(id, bytes, "0000:%02x:00.0", device + 1);
    });
}

API cuDeviceTotalMem_v2(size_t* bytes, int device) {
    return driver_call("cuDeviceTotalMem", [&] {
        require_device(device);
        give(bytes, settings().memory_of(device));
    });
}

API cuDevicePrimaryCtxRetain(void** context, int device) {
    return driver_call("cuDevicePrimaryCtxRetain", [&] {
        if (context == nullptr) refuse(INVALID_VALUE, "a null pointer for the result");
        give(context, retain(device).pointer());
    });
}

API cuDevicePrimaryCtxRelease_v2(int device) {
    const Call release_call{.name = "cuDevicePrimaryCtxRelease", .needs = Needs::DRIVER, .acts_anyway = true};
    return call(release_call, [&] { release(device); });
}

API cuDevicePrimaryCtxSetFlags_v2(int device, unsigned) {
    return driver_call("cuDevicePrimaryCtxSetFlags", [&] { require_device(device); });
}

API cuDevicePrimaryCtxGetState(int device, unsigned* flags, int* is_active) {
    return driver_call("cuDevicePrimaryCtxGetState", [&] {
        require_device(device);
        give(flags, 0u);
        give(is_active, device < (int) primaries.size() && primaries[device] != nullptr ? 1 : 0);
    });
}

API cuCtxSetCurrent(void* context) {
    return driver_call("cuCtxSetCurrent", [&] {
        Context* const found = contexts.find(context);
        if (found == nullptr && context != nullptr) {
            refuse(INVALID_CONTEXT, "%p is no context, or was released", context);
        }
        set_current(found);
    });
}

API cuCtxGetCurrent(void** context) {
    return driver_call("cuCtxGetCurrent", [&] { give(context, const_cast<void*>(current_handle())); });
}

API cuCtxPushCurrent_v2(void* context) {
    return driver_call("cuCtxPushCurrent", [&] {
        const Context* const found = contexts.find(context);
        if (found == nullptr) refuse(INVALID_CONTEXT, "%p is no context, or was released", context);
        if (current_depth == 16) refuse(INVALID_VALUE, "16 contexts are pushed already");
        current_stack[current_depth++] = found->handle;
    });
}

API cuCtxPopCurrent_v2(void** context) {
    return driver_call("cuCtxPopCurrent", [&] {
        if (current_depth == 0) refuse(INVALID_CONTEXT, "no context is current to this thread");
        if (context != nullptr) *context = const_cast<void*>(current_handle());
        current_depth--;
    });
}

API cuCtxGetDevice(int* device) {
    return call({.name = "cuCtxGetDevice"}, [&] { give(device, current().device); });
}

API cuCtxGetApiVersion(void*, unsigned* version) {
    return driver_call("cuCtxGetApiVersion", [&] { give(version, 3020u); });
}

API cuCtxSynchronize() {
    return call({.name = "cuCtxSynchronize", .acts_anyway = true}, [] { finish_all(current()); });
}

API cuDeviceCanAccessPeer(int* can, int device, int peer) {
    return driver_call("cuDeviceCanAccessPeer", [&] {
        require_device(device);
        require_device(peer);
        give(can, device != peer && settings().has_peers ? 1 : 0);
    });
}

API cuCtxEnablePeerAccess(void* peer, unsigned flags) {
    return call({.name = "cuCtxEnablePeerAccess"}, [&] {
        const Context* const other = contexts.find(peer);
        if (other == nullptr) refuse(INVALID_CONTEXT, "%p is no context, or was released", peer);
        if (flags != 0) refuse(INVALID_VALUE, "flags are %u, not 0", flags);
        if (other == &current()) refuse(INVALID_DEVICE, "a context is no peer of itself");
        if (!settings().has_peers) {
            refuse(PEER_ACCESS_UNSUPPORTED, "device %d cannot access the memory of device %d", current().device,
                    other->device);
        }
        if (!current().peers.insert(other->device).second) {
            refuse(PEER_ACCESS_ALREADY_ENABLED, "access to device %d is enabled already", other->device);
        }
    });
}

API cuCtxDisablePeerAccess(void* peer) {
    return call({.name = "cuCtxDisablePeerAccess"}, [&] {
        const Context* const other = contexts.find(peer);
        if (other == nullptr) refuse(INVALID_CONTEXT, "%p is no context, or was released", peer);
        if (current().peers.erase(other->device) == 0) {
            refuse(PEER_ACCESS_NOT_ENABLED, "access to device %d is not enabled", other->device);
        }
    });
}
