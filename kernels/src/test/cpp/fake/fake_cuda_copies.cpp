// Copies and fills. What a copy between host and device waits for is what "API synchronization behavior" of CUDA's
// documentation promises, and nothing more.
#include <cstring>
#include <vector>

#include "fake_cuda_memory.h"
#include "fake_cuda_streams.h"

namespace fake {
namespace {

struct Shape {
    size_t width, rows;  // bytes
};

// Rows in device or host memory.
struct Rows {
    bool is_device;
    Address begin;
    size_t pitch;

    char* at(size_t row) const { return reinterpret_cast<char*>(begin) + row * pitch; }
    size_t span(const Shape& shape) const { return (shape.rows - 1) * pitch + shape.width; }
};

Rows device(Address begin) { return {true, begin, 0}; }
Rows host(const void* begin) { return {false, reinterpret_cast<Address>(begin), 0}; }

void require_rows(const Context& context, const Rows& rows, const Shape& shape, const char* what) {
    if (rows.is_device) {
        require_inside(context, rows.begin, rows.span(shape), what);
    } else if (rows.begin == 0) {
        refuse(INVALID_VALUE, "%s is null", what);
    } else if (allocation_of(rows.begin) != nullptr) {
        refuse(INVALID_VALUE, "%s is device memory, not memory of the host", what);
    }
}

uint64_t checksum(const Rows& rows, const Shape& shape) {
    uint64_t sums[4] = {1, 2, 3, 4};
    for (size_t row = 0; row < shape.rows; row++) {
        const char* at = rows.at(row);
        size_t left = shape.width;
        for (; left >= 32; left -= 32, at += 32) {
            uint64_t words[4];
            memcpy(words, at, 32);
            for (int i = 0; i < 4; i++) sums[i] = (sums[i] ^ words[i]) * 0x9e3779b97f4a7c15;
        }
        for (; left > 0; left--) sums[0] = (sums[0] ^ static_cast<unsigned char>(*at++)) * 0x9e3779b97f4a7c15;
    }
    return sums[0] ^ sums[1] << 1 ^ sums[2] << 2 ^ sums[3] << 3;
}

// The copy itself. Both sides are looked at again: what was there at the call may be gone.
void copy_now(const Context& context, const Rows& target, const Rows& source, const Shape& shape) {
    require_rows(context, target, shape, "target");
    require_rows(context, source, shape, "source");
    for (size_t row = 0; row < shape.rows; row++) {
        const Address from = source.begin + row * source.pitch, to = target.begin + row * target.pitch;
        if (source.is_device) require_written(from, shape.width, "source");
        memmove(target.at(row), source.at(row), shape.width);
        if (target.is_device) set_written(to, shape.width, true);
    }
}

void device_to_device(Stream& stream, const char* name, const Rows& target, const Rows& source, const Shape& shape) {
    Context* const context = stream.context;
    enqueue(stream, name, [=] { copy_now(*context, target, source, shape); });
}

// From memory that may be paged out: read at the call.
void staged_to_device(Stream& stream, const char* name, const Rows& target, const Rows& source, const Shape& shape) {
    Context* const context = stream.context;
    const auto staged = std::make_shared<std::vector<char>>(shape.width * shape.rows);
    for (size_t row = 0; row < shape.rows; row++) {
        memcpy(staged->data() + row * shape.width, source.at(row), shape.width);
    }
    enqueue(stream, name, [=] {
        copy_now(*context, target, {false, reinterpret_cast<Address>(staged->data()), shape.width}, shape);
    });
}

// From page-locked memory: read when the copy runs, and so not to be touched until then.
void locked_to_device(Stream& stream, const char* name, const Rows& target, const Rows& source, const Shape& shape) {
    Context* const context = stream.context;
    const void* const begin = source.at(0);
    const HostUse* const other = HostUse::find(begin, source.span(shape));
    // What the device is still to write there is not the host's to keep.
    const bool is_checked = other == nullptr || !other->is_written;
    const uint64_t sum = checksum(source, shape);
    const auto use = std::make_shared<HostUse>(begin, source.span(shape), false, context);
    enqueue(stream, name, [=] {
        if (is_checked && checksum(source, shape) != sum) {
            refuse(ILLEGAL_ADDRESS, "host memory changed while a copy of it was pending: %zu bytes at %p", use->bytes,
                    begin);
        }
        copy_now(*context, target, source, shape);
    });
}

void to_host(Stream& stream, const char* name, const Rows& target, const Rows& source, const Shape& shape,
        bool is_waited_for) {
    Context* const context = stream.context;
    void* const begin = target.at(0);
    const bool is_locked = page_locked(begin, target.span(shape)) != nullptr;
    std::shared_ptr<HostUse> use;
    if (is_locked) {
        if (!is_waited_for && HostUse::find(begin, target.span(shape)) == nullptr) {
            // Who reads before the copy has run is not to find what was there before.
            for (size_t row = 0; row < shape.rows; row++) memset(target.at(row), 0xff, shape.width);
        }
        use = std::make_shared<HostUse>(begin, target.span(shape), true, context);
    }
    const Point end = enqueue(stream, name, [=] {
        copy_now(*context, target, source, shape);
        (void) use;
    });
    if (is_waited_for || !is_locked) finish(end);
}

void copy(Stream& stream, const char* name, const Rows& target, const Rows& source, Shape shape, bool is_waited_for) {
    if (shape.width == 0 || shape.rows == 0) return;
    for (const Rows* rows : {&target, &source}) {
        if (shape.rows > 1 && rows->pitch < shape.width) {
            refuse(INVALID_VALUE, "rows of %zu bytes at a pitch of %zu", shape.width, rows->pitch);
        }
    }
    require_rows(*stream.context, target, shape, "target");
    require_rows(*stream.context, source, shape, "source");
    if (target.is_device && !source.is_device) copied_bytes += shape.width * shape.rows;
    if (target.is_device && source.is_device) {
        device_to_device(stream, name, target, source, shape);
    } else if (source.is_device) {
        to_host(stream, name, target, source, shape, is_waited_for);
    } else if (!target.is_device) {
        finish(stream.end());
        copy_now(*stream.context, target, source, shape);
    } else if (page_locked(source.at(0), source.span(shape)) != nullptr) {
        locked_to_device(stream, name, target, source, shape);
        if (is_waited_for) finish(stream.end());
    } else {
        if (is_waited_for) finish(stream.end());
        staged_to_device(stream, name, target, source, shape);
    }
}

int copy_call(const char* name, const Rows& target, const Rows& source, size_t bytes) {
    return call({.name = name}, [&] { copy(*current().default_stream, name, target, source, {bytes, 1}, true); });
}
int copy_call_async(const char* name, const Rows& target, const Rows& source, size_t bytes, void* stream) {
    return call({.name = name}, [&] { copy(stream_of(stream), name, target, source, {bytes, 1}, false); });
}

// With unified addresses a driver sees which is which.
Rows either(Address address) { return {allocation_of(address) != nullptr, address, 0}; }

// CUDA_MEMCPY2D
struct Copy2D {
    size_t source_x, source_y;
    int source_type;
    const void* source_host;
    Address source_device;
    void* source_array;
    size_t source_pitch;
    size_t target_x, target_y;
    int target_type;
    void* target_host;
    Address target_device;
    void* target_array;
    size_t target_pitch;
    size_t width, height;
};

Rows rows_of(int type, const void* host, Address device, size_t pitch, size_t x, size_t y) {
    enum { HOST = 1, DEVICE = 2, UNIFIED = 4 };
    const Address offset = y * pitch + x;
    switch (type) {
        case HOST:
            return {false, reinterpret_cast<Address>(host) + offset, pitch};
        case DEVICE:
            return {true, device + offset, pitch};
        case UNIFIED:
            return {allocation_of(device + offset) != nullptr, device + offset, pitch};
        default:
            refuse(NOT_SUPPORTED, "memory type %d is not modelled", type);
    }
}

void copy_2d(const char* name, const Copy2D* how, Stream& stream, bool is_waited_for) {
    if (how == nullptr) refuse(INVALID_VALUE, "a null pointer for the copy");
    const Rows target = rows_of(
            how->target_type, how->target_host, how->target_device, how->target_pitch, how->target_x, how->target_y);
    const Rows source = rows_of(
            how->source_type, how->source_host, how->source_device, how->source_pitch, how->source_x, how->source_y);
    copy(stream, name, target, source, {how->width, how->height}, is_waited_for);
}

// Between two devices, which need no access to each other's memory for it: the driver carries it. With a device that
// is broken no copy begins; one that was queued before lets the other device go on, and leaves what is no number there.
void copy_peer(const char* name, Address target, const void* target_context, Address source, const void* source_context,
        size_t bytes, Stream& stream) {
    const Context* const to = contexts.find(target_context);
    const Context* const from = contexts.find(source_context);
    if (to == nullptr || from == nullptr) refuse(INVALID_CONTEXT, "a context that was released, or never was");
    if (to->is_broken || from->is_broken) throw Refusal{ILLEGAL_ADDRESS, ""};
    if (bytes == 0) return;
    require_inside(*to, target, bytes, "target");
    require_inside(*from, source, bytes, "source");
    const uintptr_t to_handle = to->handle, from_handle = from->handle;
    enqueue(stream, name, [=] {
        if (has_broken(to_handle)) return;
        const Context* const to = contexts.find(reinterpret_cast<const void*>(to_handle));
        const Context* const from = contexts.find(reinterpret_cast<const void*>(from_handle));
        const bool is_lost = has_broken(from_handle);
        if (to == nullptr || (from == nullptr && !is_lost)) {
            refuse(INVALID_CONTEXT, "a context was released before the copy ran");
        }
        require_inside(*to, target, bytes, "target");
        if (is_lost) {
            memset(reinterpret_cast<void*>(target), 0xff, bytes);
        } else {
            require_inside(*from, source, bytes, "source");
            require_written(source, bytes, "source");
            memmove(reinterpret_cast<void*>(target), reinterpret_cast<const void*>(source), bytes);
        }
        set_written(target, bytes, true);
    });
}

template <class T>
void fill(Stream& stream, const char* name, Address begin, T value, size_t count) {
    if (count == 0) return;
    if (begin % sizeof(T) != 0) refuse(INVALID_VALUE, "%#llx is not aligned to %zu bytes", begin, sizeof(T));
    Context* const context = stream.context;
    require_inside(*context, begin, count * sizeof(T), "target");
    enqueue(stream, name, [=] {
        require_inside(*context, begin, count * sizeof(T), "target");
        std::fill_n(reinterpret_cast<T*>(begin), count, value);
        set_written(begin, count * sizeof(T), true);
    });
}

}  // namespace
}  // namespace fake

using namespace fake;

API cuMemcpyHtoD_v2(Address target, const void* source, size_t bytes) {
    return copy_call("cuMemcpyHtoD", device(target), host(source), bytes);
}
API cuMemcpyDtoH_v2(void* target, Address source, size_t bytes) {
    return copy_call("cuMemcpyDtoH", host(target), device(source), bytes);
}
API cuMemcpyDtoD_v2(Address target, Address source, size_t bytes) {
    return copy_call("cuMemcpyDtoD", device(target), device(source), bytes);
}
API cuMemcpyHtoDAsync_v2(Address target, const void* source, size_t bytes, void* stream) {
    return copy_call_async("cuMemcpyHtoDAsync", device(target), host(source), bytes, stream);
}
API cuMemcpyDtoHAsync_v2(void* target, Address source, size_t bytes, void* stream) {
    return copy_call_async("cuMemcpyDtoHAsync", host(target), device(source), bytes, stream);
}
API cuMemcpyDtoDAsync_v2(Address target, Address source, size_t bytes, void* stream) {
    return copy_call_async("cuMemcpyDtoDAsync", device(target), device(source), bytes, stream);
}
API cuMemcpy(Address target, Address source, size_t bytes) {
    return call({.name = "cuMemcpy"},
            [&] { copy(*current().default_stream, "cuMemcpy", either(target), either(source), {bytes, 1}, true); });
}
API cuMemcpyAsync(Address target, Address source, size_t bytes, void* stream) {
    return call({.name = "cuMemcpyAsync"},
            [&] { copy(stream_of(stream), "cuMemcpyAsync", either(target), either(source), {bytes, 1}, false); });
}

API cuMemcpy2D_v2(const Copy2D* how) {
    return call({.name = "cuMemcpy2D"}, [&] { copy_2d("cuMemcpy2D", how, *current().default_stream, true); });
}
API cuMemcpy2DUnaligned_v2(const Copy2D* how) { return cuMemcpy2D_v2(how); }
API cuMemcpy2DAsync_v2(const Copy2D* how, void* stream) {
    return call({.name = "cuMemcpy2DAsync"}, [&] { copy_2d("cuMemcpy2DAsync", how, stream_of(stream), false); });
}

API cuMemcpyPeer(Address target, void* target_context, Address source, void* source_context, size_t bytes) {
    return call({.name = "cuMemcpyPeer"}, [&] {
        copy_peer("cuMemcpyPeer", target, target_context, source, source_context, bytes, *current().default_stream);
    });
}
API cuMemcpyPeerAsync(
        Address target, void* target_context, Address source, void* source_context, size_t bytes, void* stream) {
    return call({.name = "cuMemcpyPeerAsync"}, [&] {
        copy_peer("cuMemcpyPeerAsync", target, target_context, source, source_context, bytes, stream_of(stream));
    });
}

#define FILL(function, T)                                                                                           \
    API function##_v2(Address target, T value, size_t count) {                                                      \
        return call(                                                                                                \
                {.name = #function}, [&] { fill<T>(*current().default_stream, #function, target, value, count); }); \
    }                                                                                                               \
    API function##Async(Address target, T value, size_t count, void* stream) {                                      \
        return call({.name = #function "Async"},                                                                    \
                [&] { fill<T>(stream_of(stream), #function "Async", target, value, count); });                      \
    }
FILL(cuMemsetD8, unsigned char)
FILL(cuMemsetD16, unsigned short)
FILL(cuMemsetD32, unsigned)
