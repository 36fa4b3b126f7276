// Streams: queues of work that runs when something waits for it.
#pragma once
#include <deque>
#include <vector>

#include "fake_cuda_devices.h"

#pragma GCC visibility push(default)
namespace fake {

// A place in the queue of a stream: after its number-th piece of work.
struct Point {
    std::shared_ptr<Stream> stream;
    uint64_t number = 0;
    bool is_reached() const;
};

struct Work {
    std::string name;  // with the number of its call
    std::function<void()> run;
    std::vector<Point> after;  // beside what is before it on its stream
};

struct Stream : Object, std::enable_shared_from_this<Stream> {
    Context* context = nullptr;
    bool waits_for_default = false;  // and the default stream for it
    int priority = 0;
    unsigned flags = 0;
    std::deque<Work> queue;
    uint64_t issued = 0, done = 0;

    Point end() { return {shared_from_this(), issued}; }
};

// The stream of a handle; null is the default stream of the current context.
Stream& stream_of(const void* handle);
std::shared_ptr<Stream> new_default_stream(Context& context);

// Puts work on a stream. A Refusal that it throws when it runs breaks the context.
Point enqueue(Stream& stream, const char* name, std::function<void()> run);
// Runs work until this place has been reached, and maybe other streams' work.
void finish(const Point& point);
void finish_all(const Context& context);
// Runs a piece of work of the stream, or one that it waits for.
void advance(Stream& stream);
// Forgets streams and events.
void drop_work(const Context& context);
void end_streams(const Context& context);

}  // namespace fake
#pragma GCC visibility pop
