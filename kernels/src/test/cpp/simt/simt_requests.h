// What the lanes of a warp ask of memory between two points where they meet, joined to requests (see Statistics).
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace simt {

enum class Traffic : uint8_t { SHARED_4, SHARED_8, SHARED_16, GLOBAL_8, GLOBAL_16 };

class Requests {
  public:
    // The lane's next access. An offset of NOWHERE is none, but keeps its place in the lane's order.
    static constexpr uint64_t NOWHERE = ((uint64_t) 1 << 45) - 1;
    void add(unsigned lane, Traffic traffic, uint16_t place, uint64_t offset) {
        const uint32_t row = counts_[lane]++;
        if (row == rows_) grow();
        accesses_[row * 32 + lane] = ((uint64_t) traffic << 16 | place) << 45 | offset;
    }
    // Adds to the statistics what the lanes asked for, and forgets it. The lanes have met.
    void count();

  private:
    void grow();
    bool is_uniform(uint32_t lanes, uint32_t rows) const;
    void count_scattered();

    uint32_t counts_[32] = {};
    uint32_t rows_ = 0;
    std::vector<uint64_t> accesses_;  // [rows_, 32]: the n-th access of a lane
};

// Counts a request whose lanes have these offsets, NOWHERE for none.
void count_request(Traffic traffic, const uint64_t (&offsets)[32]);
// Where some want the same bank.
unsigned wavefronts_of_crowd(const uint64_t* offsets, unsigned count);
// How often a bank must be read or written for COUNT accesses of 128 / COUNT bytes each that are served together.
template <unsigned COUNT>
unsigned wavefronts(const uint64_t* offsets) {
    constexpr unsigned BYTES = 128 / COUNT;
    uint32_t taken = 0;
    bool is_crowded = false;
    for (unsigned i = 0; i < COUNT; i++) {
        if (offsets[i] == Requests::NOWHERE) continue;
        const uint32_t bit = 1u << offsets[i] / BYTES % COUNT;
        is_crowded |= (taken & bit) != 0;
        taken |= bit;
    }
    return is_crowded ? wavefronts_of_crowd(offsets, COUNT) : taken != 0;
}

}  // namespace simt
