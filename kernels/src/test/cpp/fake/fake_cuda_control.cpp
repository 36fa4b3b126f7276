// Calls: settings, one at a time, which fail on request, and what is left at the end.
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <vector>

#include "fake_cuda_devices.h"
#include "fake_cuda_memory.h"
#include "fake_cuda_modules.h"

namespace fake {

bool is_initialized;
uint64_t launches;
uint64_t copied_bytes, allocated_bytes;
int product_order = 1;
int cubin_error, ptx_error;

// Never destroyed: threads may still call while the process ends.
static std::mutex& mutex = *new std::mutex;
static std::vector<std::string>& leaks = *new std::vector<std::string>;
struct Kept {
    Inventory inventory;
    bool is_memory;
};
static std::vector<Kept>& inventories() {
    static std::vector<Kept>& all = *new std::vector<Kept>;
    return all;
}

static uint64_t calls, calls_since, failing_call;

void say(const std::string& sentence) { fprintf(stderr, "fake GPU: %s\n", sentence.c_str()); }

void refuse(int error, const char* format, ...) {
    char text[512];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    throw Refusal{error, text};
}

static std::vector<size_t> numbers_of(const char* name, size_t otherwise) {
    const char* const text = getenv(name);
    if (text == nullptr || *text == 0) return {otherwise};
    std::vector<size_t> values;
    for (const char* at = text;; at++) {
        const size_t digits = strspn(at, "0123456789");
        if (digits == 0 || (at[digits] != 0 && at[digits] != ',')) {
            refuse(UNKNOWN, "%s is %s, not a number, nor several with commas", name, text);
        }
        values.push_back(strtoull(at, nullptr, 10));
        at += digits;
        if (*at == 0) return values;
    }
}

static size_t number_of(const char* name, size_t otherwise) {
    const std::vector<size_t> values = numbers_of(name, otherwise);
    if (values.size() != 1) refuse(UNKNOWN, "%s is %s, not one number", name, getenv(name));
    return values[0];
}

static Settings read_settings() {
    const char* const report = getenv("FAKE_GPU_REPORT");
    const char* const set_faults = getenv("FAKE_GPU_FAULTS");
    const std::string faults = set_faults == nullptr ? "process" : set_faults;
    Settings read{};
    read.devices = number_of("FAKE_GPU_DEVICES", 1);
    read.memory = numbers_of("FAKE_GPU_MEMORY", (size_t) 2 << 30);
    const size_t peers = number_of("FAKE_GPU_PEERS", 1);
    read.driver = number_of("FAKE_GPU_DRIVER", 13000);
    read.compute = number_of("FAKE_GPU_COMPUTE", 90);
    read.seed = number_of("FAKE_GPU_SEED", 0);
    read.faults_stay = faults == "process";
    read.report = report == nullptr ? "" : report;
    if (read.devices > MAX_DEVICES) {
        refuse(UNKNOWN, "FAKE_GPU_DEVICES is %d; at most %d are possible", read.devices, MAX_DEVICES);
    }
    if (peers > 1) refuse(UNKNOWN, "FAKE_GPU_PEERS is %zu, not 0 or 1", peers);
    read.has_peers = peers == 1;
    if (faults != "process" && faults != "context") {
        refuse(UNKNOWN, "FAKE_GPU_FAULTS is %s, not process or context", faults.c_str());
    }
    return read;
}

const Settings& settings() {
    static const Settings& read = *new Settings(read_settings());
    return read;
}

uint64_t call_number() { return calls; }

uintptr_t new_handle() {
    static uintptr_t latest = 0xfa4e0000;
    return latest += 16;
}

static int act(const Call& call, const std::function<void()>& body) {
    if (call.needs == Needs::NOTHING) {
        body();
        return SUCCESS;
    }
    if (!is_initialized) return call.without_context == INVALID_CONTEXT ? NOT_INITIALIZED : call.without_context;
    if (call.needs == Needs::DRIVER) {
        body();
        return SUCCESS;
    }
    if (current_or_null() == nullptr) {
        current();  // refuses
    }
    if (current().is_broken && !call.acts_anyway) return call.when_broken;
    body();
    const Context* const after = current_or_null();
    return after != nullptr && after->is_broken ? call.when_broken : SUCCESS;
}

static int answer(const Call& call, const std::function<void()>& body) {
    try {
        return act(call, body);
    } catch (const Refusal& refusal) {
        if (!refusal.sentence.empty()) say(std::string(call.name) + ": " + refusal.sentence);
        if (refusal.error == INVALID_CONTEXT || refusal.error == CONTEXT_IS_DESTROYED) {
            return call.without_context == INVALID_CONTEXT ? refusal.error : call.without_context;
        }
        return refusal.error == ILLEGAL_ADDRESS ? call.when_broken : refusal.error;
    } catch (const std::bad_alloc&) {
        say(std::string(call.name) + ": the computer has no memory left");
        return call.when_broken;
    }
}

int call(const Call& call, const std::function<void()>& body) {
    const std::lock_guard lock(mutex);
    if (!call.is_counted) return answer(call, body);
    calls++;
    const bool fails = ++calls_since == failing_call;
    if (fails && !call.acts_anyway) return call.when_made_to_fail;
    const int answered = answer(call, body);
    return fails ? call.when_made_to_fail : answered;
}

void leaked(const std::string& what) { leaks.push_back(what); }
void add_inventory(Inventory inventory, bool is_memory) { inventories().push_back({std::move(inventory), is_memory}); }

static size_t live_objects() {
    size_t count = 0;
    for (const Kept& kept : inventories()) {
        if (!kept.is_memory) kept.inventory([&](const std::string&) { count++; });
    }
    return count;
}

[[gnu::destructor]] static void report() {
    if (!is_initialized) return;
    const std::lock_guard lock(mutex);
    for (const Kept& kept : inventories()) kept.inventory(leaked);
    FILE* const file = settings().report.empty() ? stderr : fopen(settings().report.c_str(), "w");
    if (file == nullptr) {
        say("cannot write " + settings().report);
        return;
    }
    for (const std::string& leak : leaks)
        fprintf(file, "%s%s\n", file == stderr ? "fake GPU: leaked: " : "", leak.c_str());
    if (file != stderr) fclose(file);
}

// The device that a control without a context means is the first.
static int controlled_device() {
    const Context* const context = current_or_null();
    return context == nullptr ? 0 : context->device;
}

static void set_control(int control, size_t value) {
    switch (control) {
        case FAIL_CALL:
            calls_since = 0;
            failing_call = value;
            return;
        case FREE_MEMORY:
            return pretend_free(controlled_device(), value);
        case PRODUCT_ORDER:
            product_order = value;
            return;
        case CUBIN_ERROR:
            cubin_error = value;
            return;
        case PTX_ERROR:
            ptx_error = value;
            return;
        case BREAK_AFTER:
            return value == 0 ? break_no_device() : break_after(controlled_device(), value);
        default:
            refuse(INVALID_VALUE, "control %#x cannot be set", control);
    }
}

static size_t get_control(int control) {
    switch (control) {
        case FAIL_CALL:
            return calls_since;
        case LIVE_BYTES:
            return live_bytes();
        case LIVE_OBJECTS:
            return live_objects();
        case LAUNCHES:
            return launches;
        case FREE_MEMORY:
            return free_bytes(controlled_device());
        case PRODUCT_ORDER:
            return product_order;
        case LEAKED:
            return leaks.size();
        case DEVICE_BYTES:
            return live_bytes_of(controlled_device());
        case COPIED_BYTES:
            return copied_bytes;
        case ALLOCATED_BYTES:
            return allocated_bytes;
        case BREAK_AFTER:
            return launches_to_break(controlled_device());
        default:
            refuse(INVALID_VALUE, "there is no control %#x", control);
    }
}

static bool is_control(int limit) { return limit >> 24 == 0x7f; }
constexpr Call CONTROL{.name = "control", .needs = Needs::NOTHING, .is_counted = false};

}  // namespace fake

using namespace fake;

API cuCtxSetLimit(int limit, size_t value) {
    if (is_control(limit)) return call(CONTROL, [&] { set_control(limit, value); });
    return call({.name = "cuCtxSetLimit"}, [&] { refuse(NOT_SUPPORTED, "limit %d is not modelled", limit); });
}

API cuCtxGetLimit(size_t* value, int limit) {
    if (is_control(limit)) return call(CONTROL, [&] { give(value, get_control(limit)); });
    return call({.name = "cuCtxGetLimit"}, [&] { refuse(NOT_SUPPORTED, "limit %d is not modelled", limit); });
}
