// What a kernel compiled with -fsanitize=thread calls before each plain load and store.
#include <link.h>

#include <vector>

#include "simt_shadow.h"

namespace simt {
namespace {

// Whether the address is in a part of the program that nothing can write: there the compiler puts constants.
bool is_constant(uintptr_t address) {
    const auto look = [](dl_phdr_info* info, size_t, void* wanted) {
        for (int i = 0; i < info->dlpi_phnum; i++) {
            const auto& part = info->dlpi_phdr[i];
            const uintptr_t begin = info->dlpi_addr + part.p_vaddr;
            const bool is_inside = *static_cast<uintptr_t*>(wanted) - begin < part.p_memsz;
            if (part.p_type == PT_LOAD && is_inside) return part.p_flags & PF_W ? 1 : 2;
        }
        return 0;
    };
    return dl_iterate_phdr(look, &address) == 2;
}

void see_elsewhere(uintptr_t address, size_t bytes, Access access, Place place) {
    if (access == Access::READ && is_constant(address)) return;
    fail_host(address, bytes, access, place);
}

bool is_global(const void* p) {
    return reinterpret_cast<uintptr_t>(p) - reinterpret_cast<uintptr_t>(global_memory.data) < global_memory.bytes;
}

template <Access ACCESS, unsigned BYTES>
[[gnu::noinline]] void see_plain(const void* p, const void* caller) {
    const Place place = place_of_code(caller);
    if (!is_global(p)) return see_elsewhere(reinterpret_cast<uintptr_t>(p), BYTES, ACCESS, place);
    see_global<ACCESS, BYTES>(p, place);
}

// Anything else than 4, 8 or 16 aligned bytes: word by word, as a GPU would.
template <Access ACCESS>
[[gnu::noinline]] void see_range(const void* p, size_t bytes, const void* caller) {
    if (bytes == 0) return;
    const Place place = place_of_code(caller);
    const uintptr_t address = reinterpret_cast<uintptr_t>(p);
    if (!is_global(p)) return see_elsewhere(address, bytes, ACCESS, place);
    if (bytes % 4 != 0 || address % 4 != 0) {
        const char* did = is_read(ACCESS) ? "read" : "write";
        fail(place, "global %s of %zu bytes at %#zx: narrower than 4 bytes, or not aligned to 4", did, bytes, address);
    }
    for (size_t i = 0; i < bytes; i += 4) see_global<ACCESS, 4>(static_cast<const char*>(p) + i, place);
}

// Most plain accesses are to a thread's own stack: these must cost little.
bool is_own_stack(const void* p) { return reinterpret_cast<uintptr_t>(p) - now.stack < now.stack_bytes; }

// Files compiled with -fsanitize=thread call __tsan_init() before main() begins.
bool is_instrumented;

}  // namespace

bool sees_plain_accesses() { return is_instrumented; }

}  // namespace simt

using namespace simt;

#define HOOK(name, see, ...)                                \
    void __tsan_##name(void* p) {                           \
        if (is_own_stack(p)) return;                        \
        see(p, ##__VA_ARGS__, __builtin_return_address(0)); \
    }
#define WIDE(bytes)                                             \
    HOOK(read##bytes, (see_plain<Access::READ, bytes>) )        \
    HOOK(write##bytes, (see_plain<Access::WRITE, bytes>) )      \
    HOOK(unaligned_read##bytes, see_range<Access::READ>, bytes) \
    HOOK(unaligned_write##bytes, see_range<Access::WRITE>, bytes)
extern "C" {
WIDE(4)
WIDE(8)
WIDE(16)
HOOK(read1, see_range<Access::READ>, 1)
HOOK(write1, see_range<Access::WRITE>, 1)
HOOK(read2, see_range<Access::READ>, 2)
HOOK(write2, see_range<Access::WRITE>, 2)
HOOK(unaligned_read2, see_range<Access::READ>, 2)
HOOK(unaligned_write2, see_range<Access::WRITE>, 2)
void __tsan_read_range(void* p, size_t bytes) {
    if (!is_own_stack(p)) see_range<Access::READ>(p, bytes, __builtin_return_address(0));
}
void __tsan_write_range(void* p, size_t bytes) {
    if (!is_own_stack(p)) see_range<Access::WRITE>(p, bytes, __builtin_return_address(0));
}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_init() { is_instrumented = true; }
}
