// Kernels with one defect each, and what the emulator must say of it.
#pragma once
#include "check.h"

struct Expected {
    const char* error;  // how it begins
    int thread;
    int other = -1;             // the other thread of a race
    const char* did = "";       // what that one did
    dim3 grid = 1, block = 64;  // the launch
    unsigned shared = 4096;
    bool plain = false;  // by plain loads and stores, which are not always seen
};
struct Defect {
    const char* name;
    // The first half of `memory`, MEMORY / 2 bytes, has been written. Without the defect all must be well.
    void (*kernel)(uint4* memory, bool wrong);
    Expected expected;
};
constexpr unsigned MEMORY = 64 << 10;

// Collects them before main() begins.
struct AddDefect {
    explicit AddDefect(const Defect& defect);
};
// A case for each: right in several schedules, and wrong in order, where line and threads are known, and at random.
void run_defects(check::Cases& cases);

// To be put on the line that the error must name, and on that of the other thread.
void note_here(int line);
void note_there(int line);
#define HERE note_here(__LINE__);
#define THERE note_there(__LINE__);

// DEFECT(name, .error = "...", .thread = ...) { the kernel's body }
#define DEFECT(name, ...)                                                                  \
    __attribute__((no_sanitize("undefined"))) static void name(uint4* memory, bool wrong); \
    static const AddDefect add_##name({#name, name, {__VA_ARGS__}});                       \
    static void name([[maybe_unused]] uint4* memory, bool wrong)
