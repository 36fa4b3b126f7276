// Places in a kernel's source; for the files of the emulator only.
#pragma once
#include <bit>
#include <cstdint>
#include <source_location>
#include <string>
#include <vector>

namespace simt {

// The number of a place in the source; 0 is an unknown one. It fits into the records of memory.
using Place = uint16_t;

static_assert(
        sizeof(std::source_location) == sizeof(uintptr_t), "a pointer to a constant, the same for the same place");

Place intern(uintptr_t key);
struct PlaceSlot {
    uintptr_t key;
    Place place;
};
extern PlaceSlot place_slots[1 << 16];
inline PlaceSlot& slot_of(uintptr_t key) { return place_slots[key * 0x9e3779b97f4a7c15 >> 48]; }
inline Place place_of_key(uintptr_t key) {
    const PlaceSlot& slot = slot_of(key);
    return slot.key == key ? slot.place : intern(key);
}
// Where a function of device.cuh was called.
inline Place place_of(std::source_location where) { return place_of_key(std::bit_cast<uintptr_t>(where)); }
// Where a hook was called: the address that it returns to.
constexpr uintptr_t CODE = (uintptr_t) 1 << 63;
inline Place place_of_code(const void* address) { return place_of_key(reinterpret_cast<uintptr_t>(address) | CODE); }

// "file:line". Asks addr2line for places in code.
std::string name_of(Place place);
// The same of code, then what that was inlined into, and so on outwards.
std::vector<std::string> lines_of_code(uintptr_t return_address);

}  // namespace simt
