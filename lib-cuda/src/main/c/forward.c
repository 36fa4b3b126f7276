// libcublas.so.12 for a machine that has libcublas.so.13: every function jumps to the one of the same name there.
//
// JCuda's natives want CUDA 12's library by its name and by the version of its symbols. What they call takes the same
// arguments in CUDA 13. The linker has loaded libcublas.so.13 before this code runs, since this library needs it; where
// it is missing, loading this one fails as a whole.
#include <dlfcn.h>
#include <stddef.h>

#define NOT_SUPPORTED 15  // of cublasStatus_t

// What a function does that CUDA 13 no longer has.
static int not_supported(void) {
    return NOT_SUPPORTED;
}

// Where each function goes.
#define FORWARD(function) __attribute__((visibility("hidden"))) void* to_##function;
#include "functions.h"
#undef FORWARD

// A jump leaves arguments, stack and result as they are, whatever their types.
#define FORWARD(function)                                     \
    __asm__(".text\n"                                         \
            ".globl " #function "\n"                          \
            ".type " #function ", @function\n"                \
            #function ": jmp *to_" #function "(%rip)\n"       \
            ".size " #function ", . - " #function "\n");
#include "functions.h"
#undef FORWARD

static const struct {
    const char* name;
    void** to;
} FUNCTIONS[] = {
#define FORWARD(function) {#function, &to_##function},
#include "functions.h"
#undef FORWARD
};

__attribute__((constructor)) static void find(void) {
    void* const cublas = dlopen("libcublas.so.13", RTLD_NOLOAD | RTLD_LAZY);
    for (size_t i = 0; i < sizeof FUNCTIONS / sizeof *FUNCTIONS; i++) {
        void* const there = cublas == NULL ? NULL : dlsym(cublas, FUNCTIONS[i].name);
        *FUNCTIONS[i].to = there == NULL ? (void*) not_supported : there;
    }
}
