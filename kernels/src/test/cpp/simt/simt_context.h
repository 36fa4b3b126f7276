// Places where a program can stop and go on: a stack with the registers that belong to it. On x86-64 a switch is a few
// instructions; elsewhere, and with -DSIMT_UCONTEXT, it is the C library's (which also calls the kernel, twice).
#pragma once
#include <cstddef>

#if !defined(__x86_64__) && !defined(SIMT_UCONTEXT)
#define SIMT_UCONTEXT
#endif
#ifdef SIMT_UCONTEXT
#include <ucontext.h>
#endif

namespace simt {

struct Context {
#ifdef SIMT_UCONTEXT
    ucontext_t registers;
#else
    void* stack_pointer = nullptr;
#endif
    // The stack, which ASan must be told of; of the first context it is known after the first switch from there.
    const void* bottom = nullptr;
    size_t bytes = 0;
    void* fake_stack = nullptr;
};

// Bytes of a thread's stack. Below each is a page that nobody may touch.
constexpr size_t STACK_BYTES = 128 << 10;

// At least `count` stacks; stack i stays where it is.
void reserve_stacks(size_t count);
// Makes a context that begins with entry() on stack i, whatever ran there before.
void prepare(Context& context, size_t stack, void (*entry)());
// Stops the one and goes on with the other. Where `from` will never go on, `last` is true.
void switch_context(Context& from, Context& to, bool last);
// To be called first by entry().
void entered();

}  // namespace simt
