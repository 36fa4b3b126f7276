#include "fake_cuda_memory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "fake_cuda_streams.h"
#include "simt_shadow.h"

namespace fake {

static std::map<Address, Allocation>& allocations = *new std::map<Address, Allocation>;
static std::map<Address, uint64_t>& freed_by = *new std::map<Address, uint64_t>;     // begin -> call
static std::vector<size_t>& used_by_others = *new std::vector<size_t>(MAX_DEVICES);  // of each device

size_t live_bytes_of(int device) {
    size_t bytes = 0;
    for (const auto& [begin, allocation] : allocations) bytes += allocation.device == device ? allocation.bytes : 0;
    return bytes;
}

size_t live_bytes() {
    size_t bytes = 0;
    for (const auto& [begin, allocation] : allocations) bytes += allocation.bytes;
    return bytes;
}

size_t free_bytes(int device) {
    const size_t taken = live_bytes_of(device) + used_by_others[device];
    const size_t memory = settings().memory_of(device);
    return memory > taken ? memory - taken : 0;
}

void pretend_free(int device, size_t bytes) {
    used_by_others[device] = 0;
    const size_t really_free = free_bytes(device);
    if (bytes != 0 && bytes < really_free) used_by_others[device] = really_free - bytes;
}

const Allocation* allocation_of(Address address) {
    const auto above = allocations.upper_bound(address);
    if (above == allocations.begin()) return nullptr;
    const Allocation& found = std::prev(above)->second;
    return address - found.begin < found.bytes ? &found : nullptr;
}

const Allocation& require_inside(const Context& context, Address begin, size_t bytes, const char* what) {
    const Allocation* const found = allocation_of(begin);
    if (found == nullptr) {
        const auto freed = freed_by.find(begin);
        if (freed != freed_by.end()) {
            refuse(INVALID_VALUE, "%s %#llx is device memory that call %ju has freed", what, begin,
                    (uintmax_t) freed->second);
        }
        refuse(INVALID_VALUE, "%s %#llx is not in device memory", what, begin);
    }
    if (found->begin + found->bytes - begin < bytes) {
        refuse(INVALID_VALUE, "%s: %zu bytes from byte %llu of an allocation of %zu bytes (call %ju)", what, bytes,
                begin - found->begin, found->bytes, (uintmax_t) found->made_by);
    }
    if (!context.can_touch(found->device)) {
        refuse(INVALID_VALUE, "%s is memory of device %d, which device %d may not touch without peer access", what,
                found->device, context.device);
    }
    return *found;
}

static size_t offset_of(Address address) { return address - reinterpret_cast<Address>(simt::global_memory.data); }

void require_written(Address begin, size_t bytes, const char* what) {
    const size_t offset = offset_of(begin), first = simt::global_memory.first_unwritten(offset, bytes) - offset;
    if (first < bytes) refuse(ILLEGAL_ADDRESS, "%s: byte %zu of %zu was never written", what, first, bytes);
}

void set_written(Address begin, size_t bytes, bool is_written) {
    simt::global_memory.set_written(offset_of(begin), bytes, is_written);
}

static Address allocate(size_t bytes) {
    const Context& context = current();
    if (bytes == 0) refuse(INVALID_VALUE, "no bytes");
    if (bytes > free_bytes(context.device)) throw Refusal{OUT_OF_MEMORY, ""};
    const Address begin = reinterpret_cast<Address>(simt::allocate(bytes, context.device));
    allocations.emplace(begin, Allocation{begin, bytes, context.device, call_number()});
    freed_by.erase(begin);
    allocated_bytes += bytes;
    return begin;
}

static void free(Address begin) {
    const auto found = allocations.find(begin);
    if (found == allocations.end()) {
        const auto freed = freed_by.find(begin);
        if (freed != freed_by.end()) {
            refuse(INVALID_VALUE, "%#llx was freed already, by call %ju", begin, (uintmax_t) freed->second);
        }
        refuse(INVALID_VALUE, "%#llx is not the beginning of device memory", begin);
    }
    // As a driver does: work on that device ends first.
    for (const auto& [handle, context] : contexts.all()) {
        if (context->device == found->second.device) finish_all(*context);
    }
    simt::free(reinterpret_cast<void*>(begin));
    allocations.erase(found);
    freed_by[begin] = call_number();
}

static std::string line_of(const Allocation& allocation) {
    return "device memory of device " + std::to_string(allocation.device) + ": " + std::to_string(allocation.bytes) +
           " bytes, allocated by call " + std::to_string(allocation.made_by);
}

void end_memory(const Context& context) {
    std::vector<Address> left;
    for (const auto& [begin, allocation] : allocations) {
        if (allocation.device == context.device) left.push_back(begin);
    }
    for (const Address begin : left) {
        leaked(line_of(allocations.at(begin)));
        simt::free(reinterpret_cast<void*>(begin));
        allocations.erase(begin);
        freed_by[begin] = call_number();
    }
}

static const bool has_inventory = [] {
    const auto lines = [](const auto& line) {
        for (const auto& [begin, allocation] : allocations) line(line_of(allocation));
    };
    add_inventory(lines, true);
    return true;
}();

}  // namespace fake

using namespace fake;

API cuMemGetInfo_v2(size_t* free, size_t* total) {
    return call({.name = "cuMemGetInfo"}, [&] {
        give(free, free_bytes(current().device));
        give(total, settings().memory_of(current().device));
    });
}

API cuMemAlloc_v2(Address* address, size_t bytes) {
    return call({.name = "cuMemAlloc", .when_made_to_fail = OUT_OF_MEMORY}, [&] {
        if (address == nullptr) refuse(INVALID_VALUE, "a null pointer for the result");
        give(address, allocate(bytes));
    });
}

API cuMemFree_v2(Address address) {
    return call({.name = "cuMemFree", .acts_anyway = true}, [&] { fake::free(address); });
}

API cuMemGetAddressRange_v2(Address* begin, size_t* bytes, Address address) {
    return call({.name = "cuMemGetAddressRange"}, [&] {
        const Allocation* const found = allocation_of(address);
        if (found == nullptr) refuse(NOT_FOUND, "%#llx is not in device memory", address);
        if (begin != nullptr) *begin = found->begin;
        if (bytes != nullptr) *bytes = found->bytes;
    });
}
