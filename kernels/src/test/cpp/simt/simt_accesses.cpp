// The accesses of device.cuh, and cp.async.
#include <cstring>

#include "simt_shadow.h"

using namespace simt;

static inline void request_shared(Traffic traffic, SharedAddress address, Place place) {
    now.warp->requests.add(now.fiber->lane, traffic, place, address);
}
template <class T>
static inline void request_global(size_t offset, Place place) {
    now.warp->requests.add(now.fiber->lane, sizeof(T) == 8 ? Traffic::GLOBAL_8 : Traffic::GLOBAL_16, place, offset);
}

template <class T, Access ACCESS>
static T load_global(const void* p, Place place) {
    request_global<T>(see_global<ACCESS, sizeof(T)>(p, place), place);
    return *static_cast<const T*>(p);
}

template <class T>
static void store_global(void* p, const T& value, Place place) {
    request_global<T>(see_global<Access::WRITE, sizeof(T)>(p, place), place);
    *static_cast<T*>(p) = value;
}

template <class T>
static T load_shared(SharedAddress a, Traffic traffic, Place place) {
    const char* p = see_shared<Access::READ, sizeof(T)>(a, place);
    request_shared(traffic, a, place);
    T value;
    memcpy(&value, p, sizeof value);
    return value;
}

template <class T>
static void store_shared(SharedAddress a, const T& value, Traffic traffic, Place place) {
    char* p = see_shared<Access::WRITE, sizeof(T)>(a, place);
    request_shared(traffic, a, place);
    memcpy(p, &value, sizeof value);
}

SharedAddress shared_base() { return SHARED_BASE; }

uint4 load_16(const void* p, Where where) { return load_global<uint4, Access::READ>(p, place_of(where)); }
uint4 load_16_constant(const void* p, Where where) {
    return load_global<uint4, Access::READ_CONSTANT>(p, place_of(where));
}
void store_16(void* p, uint4 v, Where where) { store_global(p, v, place_of(where)); }
uint2 load_8_constant(const void* p, Where where) {
    return load_global<uint2, Access::READ_CONSTANT>(p, place_of(where));
}
void store_8(void* p, uint2 v, Where where) { store_global(p, v, place_of(where)); }

uint4 load_shared_16(SharedAddress a, Where where) {
    return load_shared<uint4>(a, Traffic::SHARED_16, place_of(where));
}
float load_shared_float(SharedAddress a, Where where) {
    return load_shared<float>(a, Traffic::SHARED_4, place_of(where));
}
void store_shared_float(SharedAddress a, float v, Where where) {
    store_shared(a, v, Traffic::SHARED_4, place_of(where));
}
void store_shared_float2(SharedAddress a, float2 v, Where where) {
    store_shared(a, v, Traffic::SHARED_8, place_of(where));
}
void store_shared_4(SharedAddress a, uint32_t v, Where where) {
    store_shared(a, v, Traffic::SHARED_4, place_of(where));
}

// The copy itself is made at its wait. Until then its target counts as written by this thread, and nobody may touch it.
void cp_async_16(SharedAddress target, const void* source, bool valid, Where where) {
    const Place place = place_of(where);
    const size_t offset = valid ? see_global<Access::READ, 16>(source, place) : Requests::NOWHERE;
    request_global<uint4>(offset, place);
    see_shared<Access::COPY, 16>(target, place);
    request_shared(Traffic::SHARED_16, target, place);
    now.fiber->copies.copies.push_back({target, place, valid, now.time, source});
}

void cp_async_commit() {
    CopyQueue& queue = now.fiber->copies;
    queue.group_ends.push_back(queue.copies.size());
}

// Of the source, what was written since the copy was issued, by whomever.
static void require_unchanged(const Copy& copy) {
    const size_t granule = (static_cast<const char*>(copy.source) - global_memory.data) / 16;
    const Record* records = &global_memory.granules[granule];
    int count = 1;
    if (records->writer & SPLIT) {
        records = &global_memory.words[granule * 4];
        count = 4;
    }
    for (int i = 0; i < count; i++) {
        const Record& r = records[i];
        if (r.write_time < copy.time) continue;
        // This thread's own write just before: the copy's read still stands behind it.
        const bool is_mine = (r.writer & THREAD) == now.fiber->number;
        if (is_mine && r.write_time == copy.time && r.read_time >= copy.time) continue;
        fail(copy.place, {"written", r.writer & THREAD, r.write_place}, "source of a cp.async written before its wait");
    }
}

static void finish(const Copy& copy) {
    char* target = see_shared<Access::COPY_DONE, 16>(copy.target, copy.place);
    if (!copy.valid) {
        memset(target, 0, 16);
        return;
    }
    if (now.global_write >= copy.time) require_unchanged(copy);
    memcpy(target, copy.source, 16);
}

void simt::cp_async_wait(int groups) {
    CopyQueue& queue = now.fiber->copies;
    if (queue.group_ends.size() <= static_cast<size_t>(groups)) return;
    const size_t over = queue.group_ends.size() - groups, end = queue.group_ends[over - 1];
    for (size_t i = 0; i < end; i++) finish(queue.copies[i]);
    queue.copies.erase(queue.copies.begin(), queue.copies.begin() + end);
    queue.group_ends.erase(queue.group_ends.begin(), queue.group_ends.begin() + over);
    for (size_t& group_end : queue.group_ends) group_end -= end;
}
