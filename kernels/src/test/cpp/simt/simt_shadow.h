// What is known of each piece of memory, and the checks that every access goes through; for the emulator's files only.
//
// A record is kept for 16 bytes as long as they are accessed whole, and for each 4 of them once they are not. It holds
// the latest write, and who has read since: one thread, several of a warp, or several warps. That suffices: reads
// before a write are ordered before all that is ordered after the write, and of many readers one that races is as good
// as all.
#pragma once
#include "simt_threads.h"

namespace simt {

constexpr uint16_t THREAD = 0x3ff;
// In Record::writer, beside the thread.
constexpr uint16_t SPLIT = 1 << 10;          // of a granule: see its words instead
constexpr uint16_t PENDING = 1 << 11;        // the write is a cp.async that its thread has not waited for
constexpr uint16_t SEVERAL_LANES = 1 << 12;  // the readers are lanes of one warp since its latest sync
constexpr uint16_t SEVERAL_WARPS = 1 << 13;  // the readers are of several warps since the latest barrier
constexpr uint16_t OTHER_BLOCKS = 1 << 14;   // another block of this launch has read, too
constexpr uint16_t CONSTANT = 1 << 15;       // load_16_constant has read in this launch
constexpr uint16_t READER_FLAGS = SEVERAL_LANES | SEVERAL_WARPS | OTHER_BLOCKS | CONSTANT;

struct alignas(16) Record {
    uint32_t write_time, read_time;
    uint16_t writer, write_place;
    // The latest reader; where there are several, in its upper bits another's lane or warp.
    uint16_t reader, read_place;
};

enum class Access : uint8_t {
    READ,
    READ_CONSTANT,  // by load_16_constant
    READ_OF_WARP,   // by load_matrices: no lane's own
    WRITE,
    COPY,       // the target of a cp.async, when it is issued
    COPY_DONE,  // the same when its thread has waited
};
constexpr bool is_read(Access access) { return access <= Access::READ_OF_WARP; }

// Device memory, or a block's shared memory.
struct Memory {
    const char* name;
    bool is_global;
    size_t bytes;  // of device memory: of the range that allocations come from
    char* data;
    Record* granules;   // of 16 bytes
    Record* words;      // of 4 bytes
    uint16_t* written;  // for each granule: a bit for each byte

    void set_written(size_t offset, size_t bytes, bool value);
    // The first byte of the range that was never written, or its end.
    size_t first_unwritten(size_t offset, size_t bytes) const;
};
extern Memory global_memory, shared_memory;

// Takes address space; memory is only taken for pages that are touched.
void reserve_memory();
void forget_records();

[[noreturn]] void fail_read(const Memory& memory, const Record& record, Access access, Place place);
[[noreturn]] void fail_write(const Memory& memory, const Record& record, Place place);
void check_written(const Memory& memory, size_t offset, Place place);
[[noreturn]] void fail_shared(SharedAddress address, unsigned bytes, Access access, Place place);
[[noreturn]] void fail_host(uintptr_t address, size_t bytes, Access access, Place place);
[[noreturn]] void fail_misaligned(const Memory& memory, uintptr_t address, unsigned bytes, Access access, Place place);

inline uint16_t warp_of(uint16_t reader_or_writer) { return (reader_or_writer & THREAD) / LANES; }

// Whether what `thread` did at `time`, of this block, has no barrier or sync between it and the running thread.
inline bool is_unordered(uint16_t thread, uint32_t time) {
    if (warp_of(thread) != now.fiber->warp) return time >= now.barrier;
    return time >= now.warp->sync_time && (thread & THREAD) != now.fiber->number;
}

template <Access ACCESS>
inline bool read_is_wrong(const Memory& memory, const Record& r) {
    if (r.write_time < now.launch) return false;
    if (ACCESS == Access::READ_CONSTANT) return true;
    if (r.write_time < now.block) return memory.is_global;
    if (ACCESS == Access::READ_OF_WARP && warp_of(r.writer) == now.fiber->warp) {
        return r.write_time >= now.warp->sync_time;
    }
    return is_unordered(r.writer, r.write_time);
}

// Whether a read by load_matrices is right and leaves the record as it is.
inline bool is_known_read(const Record& r) {
    if (r.write_time >= now.barrier || r.writer & SPLIT || r.read_time < now.barrier) return false;
    if (r.writer & SEVERAL_WARPS) return true;
    return r.writer & SEVERAL_LANES && warp_of(r.reader) == now.fiber->warp && r.read_time >= now.warp->sync_time;
}

// Joins the running thread to the readers, or begins with it alone where those before do not count any more.
template <Access ACCESS>
inline void note_read(Record& r, Place place) {
    const Fiber& me = *now.fiber;
    constexpr uint16_t alone = ACCESS == Access::READ_OF_WARP ? SEVERAL_LANES : 0;
    uint16_t flags = r.writer & (OTHER_BLOCKS | CONSTANT), other = me.lane ^ 1;
    if (r.read_time < now.barrier) {
        if (r.read_time < now.launch) {
            flags = 0;
        } else if (r.read_time < now.block) {
            flags |= OTHER_BLOCKS;
        }
        flags |= alone;
    } else if (r.writer & SEVERAL_WARPS) {
        return;
    } else if (warp_of(r.reader) != me.warp) {
        flags |= SEVERAL_WARPS;
        other = warp_of(r.reader);
    } else if (r.read_time < now.warp->sync_time) {
        flags |= alone;
    } else {
        const bool was_me = (r.reader & THREAD) == me.number;
        if (r.writer & SEVERAL_LANES || (was_me && !alone)) return;
        flags |= SEVERAL_LANES;
        if (!was_me) other = r.reader & 31;
    }
    r.writer = (r.writer & ~READER_FLAGS) | flags;
    r.reader = me.number | other << 10;
    r.read_time = now.time;
    r.read_place = place;
}

template <Access ACCESS>
inline bool write_is_wrong(const Memory& memory, const Record& r) {
    if (ACCESS == Access::COPY_DONE) return false;  // whatever came between has failed
    if (r.write_time >= now.block) {
        if (r.writer & PENDING || is_unordered(r.writer, r.write_time)) return true;
    } else if (memory.is_global && r.write_time >= now.launch) {
        return true;
    }
    if (r.read_time < now.launch) return false;
    if (r.writer & CONSTANT) return true;
    if (memory.is_global && (r.read_time < now.block || r.writer & OTHER_BLOCKS)) return true;
    if (r.read_time < now.barrier) return false;
    if (r.writer & SEVERAL_WARPS || warp_of(r.reader) != now.fiber->warp) return true;
    return r.read_time >= now.warp->sync_time && (r.writer & SEVERAL_LANES || (r.reader & THREAD) != now.fiber->number);
}

template <Access ACCESS>
inline void see(const Memory& memory, Record& r, Place place) {
    if constexpr (is_read(ACCESS)) {
        if (read_is_wrong<ACCESS>(memory, r)) fail_read(memory, r, ACCESS, place);
        note_read<ACCESS>(r, place);
        if (ACCESS == Access::READ_CONSTANT) r.writer |= CONSTANT;
    } else {
        if (write_is_wrong<ACCESS>(memory, r)) fail_write(memory, r, place);
        const uint16_t thread = now.fiber->number | (ACCESS == Access::COPY ? PENDING : 0);
        r = {now.time, 0, thread, place, 0, 0};
    }
}

// 4, 8 or 16 bytes at an aligned offset inside the memory.
template <Access ACCESS, unsigned BYTES>
inline void see(const Memory& memory, size_t offset, Place place) {
    statistics.accesses++;
    const size_t granule = offset / 16;
    const uint16_t bits = ((1u << BYTES) - 1) << offset % 16;
    if (is_read(ACCESS) && (memory.written[granule] & bits) != bits) {
        // Of a cp.async on its way, the record says more.
        const Record& r = memory.granules[granule].writer & SPLIT ? memory.words[offset / 4] : memory.granules[granule];
        if (r.writer & PENDING && r.write_time >= now.block) fail_read(memory, r, ACCESS, place);
        check_written(memory, offset, place);
    }
    Record& whole = memory.granules[granule];
    Record* words = &memory.words[granule * 4];
    if (BYTES == 16 && !(whole.writer & SPLIT)) {
        see<ACCESS>(memory, whole, place);
    } else {
        if (!(whole.writer & SPLIT)) {
            for (int i = 0; i < 4; i++) words[i] = whole;
            whole.writer |= SPLIT;
        }
        for (unsigned i = 0; i < BYTES / 4; i++) see<ACCESS>(memory, words[offset % 16 / 4 + i], place);
        if (BYTES == 16 && !is_read(ACCESS)) whole = words[0];
    }
    if (ACCESS == Access::COPY) {
        memory.written[granule] &= ~bits;
    } else if (!is_read(ACCESS)) {
        memory.written[granule] |= bits;
    }
}

// Where the bytes of a shared address lie.
template <Access ACCESS, unsigned BYTES>
inline char* see_shared(SharedAddress address, Place place) {
    const size_t offset = (size_t) address - SHARED_BASE;
    if (offset >= shared_memory.bytes || shared_memory.bytes - offset < BYTES) {
        fail_shared(address, BYTES, ACCESS, place);
    }
    if (offset % BYTES != 0) fail_misaligned(shared_memory, address, BYTES, ACCESS, place);
    see<ACCESS, BYTES>(shared_memory, offset, place);
    return shared_memory.data + offset;
}

// Allocations that were met lately, by where the access was.
struct Range {
    size_t begin, bytes;
};
extern Range recent[64];
// The allocation that holds an offset or, where none does, the nearest; {0, 0} where there are none.
Range nearest(size_t offset);
// Fails unless these bytes are inside one allocation.
void find_global(size_t offset, unsigned bytes, Access access, Place place);

// The offset in global memory.
template <Access ACCESS, unsigned BYTES>
inline size_t see_global(const void* p, Place place) {
    const size_t offset = reinterpret_cast<uintptr_t>(p) - reinterpret_cast<uintptr_t>(global_memory.data);
    const Range& range = recent[(offset >> 16) % 64];
    if (offset - range.begin > range.bytes - BYTES || range.bytes < BYTES) {
        find_global(offset, BYTES, ACCESS, place);
    }
    if (offset % BYTES != 0) fail_misaligned(global_memory, (uintptr_t) p, BYTES, ACCESS, place);
    see<ACCESS, BYTES>(global_memory, offset, place);
    if (!is_read(ACCESS)) now.global_write = now.time;
    return offset;
}

}  // namespace simt
