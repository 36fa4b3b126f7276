// Device memory: allocations in one range of addresses, whose pages cost nothing until they are touched.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <new>
#include <stdexcept>

#include "simt_shadow.h"

namespace simt {

Memory global_memory{"global", true, (size_t) 64 << 30, nullptr, nullptr, nullptr, nullptr};
Memory shared_memory{"shared", false, 0, nullptr, nullptr, nullptr, nullptr};
Range recent[64];

// Allocations begin at a page's byte ALIGNMENT, for no more alignment than a driver promises, and lie GAP apart.
constexpr size_t PAGE = 4096, ALIGNMENT = 256, GAP = 64 << 10;
static std::map<size_t, size_t> allocations;  // offset -> bytes
static std::map<size_t, int> owners;          // offset -> owner, where it is not 0
static uint64_t shown_owners = ~0ull;
static std::deque<Range> freed;  // the latest, for what is said of an access to them
static size_t next = GAP;        // where the search for room begins: what was freed rests a while

static void* reserve(size_t bytes) {
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
    return memory == MAP_FAILED ? nullptr : memory;
}

// One range for the bytes and all that is known of them.
static bool reserve(Memory& memory, size_t bytes) {
    char* all = static_cast<char*>(reserve(bytes + bytes + 4 * bytes + bytes / 8));
    if (all == nullptr) return false;
    memory.data = all;
    memory.granules = reinterpret_cast<Record*>(all + bytes);
    memory.words = reinterpret_cast<Record*>(all + 2 * bytes);
    memory.written = reinterpret_cast<uint16_t*>(all + 6 * bytes);
    return true;
}

void reserve_memory() {
    if (global_memory.data != nullptr) return;
    if (!reserve(shared_memory, 256 << 10)) throw std::bad_alloc();
    // Where the system does not grant that much address space, less will do.
    while (!reserve(global_memory, global_memory.bytes)) {
        if (global_memory.bytes <= (size_t) 64 << 20) throw std::bad_alloc();
        global_memory.bytes /= 2;
    }
}

// Makes pages empty: of a range that begins and ends anywhere, the ends are zeroed.
static void release(void* begin, size_t bytes) {
    char *const first = static_cast<char*>(begin), *const last = first + bytes;
    char* const page = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(first) + PAGE - 1) & -PAGE);
    char* const end = reinterpret_cast<char*>(reinterpret_cast<uintptr_t>(last) & -PAGE);
    if (page >= end) {
        memset(first, 0, bytes);
        return;
    }
    memset(first, 0, page - first);
    madvise(page, end - page, MADV_DONTNEED);
    memset(end, 0, last - end);
}

void forget_records() {
    madvise(global_memory.granules, 5 * global_memory.bytes, MADV_DONTNEED);
    madvise(shared_memory.granules, 5 * (256 << 10), MADV_DONTNEED);
}

void Memory::set_written(size_t offset, size_t bytes, bool value) {
    size_t begin = offset;
    const size_t end = offset + bytes;
    const auto set_byte = [&](size_t byte) {
        const uint16_t bit = 1u << byte % 16;
        written[byte / 16] = value ? written[byte / 16] | bit : written[byte / 16] & ~bit;
    };
    while (begin < end && begin % 16 != 0) set_byte(begin++);
    if (end - begin >= 16) {
        memset(&written[begin / 16], value ? 0xff : 0, (end - begin) / 16 * 2);
        begin += (end - begin) / 16 * 16;
    }
    while (begin < end) set_byte(begin++);
}

size_t Memory::first_unwritten(size_t offset, size_t bytes) const {
    const size_t end = offset + bytes;
    for (size_t byte = offset; byte < end;) {
        if (byte % 16 == 0 && end - byte >= 16 && written[byte / 16] == 0xffff) {
            byte += 16;
        } else if (written[byte / 16] >> byte % 16 & 1) {
            byte++;
        } else {
            return byte;
        }
    }
    return end;
}

static size_t offset_of(const void* p) {
    return reinterpret_cast<uintptr_t>(p) - reinterpret_cast<uintptr_t>(global_memory.data);
}

// Where there is room for so many bytes, in whole pages, from an offset on; the end of the memory if nowhere.
static size_t find_room(size_t from, size_t need) {
    size_t begin = from;
    auto above = allocations.lower_bound(from);
    if (above != allocations.begin()) {
        const auto below = std::prev(above);
        begin = std::max(begin, ((below->first + below->second + PAGE - 1) & -PAGE) + GAP);
    }
    for (; above != allocations.end(); ++above) {
        if (above->first >= begin + need + GAP) return begin;
        begin = ((above->first + above->second + PAGE - 1) & -PAGE) + GAP;
    }
    return begin + need + GAP <= global_memory.bytes ? begin : global_memory.bytes;
}

void* allocate(size_t bytes, int owner) {
    reserve_memory();
    if (bytes == 0) throw std::invalid_argument("allocate: no bytes");
    if (bytes > global_memory.bytes) throw std::bad_alloc();
    const size_t need = ALIGNMENT + bytes;
    size_t room = find_room(next, need);
    if (room == global_memory.bytes) room = find_room(GAP, need);
    if (room == global_memory.bytes) throw std::bad_alloc();
    next = room + ((need + PAGE - 1) & -PAGE) + GAP;
    allocations.emplace(room + ALIGNMENT, bytes);
    if (owner != 0) owners.emplace(room + ALIGNMENT, owner);
    std::erase_if(freed, [&](const Range& f) { return f.begin < room + need && room < f.begin + f.bytes; });
    return global_memory.data + room + ALIGNMENT;
}

static void release(const Range& range) {
    const size_t room = range.begin - ALIGNMENT, bytes = (ALIGNMENT + range.bytes + PAGE - 1) & -PAGE;
    release(global_memory.data + room, bytes);
    release(&global_memory.granules[room / 16], bytes);
    release(&global_memory.words[room / 4], 4 * bytes);
    release(&global_memory.written[room / 16], bytes / 8);
    freed.push_back(range);
    if (freed.size() > 1000) freed.pop_front();
}

void free(void* allocation) {
    const auto found = allocations.find(offset_of(allocation));
    if (found == allocations.end()) throw std::invalid_argument("free: not the beginning of an allocation");
    release({found->first, found->second});
    owners.erase(found->first);
    allocations.erase(found);
    std::fill(std::begin(recent), std::end(recent), Range{});
}

void free_all() {
    for (const auto& [begin, bytes] : allocations) release({begin, bytes});
    allocations.clear();
    owners.clear();
    std::fill(std::begin(recent), std::end(recent), Range{});
}

void show_owners(uint64_t owners) {
    if (owners == shown_owners) return;
    shown_owners = owners;
    std::fill(std::begin(recent), std::end(recent), Range{});
}

Range nearest(size_t offset) {
    Range best{0, 0};
    size_t distance = SIZE_MAX;
    auto above = allocations.upper_bound(offset);
    if (above != allocations.end()) {
        best = {above->first, above->second};
        distance = above->first - offset;
    }
    if (above == allocations.begin()) return best;
    const auto below = std::prev(above);
    const size_t end = below->first + below->second;
    if (offset < end || offset - end < distance) best = {below->first, below->second};
    return best;
}

static bool contains(const Range& range, size_t offset, size_t bytes) {
    return offset >= range.begin && bytes <= range.bytes && offset - range.begin <= range.bytes - bytes;
}

void find_global(size_t offset, unsigned bytes, Access access, Place place) {
    const char* did = is_read(access) ? "read" : "write";
    if (offset >= global_memory.bytes)
        fail_host(reinterpret_cast<uintptr_t>(global_memory.data) + offset, bytes, access, place);
    const Range range = nearest(offset);
    if (contains(range, offset, bytes)) {
        const auto owned = owners.find(range.begin);
        const int owner = owned == owners.end() ? 0 : owned->second;
        if (!(shown_owners >> owner & 1)) {
            fail(place,
                    "global %s of %u bytes at byte %zu of an allocation of device %d, to which this one has no access",
                    did, bytes, offset - range.begin, owner);
        }
        recent[(offset >> 16) % 64] = range;
        return;
    }
    for (auto old = freed.rbegin(); old != freed.rend(); ++old) {
        if (!contains(*old, offset, 1)) continue;
        fail(place, "global %s of %u bytes at byte %zu of an allocation of %zu bytes that was freed", did, bytes,
                offset - old->begin, old->bytes);
    }
    if (range.bytes == 0) fail(place, "global %s of %u bytes where nothing is allocated", did, bytes);
    fail(place, "global %s of %u bytes out of bounds: at byte %td of the nearest allocation, which has %zu", did, bytes,
            static_cast<ptrdiff_t>(offset - range.begin), range.bytes);
}

// For the host: the offset of a range that must be inside one allocation.
static size_t range_of(const char* function, const void* p, size_t bytes) {
    const size_t offset = offset_of(p);
    const Range range = offset < global_memory.bytes ? nearest(offset) : Range{0, 0};
    if (bytes > 0 && !contains(range, offset, bytes)) {
        throw std::invalid_argument(
                std::string(function) + ": " + std::to_string(bytes) + " bytes that are not inside one allocation");
    }
    return offset;
}

static void require_written(const char* function, size_t offset, size_t bytes) {
    if (!sees_plain_accesses()) return;
    const size_t first = global_memory.first_unwritten(offset, bytes) - offset;
    if (first == bytes) return;
    throw std::invalid_argument(std::string(function) + ": byte " + std::to_string(first) + " of " +
                                std::to_string(bytes) + " was never written");
}

void upload(void* target, const void* source, size_t bytes) {
    const size_t offset = range_of("upload", target, bytes);
    if (bytes == 0) return;
    memcpy(target, source, bytes);
    global_memory.set_written(offset, bytes, true);
}

void download(void* target, const void* source, size_t bytes) {
    require_written("download", range_of("download", source, bytes), bytes);
    if (bytes == 0) return;
    memcpy(target, source, bytes);
}

void copy(void* target, const void* source, size_t bytes) {
    require_written("copy", range_of("copy", source, bytes), bytes);
    const size_t offset = range_of("copy", target, bytes);
    if (bytes == 0) return;
    memmove(target, source, bytes);
    global_memory.set_written(offset, bytes, true);
}

void fill(void* target, uint8_t value, size_t bytes) {
    const size_t offset = range_of("fill", target, bytes);
    if (bytes == 0) return;
    memset(target, value, bytes);
    global_memory.set_written(offset, bytes, true);
}

}  // namespace simt
