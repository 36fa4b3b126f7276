// Device memory, and host memory that copies use without staging.
#pragma once
#include "fake_cuda_devices.h"

#pragma GCC visibility push(default)
namespace fake {

struct Allocation {
    Address begin;
    size_t bytes;
    int device;
    uint64_t made_by;
};

// The allocation that holds the range; refuses where none does, or where the context must not touch it.
const Allocation& require_inside(const Context& context, Address begin, size_t bytes, const char* what);
const Allocation* allocation_of(Address address);
void require_written(Address begin, size_t bytes, const char* what);
void set_written(Address begin, size_t bytes, bool is_written);

// Page-locked host memory.
struct HostRange {
    char* begin;
    size_t bytes;
    bool is_registered;  // and not of cuMemHostAlloc
    uint64_t made_by;
};
// The page-locked range that an address is in, or null. Refuses where the bytes go beyond it.
const HostRange* page_locked(const void* begin, size_t bytes);

// Page-locked memory that pending work uses, as long as this lives.
struct HostUse {
    const char* begin;
    size_t bytes;
    bool is_written;  // by the device
    Context* context;

    HostUse(const void* begin, size_t bytes, bool is_written, Context* context);
    ~HostUse();
    HostUse(const HostUse&) = delete;
    // The pending use of any of these bytes, or null.
    static HostUse* find(const void* begin, size_t bytes);
};

size_t live_bytes();
size_t live_bytes_of(int device);
size_t free_bytes(int device);
void pretend_free(int device, size_t bytes);
// What a context leaves behind when it ends: freed, and reported.
void end_memory(const Context& context);

}  // namespace fake
#pragma GCC visibility pop
