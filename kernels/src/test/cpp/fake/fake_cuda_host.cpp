// Page-locked host memory.
#include <cstdlib>
#include <cstring>
#include <vector>

#include "fake_cuda_memory.h"
#include "fake_cuda_streams.h"

namespace fake {

static std::map<const char*, HostRange>& ranges = *new std::map<const char*, HostRange>;
static std::vector<HostUse*>& uses = *new std::vector<HostUse*>;

HostUse::HostUse(const void* begin, size_t bytes, bool is_written, Context* context)
    : begin(static_cast<const char*>(begin)), bytes(bytes), is_written(is_written), context(context) {
    uses.push_back(this);
}
HostUse::~HostUse() { std::erase(uses, this); }

HostUse* HostUse::find(const void* begin, size_t bytes) {
    const char* const first = static_cast<const char*>(begin);
    for (HostUse* use : uses) {
        if (first < use->begin + use->bytes && use->begin < first + bytes) return use;
    }
    return nullptr;
}

const HostRange* page_locked(const void* begin, size_t bytes) {
    const char* const first = static_cast<const char*>(begin);
    const auto above = ranges.upper_bound(first);
    if (above == ranges.begin()) return nullptr;
    const HostRange& range = std::prev(above)->second;
    const size_t offset = first - range.begin;
    if (offset >= range.bytes) return nullptr;
    if (range.bytes - offset < bytes) {
        refuse(INVALID_VALUE, "%zu bytes from byte %zu of page-locked memory of %zu bytes (call %ju)", bytes, offset,
                range.bytes, (uintmax_t) range.made_by);
    }
    return &range;
}

static void* allocate(size_t bytes) {
    if (bytes == 0) refuse(INVALID_VALUE, "no bytes");
    void* const memory = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
    if (memory == nullptr) throw Refusal{OUT_OF_MEMORY, ""};
    memset(memory, 0xff, bytes);  // what nobody writes should not pass as zero
    ranges.emplace(static_cast<char*>(memory), HostRange{static_cast<char*>(memory), bytes, false, call_number()});
    return memory;
}

static void release(const void* begin, bool is_registered) {
    const auto found = ranges.find(static_cast<const char*>(begin));
    if (found == ranges.end() || found->second.is_registered != is_registered) {
        refuse(is_registered ? HOST_MEMORY_NOT_REGISTERED : INVALID_VALUE,
                "%p is not the beginning of page-locked memory %s", begin,
                is_registered ? "that was registered" : "that was allocated, or was freed already");
    }
    const HostRange range = found->second;
    while (HostUse* use = HostUse::find(range.begin, range.bytes)) {
        break_context(*use->context, "page-locked memory of call " + std::to_string(range.made_by) +
                                             " freed while a copy of it was pending");
    }
    ranges.erase(found);
    if (!is_registered) ::free(range.begin);
}

static void register_range(void* begin, size_t bytes) {
    if (begin == nullptr || bytes == 0) refuse(INVALID_VALUE, "no bytes");
    char* const first = static_cast<char*>(begin);
    for (const auto& [other, range] : ranges) {
        if (first < range.begin + range.bytes && range.begin < first + bytes) {
            refuse(HOST_MEMORY_ALREADY_REGISTERED, "%p is page-locked already, by call %ju", begin,
                    (uintmax_t) range.made_by);
        }
    }
    ranges.emplace(first, HostRange{first, bytes, true, call_number()});
}

static const bool has_inventory = [] {
    add_inventory([](const auto& line) {
        for (const auto& [begin, range] : ranges) {
            line("page-locked host memory: " + std::to_string(range.bytes) + " bytes, " +
                    (range.is_registered ? "registered" : "allocated") + " by call " + std::to_string(range.made_by));
        }
    });
    return true;
}();

static int allocate_call(const char* name, void** memory, size_t bytes) {
    return call({.name = name, .when_made_to_fail = OUT_OF_MEMORY}, [&] {
        if (memory == nullptr) refuse(INVALID_VALUE, "a null pointer for the result");
        give(memory, allocate(bytes));
    });
}

}  // namespace fake

using namespace fake;

API cuMemAllocHost_v2(void** memory, size_t bytes) { return allocate_call("cuMemAllocHost", memory, bytes); }

API cuMemHostAlloc(void** memory, size_t bytes, unsigned) { return allocate_call("cuMemHostAlloc", memory, bytes); }

API cuMemFreeHost(void* memory) {
    return call({.name = "cuMemFreeHost", .acts_anyway = true}, [&] { release(memory, false); });
}

API cuMemHostRegister_v2(void* memory, size_t bytes, unsigned) {
    const Call as{.name = "cuMemHostRegister", .when_made_to_fail = OUT_OF_MEMORY};
    return call(as, [&] { register_range(memory, bytes); });
}

API cuMemHostUnregister(void* memory) {
    return call({.name = "cuMemHostUnregister", .acts_anyway = true}, [&] { release(memory, true); });
}
