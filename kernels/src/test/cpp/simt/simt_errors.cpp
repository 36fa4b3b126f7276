#include "simt_errors.h"

#include <execinfo.h>

#include <cstdarg>
#include <cstdio>

#include "simt_threads.h"

namespace simt {

// As the failing thread leaves it: without memory of its own, because that thread never ends properly.
static struct {
    bool is_set, has_place, has_other, is_deadlock;
    char what[512];
    Place place;
    int thread;
    dim3 block;
    Other other;
    void* calls[16];
    int call_count;
} fault;
static std::string text;  // of it, once somebody has asked

void clear_error() {
    fault = {};
    text.clear();
}
bool has_error() { return fault.is_set; }

void refuse(const char* format, ...) {
    va_list values;
    va_start(values, format);
    vsnprintf(fault.what, sizeof fault.what, format, values);
    va_end(values);
    fault.is_set = true;
}

[[noreturn]] static void fail(Place place, const char* format, va_list values) {
    vsnprintf(fault.what, sizeof fault.what, format, values);
    fault.is_set = fault.has_place = true;
    fault.place = place;
    fault.thread = now.fiber->number;
    fault.block = now.block_index;
    fault.call_count = backtrace(fault.calls, 16);
    abandon();
}
void fail(Place place, const char* format, ...) {
    va_list values;
    va_start(values, format);
    fail(place, format, values);
}
void fail(Place place, const Other& other, const char* format, ...) {
    fault.has_other = true;
    fault.other = other;
    va_list values;
    va_start(values, format);
    fail(place, format, values);
}
void fail_in_deadlock(Place place) {
    fault.is_deadlock = true;
    fail(place, "deadlock: no thread can go on");
}

static std::string name_of(dim3 index) {
    char name[48];
    snprintf(name, sizeof name, "(%u, %u, %u)", index.x, index.y, index.z);
    return name;
}

// The kernel's line that called the function of device.cuh in which the error is; empty where it is in none.
static std::string caller_of(const std::string& place) {
    if (place.find("device.cuh:") == std::string::npos) return "";
    for (int i = 0; i < fault.call_count; i++) {
        for (const std::string& line : lines_of_code(reinterpret_cast<uintptr_t>(fault.calls[i]))) {
            if (line.find(".cu:") != std::string::npos) return line;
        }
    }
    return "";
}

static std::string other_text(const Other& other) {
    std::string text = std::string("; ") + other.did;
    if (other.thread == Other::UNKNOWN) return text;
    return text + " by thread " + std::to_string(other.thread) + " at " + name_of(other.place);
}

static std::string compose() {
    if (!fault.has_place) return fault.what;
    const std::string place = name_of(fault.place), caller = caller_of(place);
    std::string text = fault.what;
    if (fault.place != 0) text += ", at " + place;
    if (!caller.empty()) text += ", called at " + caller;
    text += ", thread " + std::to_string(fault.thread) + " of block " + name_of(fault.block);
    if (fault.is_deadlock) text += "; " + waiting_threads();
    if (fault.has_other) text += other_text(fault.other);
    return text;
}

const std::string& error() {
    if (fault.is_set && text.empty()) text = compose();
    return text;
}

}  // namespace simt
