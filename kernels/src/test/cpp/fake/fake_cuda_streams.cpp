#include "fake_cuda_streams.h"

#include <algorithm>
#include <random>

namespace fake {

// Every stream that work can be on, default streams among them.
static std::vector<std::shared_ptr<Stream>>& running = *new std::vector<std::shared_ptr<Stream>>;
static Table<Stream>& streams = *new Table<Stream>("stream");

bool Point::is_reached() const { return stream == nullptr || stream->done >= number; }

std::shared_ptr<Stream> new_default_stream(Context& context) {
    const auto stream = std::make_shared<Stream>();
    stream->context = &context;
    running.push_back(stream);
    return stream;
}

Stream& stream_of(const void* handle) {
    const uintptr_t number = reinterpret_cast<uintptr_t>(handle);
    if (number <= 1) return *current().default_stream;
    if (number == 2) refuse(INVALID_HANDLE, "default streams of threads are not modelled");
    return streams.get(handle);
}

// What the default stream waits for, and what waits for it.
static std::vector<Point> order_of(const Stream& stream) {
    std::vector<Point> after;
    for (const auto& other : running) {
        if (other.get() == &stream || other->context != stream.context || other->queue.empty()) continue;
        const bool is_default = &stream == stream.context->default_stream.get();
        const bool is_ordered = is_default ? other->waits_for_default
                                           : stream.waits_for_default && other == stream.context->default_stream;
        if (is_ordered) after.push_back(other->end());
    }
    return after;
}

Point enqueue(Stream& stream, const char* name, std::function<void()> run) {
    if (stream.context->is_broken) throw Refusal{ILLEGAL_ADDRESS, ""};
    std::string title = name + std::string(" (call ") + std::to_string(call_number()) + ")";
    stream.queue.push_back({std::move(title), std::move(run), order_of(stream)});
    stream.issued++;
    return stream.end();
}

static bool is_ready(const Stream& stream) {
    if (stream.queue.empty()) return false;
    const std::vector<Point>& after = stream.queue.front().after;
    return std::all_of(after.begin(), after.end(), [](const Point& point) { return point.is_reached(); });
}

static void run_first(Stream& stream) {
    const Work work = std::move(stream.queue.front());
    stream.queue.pop_front();
    try {
        work.run();
    } catch (const Refusal& refusal) {
        break_context(*stream.context, work.name + ": " + refusal.sentence);
    } catch (const std::exception& e) {
        break_context(*stream.context, work.name + ": " + e.what());
    }
    stream.done = std::max(stream.done, stream.issued - stream.queue.size());
}

// The stream whose work must run next so that this one's can: itself, or one that it waits for.
static Stream& needed(Stream& stream) {
    Stream* found = &stream;
    while (!is_ready(*found)) {
        for (const Point& point : found->queue.front().after) {
            if (!point.is_reached()) {
                found = point.stream.get();
                break;
            }
        }
    }
    return *found;
}

void advance(Stream& stream) {
    if (!stream.queue.empty()) run_first(needed(stream));
}

static unsigned random_below(unsigned limit) {
    static std::minstd_rand& generator = *new std::minstd_rand(settings().seed);
    return generator() / 8 % limit;
}

// A stream whose work can run now, not this one where another's can; null where none's can.
static Stream* any_ready(const Stream* but) {
    std::vector<Stream*> ready;
    for (const auto& stream : running) {
        if (stream.get() != but && is_ready(*stream)) ready.push_back(stream.get());
    }
    return ready.empty() ? nullptr : ready[random_below(ready.size())];
}

void finish(const Point& point) {
    // How far other streams get meanwhile.
    enum { NOWHERE, SOMEWHERE, TO_THE_END } others = NOWHERE;
    if (settings().seed != 0) others = random_below(3) == 0 ? NOWHERE : random_below(2) == 0 ? SOMEWHERE : TO_THE_END;
    while (!point.is_reached()) {
        Stream* next = nullptr;
        if (others != NOWHERE) next = any_ready(others == TO_THE_END ? point.stream.get() : nullptr);
        run_first(next != nullptr ? *next : needed(*point.stream));
    }
}

void finish_all(const Context& context) {
    std::vector<Point> ends;
    for (const auto& stream : running) {
        if (stream->context == &context) ends.push_back(stream->end());
    }
    for (const Point& end : ends) finish(end);
}

void drop_work(const Context& context) {
    for (const auto& stream : running) {
        if (stream->context != &context) continue;
        stream->done = stream->issued;
        stream->queue.clear();
    }
}

static std::string line_of(const Stream& stream) {
    return "stream of device " + std::to_string(stream.context->device) + ", created by call " +
           std::to_string(stream.made_by);
}

static void end(Stream& stream) {
    std::erase_if(running, [&](const auto& other) { return other.get() == &stream; });
    streams.remove(stream);
}

void end_events(const Context& context);

void end_streams(const Context& context) {
    drop_work(context);
    end_events(context);
    std::vector<Stream*> left;
    for (const auto& [handle, stream] : streams.all()) {
        if (stream->context == &context) left.push_back(stream.get());
    }
    for (Stream* stream : left) {
        leaked(line_of(*stream));
        end(*stream);
    }
    end(*context.default_stream);
}

static const bool has_inventory = [] {
    add_inventory([](const auto& line) {
        for (const auto& [handle, stream] : streams.all()) line(line_of(*stream));
    });
    return true;
}();

static void create(void** handle, unsigned flags, int priority) {
    if (flags > 1) refuse(INVALID_VALUE, "flags are %u, not CU_STREAM_DEFAULT or CU_STREAM_NON_BLOCKING", flags);
    if (handle == nullptr) refuse(INVALID_VALUE, "a null pointer for the result");
    Stream* const stream = streams.add(std::make_shared<Stream>());
    stream->context = &current();
    stream->flags = flags;
    stream->waits_for_default = flags == 0;
    stream->priority = priority;
    running.push_back(stream->shared_from_this());
    give(handle, stream->pointer());
}

// Of a stream of another context than the current one, too.
static void require_whole(const Stream& stream) {
    if (stream.context->is_broken) throw Refusal{ILLEGAL_ADDRESS, ""};
}

}  // namespace fake

using namespace fake;

API cuStreamCreate(void** stream, unsigned flags) {
    return call({.name = "cuStreamCreate"}, [&] { create(stream, flags, 0); });
}

API cuStreamCreateWithPriority(void** stream, unsigned flags, int priority) {
    return call({.name = "cuStreamCreateWithPriority"}, [&] { create(stream, flags, priority); });
}

API cuCtxGetStreamPriorityRange(int* least, int* greatest) {
    return call({.name = "cuCtxGetStreamPriorityRange"}, [&] {
        if (least != nullptr) *least = 0;
        if (greatest != nullptr) *greatest = -5;
    });
}

API cuStreamGetFlags(void* stream, unsigned* flags) {
    return call({.name = "cuStreamGetFlags"}, [&] { give(flags, stream_of(stream).flags); });
}

API cuStreamGetPriority(void* stream, int* priority) {
    return call({.name = "cuStreamGetPriority"}, [&] { give(priority, stream_of(stream).priority); });
}

API cuStreamGetCtx(void* stream, void** context) {
    return call({.name = "cuStreamGetCtx"}, [&] { give(context, stream_of(stream).context->pointer()); });
}

API cuStreamDestroy_v2(void* handle) {
    return call({.name = "cuStreamDestroy", .acts_anyway = true}, [&] {
        Stream& stream = streams.get(handle);
        finish(stream.end());
        end(stream);
    });
}

API cuStreamSynchronize(void* handle) {
    return call({.name = "cuStreamSynchronize", .acts_anyway = true}, [&] {
        Stream& stream = stream_of(handle);
        finish(stream.end());
        require_whole(stream);
    });
}

API cuStreamQuery(void* handle) {
    return call({.name = "cuStreamQuery"}, [&] {
        Stream& stream = stream_of(handle);
        advance(stream);
        require_whole(stream);
        if (!stream.queue.empty()) throw Refusal{NOT_READY, ""};
    });
}
