// Events: places in streams that other streams, and threads, wait for.
#include <chrono>

#include "fake_cuda_streams.h"

namespace fake {
namespace {

using Clock = std::chrono::steady_clock;

// What an event was recorded for the latest time.
struct Record {
    Point point;
    Clock::time_point time;
};

struct Event : Object {
    Context* context = nullptr;
    bool has_time = true;
    std::shared_ptr<Record> record;
};

Table<Event>& events = *new Table<Event>("event");

std::string line_of(const Event& event) {
    return "event of device " + std::to_string(event.context->device) + ", created by call " +
           std::to_string(event.made_by);
}

const bool has_inventory = [] {
    add_inventory([](const auto& line) {
        for (const auto& [handle, event] : events.all()) line(line_of(*event));
    });
    return true;
}();

void record(Event& event, Stream& stream) {
    if (event.context != stream.context) {
        refuse(INVALID_HANDLE, "an event of device %d on a stream of device %d", event.context->device,
                stream.context->device);
    }
    const auto record = std::make_shared<Record>();
    record->point = enqueue(stream, "cuEventRecord", [record] { record->time = Clock::now(); });
    event.record = record;
}

void require_whole(const Event& event) {
    if (event.context->is_broken) throw Refusal{ILLEGAL_ADDRESS, ""};
}

}  // namespace

void end_events(const Context& context) {
    std::vector<Event*> left;
    for (const auto& [handle, event] : events.all()) {
        if (event->context == &context) left.push_back(event.get());
    }
    for (const Event* event : left) {
        leaked(line_of(*event));
        events.remove(*event);
    }
}

}  // namespace fake

using namespace fake;

API cuEventCreate(void** handle, unsigned flags) {
    return call({.name = "cuEventCreate"}, [&] {
        if (flags > 3) refuse(INVALID_VALUE, "flags are %#x: events between processes are not modelled", flags);
        if (handle == nullptr) refuse(INVALID_VALUE, "a null pointer for the result");
        Event* const event = events.add(std::make_shared<Event>());
        event->context = &current();
        event->has_time = (flags & 2) == 0;
        give(handle, event->pointer());
    });
}

API cuEventDestroy_v2(void* handle) {
    return call({.name = "cuEventDestroy", .acts_anyway = true}, [&] { events.remove(events.get(handle)); });
}

API cuEventRecord(void* event, void* stream) {
    return call({.name = "cuEventRecord"}, [&] { record(events.get(event), stream_of(stream)); });
}

API cuEventRecordWithFlags(void* event, void* stream, unsigned) { return cuEventRecord(event, stream); }

API cuEventSynchronize(void* handle) {
    return call({.name = "cuEventSynchronize", .acts_anyway = true}, [&] {
        const Event& event = events.get(handle);
        if (event.record != nullptr) finish(event.record->point);
        require_whole(event);
    });
}

API cuEventQuery(void* handle) {
    return call({.name = "cuEventQuery"}, [&] {
        const Event& event = events.get(handle);
        if (event.record == nullptr || event.record->point.is_reached()) return require_whole(event);
        advance(*event.record->point.stream);
        require_whole(event);
        if (!event.record->point.is_reached()) throw Refusal{NOT_READY, ""};
    });
}

API cuEventElapsedTime(float* milliseconds, void* start, void* end) {
    return call({.name = "cuEventElapsedTime"}, [&] {
        const Event *const first = &events.get(start), *const last = &events.get(end);
        for (const Event* event : {first, last}) {
            if (!event->has_time) refuse(INVALID_HANDLE, "an event that was created without time");
            if (event->record == nullptr) refuse(INVALID_HANDLE, "an event that was never recorded");
        }
        for (const Event* event : {first, last}) {
            if (!event->record->point.is_reached()) throw Refusal{NOT_READY, ""};
        }
        const std::chrono::duration<float, std::milli> elapsed = last->record->time - first->record->time;
        give(milliseconds, elapsed.count());
    });
}

API cuStreamWaitEvent(void* handle, void* waited_for, unsigned flags) {
    return call({.name = "cuStreamWaitEvent"}, [&] {
        if (flags > 1) refuse(INVALID_VALUE, "flags are %u", flags);
        const Event& event = events.get(waited_for);
        Stream& stream = stream_of(handle);
        if (event.record == nullptr || event.record->point.is_reached()) return;
        enqueue(stream, "cuStreamWaitEvent", [] {});
        stream.queue.back().after.push_back(event.record->point);
    });
}
