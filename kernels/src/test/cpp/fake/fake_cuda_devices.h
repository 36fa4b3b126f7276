// Devices and their contexts, of which a device has one: the primary context.
#pragma once
#include <set>

#include "fake_cuda.h"

#pragma GCC visibility push(default)
namespace fake {

struct Stream;

struct Context : Object {
    int device = 0;
    int retained = 0;
    bool is_broken = false;  // by a fault: no call succeeds any more
    std::set<int> peers;     // devices whose memory it may touch
    std::shared_ptr<Stream> default_stream;

    bool can_touch(int owner) const { return owner == device || peers.contains(owner); }
};
extern Table<Context>& contexts;

// Of the calling thread. A context that is no more refuses.
Context& current();
// The same, or null where there is none or it is no more.
Context* current_or_null();

// Makes a context broken, says why, and drops all its work.
void break_context(Context& context, const std::string& why);
// Whether that became of the context of a handle, which may be no more.
bool has_broken(uintptr_t handle);

int max_shared_bytes();

}  // namespace fake
#pragma GCC visibility pop
