// Where a test's kernels run: on the emulator, or, with --gpu IMAGE, on a GPU through its driver. Every call throws
// MachineError when the machine refuses or finds a kernel doing something wrong.
#pragma once
#include <cstddef>
#include <functional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include "kernels.h"

namespace machine {

struct MachineError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct Launch {
    dim3 grid, block;
    size_t shared_bytes = 0;
    // The emulator runs only the blocks from this x on: a test of a row far behind would take minutes otherwise. A GPU
    // runs all.
    int first_block = 0;
};

// Runs everything from now on on the first GPU, with the kernels of this PTX or cubin file.
void use_gpu(const std::string& image);
// What cannot be asked of a GPU (what the emulator counts, its schedule) or only of one (time) asks this.
bool is_gpu();
std::string name();

// Memory, 256-byte aligned, uninitialised. To read, or to download, what was never written is an error; on a GPU it is
// NaN in every type.
void* allocate(size_t bytes);
// Frees everything. Throws MachineError where a GPU has written beside an allocation; the emulator says so at once.
void free_all();
void upload(void* target, const void* source, size_t bytes);
void download(void* target, const void* source, size_t bytes);

// Runs a kernel and waits for it. `call` runs its function on the emulator; `parameters` are pointers to the values for
// a GPU.
void launch(const char* name, const Launch& how, const std::function<void()>& call, void** parameters);

// Time in milliseconds that a GPU needs for the launches that `work` makes, which then are not waited for one by one.
float milliseconds(const std::function<void()>& work);

template <class... P, class... A>
void launch(const char* name, void (*kernel)(P...), const Launch& how, A... arguments) {
    static_assert(sizeof...(P) == sizeof...(A), "as many arguments as the kernel takes");
    std::tuple<P...> values{static_cast<P>(arguments)...};
    std::apply(
            [&](P&... value) {
                void* parameters[] = {const_cast<void*>(static_cast<const void*>(&value))...};
                launch(name, how, [&] { kernel(value...); }, parameters);
            },
            values);
}

template <class T>
T* upload(const std::vector<T>& values) {
    T* target = static_cast<T*>(allocate(values.size() * sizeof(T)));
    upload(target, values.data(), values.size() * sizeof(T));
    return target;
}
template <class T>
T* allocate(size_t count) {
    return static_cast<T*>(allocate(count * sizeof(T)));
}
template <class T>
std::vector<T> download(const T* source, size_t count) {
    std::vector<T> values(count);
    download(values.data(), source, count * sizeof(T));
    return values;
}

}  // namespace machine

// A kernel with its name, as launch() takes them; and the one for a half type that is a template's parameter.
#define NAMED(kernel) #kernel, kernel
#define NAMED_OF(E, op)                                      \
    std::is_same_v<E, Bf16> ? #op "_bf16" : #op "_f16", [] { \
        if constexpr (std::is_same_v<E, Bf16>) {             \
            return op##_bf16;                                \
        } else {                                             \
            return op##_f16;                                 \
        }                                                    \
    }()
