// The sentences for what an access did wrong.
#include "simt_shadow.h"

namespace simt {

static const char* verb(Access access) { return is_read(access) ? "read" : "write"; }

static Other writer_of(const Record& r) {
    const bool in_block = r.write_time >= now.block;
    return {in_block ? "written" : "written in another block", r.writer & THREAD, r.write_place};
}

void fail_read(const Memory& memory, const Record& r, Access access, Place place) {
    const Other other = writer_of(r);
    if (r.writer & PENDING && r.write_time >= now.block) {
        fail(place, other, "read of %s memory that a cp.async still writes", memory.name);
    }
    if (access == Access::READ_CONSTANT) {
        fail(place, other, "load_16_constant of memory that this launch has written");
    }
    if (r.write_time < now.block) fail(place, other, "race between blocks: read after write");
    fail(place, other, "race in %s memory: read after write", memory.name);
}

// The reader that a write of the running thread collides with, as far as it is known.
static Other reader_of(const Memory& memory, const Record& r) {
    const int thread = r.reader & THREAD, other = r.reader >> 10;
    if (r.read_time < now.block) return {"read in another block", thread, r.read_place};
    if (memory.is_global && r.writer & OTHER_BLOCKS) return {"read in another block, too", Other::UNKNOWN, 0};
    if (r.writer & SEVERAL_WARPS && warp_of(r.reader) == now.fiber->warp) {
        return {"read by another warp, too", Other::UNKNOWN, 0};
    }
    if (thread != now.fiber->number) return {"read", thread, r.read_place};
    return {"read", now.fiber->warp * static_cast<int>(LANES) + other, r.read_place};
}

void fail_write(const Memory& memory, const Record& r, Place place) {
    if (r.write_time >= now.block && r.writer & PENDING) {
        fail(place, writer_of(r), "write to %s memory that a cp.async still writes", memory.name);
    }
    if (memory.is_global && r.write_time >= now.launch && r.write_time < now.block) {
        fail(place, writer_of(r), "race between blocks: write after write");
    }
    if (r.write_time >= now.block && is_unordered(r.writer, r.write_time)) {
        fail(place, writer_of(r), "race in %s memory: write after write", memory.name);
    }
    const Other reader = reader_of(memory, r);
    if (r.writer & CONSTANT) fail(place, reader, "write to memory that load_16_constant has read in this launch");
    if (memory.is_global && (r.read_time < now.block || r.writer & OTHER_BLOCKS)) {
        fail(place, reader, "race between blocks: write after read");
    }
    fail(place, reader, "race in %s memory: write after read", memory.name);
}

void check_written(const Memory& memory, size_t offset, Place place) {
    if (memory.is_global && !sees_plain_accesses()) return;
    const Range range = memory.is_global ? nearest(offset) : Range{0, memory.bytes};
    fail(place, "read of uninitialised %s memory: byte %zu of %zu", memory.name, offset - range.begin, range.bytes);
}

void fail_shared(SharedAddress address, unsigned bytes, Access access, Place place) {
    if (address < SHARED_BASE) {
        fail(place, "shared %s of %u bytes at address %u, which is below shared_base()", verb(access), bytes, address);
    }
    fail(place, "shared %s of %u bytes out of bounds: at byte %u, of a block that has %zu", verb(access), bytes,
            address - SHARED_BASE, shared_memory.bytes);
}

void fail_misaligned(const Memory& memory, uintptr_t address, unsigned bytes, Access access, Place place) {
    fail(place, "misaligned %s %s of %u bytes: %zu bytes above the multiple of %u", memory.name, verb(access), bytes,
            static_cast<size_t>(address % bytes), bytes);
}

void fail_host(uintptr_t address, size_t bytes, Access access, Place place) {
    const char* whose = address < 4096 ? "a null pointer" : "memory of the host or of another thread";
    fail(place, "%s of %zu bytes through %s: %#zx", verb(access), bytes, whose, static_cast<size_t>(address));
}

}  // namespace simt
