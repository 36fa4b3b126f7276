#include "simt_context.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <new>
#include <vector>

// There where any part of the program is built with ASan.
extern "C" {
[[gnu::weak]] void __sanitizer_start_switch_fiber(void** fake_stack, const void* bottom, size_t bytes);
[[gnu::weak]] void __sanitizer_finish_switch_fiber(void* fake_stack, const void** bottom, size_t* bytes);
[[gnu::weak]] void __asan_unpoison_memory_region(const volatile void* begin, size_t bytes);
}

namespace simt {
namespace {

std::vector<char*> stacks;
Context* left;  // the context that the latest switch came from

char* new_stack() {
    const size_t guard = sysconf(_SC_PAGESIZE), bytes = guard + STACK_BYTES;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory, guard, PROT_NONE) != 0) throw std::bad_alloc();
    return static_cast<char*>(memory) + guard;
}

}  // namespace

#ifdef SIMT_UCONTEXT

static void set_up(Context& context, char* stack, size_t bytes, void (*entry)()) {
    getcontext(&context.registers);
    context.registers.uc_stack.ss_sp = stack;
    context.registers.uc_stack.ss_size = bytes;
    context.registers.uc_link = nullptr;
    makecontext(&context.registers, entry, 0);
}
static void swap(Context& from, Context& to) { swapcontext(&from.registers, &to.registers); }

#else

// Pushes what a call must preserve, changes stacks, and pops the same of the other.
extern "C" [[gnu::visibility("hidden")]] void simt_swap(void** from, void* to);
asm(R"(
.text
.hidden simt_swap
.globl simt_swap
.type simt_swap, @function
simt_swap:
    push %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdi)
    mov %rsi, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbx
    pop %rbp
    ret
.size simt_swap, . - simt_swap
)");

static void set_up(Context& context, char* stack, size_t bytes, void (*entry)()) {
    // Six registers, the address that simt_swap returns to, and entry()'s own return address, where unwinding ends.
    void** frame = reinterpret_cast<void**>(stack + bytes) - 8;
    memset(frame, 0, 8 * sizeof *frame);
    frame[6] = reinterpret_cast<void*>(entry);
    context.stack_pointer = frame;
}
static void swap(Context& from, Context& to) { simt_swap(&from.stack_pointer, to.stack_pointer); }

#endif

void reserve_stacks(size_t count) {
    while (stacks.size() < count) stacks.push_back(new_stack());
}

void prepare(Context& context, size_t stack, void (*entry)()) {
    // Threads that run the same code have their variables at the same depth: shifted, they do not fall into the same
    // few sets of the processor's cache.
    const size_t bytes = STACK_BYTES - stack * 320 % 4096;
    if (__asan_unpoison_memory_region) __asan_unpoison_memory_region(stacks[stack], STACK_BYTES);
    context.bottom = stacks[stack];
    context.bytes = bytes;
    context.fake_stack = nullptr;
    set_up(context, stacks[stack], bytes, entry);
}

static void arrived(void* fake_stack) {
    if (__sanitizer_finish_switch_fiber) __sanitizer_finish_switch_fiber(fake_stack, &left->bottom, &left->bytes);
}
void entered() { arrived(nullptr); }

void switch_context(Context& from, Context& to, bool last) {
    left = &from;
    if (__sanitizer_start_switch_fiber) {
        __sanitizer_start_switch_fiber(last ? nullptr : &from.fake_stack, to.bottom, to.bytes);
    }
    swap(from, to);
    arrived(from.fake_stack);
}

}  // namespace simt
