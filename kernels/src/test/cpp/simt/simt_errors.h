// The error that a launch ends with; for the files of the emulator only.
#pragma once
#include "simt_places.h"

namespace simt {

// Ends the launch with this error of the running thread at a place.
[[noreturn, gnu::format(printf, 2, 3)]] void fail(Place place, const char* format, ...);
// The same, with what another thread did before: "written by thread 3 at file:line".
struct Other {
    static constexpr int UNKNOWN = -1;
    const char* did;
    int thread;
    Place place;
};
[[noreturn, gnu::format(printf, 3, 4)]] void fail(Place place, const Other& other, const char* format, ...);
// The same for a deadlock.
[[noreturn]] void fail_in_deadlock(Place place);

// The error of a launch that never began.
[[gnu::format(printf, 1, 2)]] void refuse(const char* format, ...);

// Forgets the error of the launch before.
void clear_error();
bool has_error();

}  // namespace simt
