#include "simt_requests.h"

#include <algorithm>
#include <map>

#include "device.cuh"

namespace simt {

constexpr int OFFSET_BITS = 45;
constexpr uint64_t OFFSET = Requests::NOWHERE;

unsigned wavefronts_of_crowd(const uint64_t* offsets, unsigned count) {
    const unsigned bytes = 128 / count;
    uint64_t units[32][32];  // that each slot of banks is asked for
    uint8_t unit_count[32] = {};
    unsigned most = 0;
    for (unsigned i = 0; i < count; i++) {
        if (offsets[i] == Requests::NOWHERE) continue;
        const uint64_t unit = offsets[i] / bytes;
        uint64_t *const of_slot = units[unit % count], *const end = of_slot + unit_count[unit % count];
        // The same word as another lane's is broadcast.
        if (std::find(of_slot, end, unit) != end) continue;
        *end = unit;
        most = std::max<unsigned>(most, ++unit_count[unit % count]);
    }
    return most;
}

static unsigned sectors(const uint64_t (&offsets)[32], unsigned& lanes) {
    uint64_t found[32];
    lanes = 0;
    bool ascending = true;
    for (const uint64_t offset : offsets) {
        if (offset == Requests::NOWHERE) continue;
        found[lanes] = offset / 32;
        ascending &= lanes == 0 || found[lanes] >= found[lanes - 1];
        lanes++;
    }
    if (!ascending) std::sort(found, found + lanes);
    return std::unique(found, found + lanes) - found;
}

template <unsigned TOGETHER>
static void count_wavefronts(const uint64_t (&offsets)[32]) {
    for (unsigned first = 0; first < 32; first += TOGETHER) {
        const unsigned count = wavefronts<TOGETHER>(offsets + first);
        statistics.shared_wavefronts += count;
        statistics.extra_wavefronts += count > 0 ? count - 1 : 0;
    }
}

static void count_sectors(const uint64_t (&offsets)[32], unsigned bytes) {
    unsigned lanes;
    statistics.global_sectors += sectors(offsets, lanes);
    statistics.global_bytes += lanes * bytes;
}

void count_request(Traffic traffic, const uint64_t (&offsets)[32]) {
    switch (traffic) {
        case Traffic::SHARED_4:
            return count_wavefronts<32>(offsets);
        case Traffic::SHARED_8:
            return count_wavefronts<16>(offsets);
        case Traffic::SHARED_16:
            return count_wavefronts<8>(offsets);
        case Traffic::GLOBAL_8:
            return count_sectors(offsets, 8);
        case Traffic::GLOBAL_16:
            return count_sectors(offsets, 16);
    }
}

void Requests::grow() {
    rows_ = std::max(rows_ * 2, 32u);
    accesses_.resize(rows_ * 32);
}

// Whether these lanes did the same, access by access.
bool Requests::is_uniform(uint32_t lanes, uint32_t rows) const {
    const unsigned first = __builtin_ctz(lanes);
    for (uint32_t row = 0; row < rows; row++) {
        const uint64_t* access = &accesses_[row * 32];
        uint64_t different = 0;
        if (lanes == UINT32_MAX) {
            for (unsigned lane = 0; lane < 32; lane++) different |= access[lane] ^ access[0];
        } else {
            for (unsigned lane = 0; lane < 32; lane++) {
                if (lanes >> lane & 1) different |= access[lane] ^ access[first];
            }
        }
        if (different >> OFFSET_BITS) return false;
    }
    return true;
}

// Finds for each access the request of its place and its number there.
void Requests::count_scattered() {
    struct Request {
        uint64_t offsets[32];
    };
    std::map<uint64_t, std::vector<Request>> requests;
    for (unsigned lane = 0; lane < 32; lane++) {
        std::map<uint64_t, size_t> seen;
        for (uint32_t i = 0; i < counts_[lane]; i++) {
            const uint64_t access = accesses_[i * 32 + lane], key = access >> OFFSET_BITS;
            std::vector<Request>& of_place = requests[key];
            const size_t number = seen[key]++;
            if (number == of_place.size()) std::fill_n(of_place.emplace_back().offsets, 32, NOWHERE);
            of_place[number].offsets[lane] = access & OFFSET;
        }
    }
    for (const auto& [key, of_place] : requests) {
        for (const Request& request : of_place) count_request(static_cast<Traffic>(key >> 16), request.offsets);
    }
}

void Requests::count() {
    uint32_t lanes = 0, rows = 0;
    bool same_count = true;
    for (unsigned lane = 0; lane < 32; lane++) {
        if (counts_[lane] == 0) continue;
        same_count &= lanes == 0 || counts_[lane] == rows;
        lanes |= 1u << lane;
        rows = counts_[lane];
    }
    if (lanes == 0) return;
    if (!same_count || !is_uniform(lanes, rows)) {
        count_scattered();
    } else {
        for (uint32_t row = 0; row < rows; row++) {
            const uint64_t* access = &accesses_[row * 32];
            uint64_t offsets[32];
            for (unsigned lane = 0; lane < 32; lane++) {
                offsets[lane] = lanes >> lane & 1 ? access[lane] & OFFSET : NOWHERE;
            }
            count_request(static_cast<Traffic>(access[__builtin_ctz(lanes)] >> (OFFSET_BITS + 16)), offsets);
        }
    }
    std::fill_n(counts_, 32, 0);
}

}  // namespace simt
