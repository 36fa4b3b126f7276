// Operations of a whole warp: each lane brings its operands and waits; the last does the work for all.
#include <cstring>

#include "simt_shadow.h"

namespace simt {

const char* name_of(Operation operation) {
    switch (operation) {
        case Operation::SYNC_WARP:
            return "sync_warp";
        case Operation::SHUFFLE:
            return "shuffle";
        case Operation::VOTE:
            return "any_lane";
        case Operation::LOAD_MATRICES:
            return "load_matrices";
        case Operation::MMA:
            return "mma";
    }
    return "";
}

// A row of eight elements; a matrix has eight.
typedef uint16_t Row __attribute__((vector_size(16)));
typedef uint32_t Words __attribute__((vector_size(16)));

static void transpose(Row (&rows)[8]) {
    Row pairs[8], fours[8];
    for (int i = 0; i < 4; i++) {
        pairs[2 * i] = __builtin_shufflevector(rows[2 * i], rows[2 * i + 1], 0, 8, 1, 9, 2, 10, 3, 11);
        pairs[2 * i + 1] = __builtin_shufflevector(rows[2 * i], rows[2 * i + 1], 4, 12, 5, 13, 6, 14, 7, 15);
    }
    for (int i = 0; i < 4; i++) {
        const Row first = pairs[i / 2 * 4 + i % 2], second = pairs[i / 2 * 4 + i % 2 + 2];
        fours[i / 2 * 4 + i % 2 * 2] = __builtin_shufflevector(first, second, 0, 1, 8, 9, 2, 3, 10, 11);
        fours[i / 2 * 4 + i % 2 * 2 + 1] = __builtin_shufflevector(first, second, 4, 5, 12, 13, 6, 7, 14, 15);
    }
    for (int i = 0; i < 4; i++) {
        rows[2 * i] = __builtin_shufflevector(fours[i], fours[4 + i], 0, 1, 2, 3, 8, 9, 10, 11);
        rows[2 * i + 1] = __builtin_shufflevector(fours[i], fours[4 + i], 4, 5, 6, 7, 12, 13, 14, 15);
    }
}

// Lane l gets of each matrix the word l % 4 of row l / 4.
static void spread(Fiber* lanes, int n, const Row (&matrices)[4][8]) {
    for (unsigned row = 0; row < 8; row++) {
        Words words[4];
        for (unsigned matrix = 0; matrix < 4; matrix++) words[matrix] = (Words) matrices[matrix][row];
        for (unsigned i = 0; i < 4; i++) {
            lanes[row * 4 + i].load.fragments[n] = {words[0][i], words[1][i], words[2][i], words[3][i]};
        }
    }
}

// A row counts as read by the lane that names it; not even that lane's own write is ordered before.
static Row read_row(Fiber& lane, SharedAddress address, Place place) {
    const size_t offset = address - SHARED_BASE, granule = offset / 16;
    Row row;
    const bool is_inside = offset % 16 == 0 && offset < shared_memory.bytes && shared_memory.bytes - offset >= 16;
    // Most rows are read again and again.
    if (is_inside && shared_memory.written[granule] == 0xffff && is_known_read(shared_memory.granules[granule])) {
        statistics.accesses++;
    } else {
        now.fiber = &lane;
        see_shared<Access::READ_OF_WARP, 16>(address, place);
    }
    memcpy(&row, shared_memory.data + offset, sizeof row);
    return row;
}

static void load_matrices(Fiber* lanes, Place place) {
    Fiber* const last = now.fiber;
    for (int n = 0; n < lanes->load.count; n++) {
        Row matrices[4][8];
        for (unsigned matrix = 0; matrix < 4; matrix++) {
            uint64_t offsets[8];
            for (unsigned row = 0; row < 8; row++) {
                Fiber& lane = lanes[matrix * 8 + row];
                const SharedAddress address = lane.load.row + n * lane.load.stride;
                matrices[matrix][row] = read_row(lane, address, place);
                offsets[row] = address;
            }
            const unsigned needed = wavefronts<8>(offsets);
            statistics.shared_wavefronts += needed;
            statistics.extra_wavefronts += needed - 1;
            if (lanes->load.transposed) transpose(matrices[matrix]);
        }
        spread(lanes, n, matrices);
        statistics.load_matrices++;
    }
    now.fiber = last;
}

static void shuffle(Fiber* lanes) {
    for (unsigned lane = 0; lane < LANES; lane++) {
        lanes[lane].shuffle.result = lanes[(lane ^ lanes[lane].shuffle.lane_mask) % LANES].shuffle.value;
    }
}

static void vote(Fiber* lanes) {
    bool any = false;
    for (unsigned lane = 0; lane < LANES; lane++) any |= lanes[lane].vote;
    for (unsigned lane = 0; lane < LANES; lane++) lanes[lane].vote = any;
}

static void complete(Warp& warp) {
    Fiber* lanes = &fibers[(&warp - warps.data()) * LANES];
    warp.requests.count();
    switch (warp.operation) {
        case Operation::SYNC_WARP:
            warp.sync_time = ++now.time;
            break;
        case Operation::SHUFFLE:
            shuffle(lanes);
            break;
        case Operation::VOTE:
            vote(lanes);
            break;
        case Operation::LOAD_MATRICES:
            load_matrices(lanes, warp.place);
            break;
        case Operation::MMA:
            multiply(lanes);
            break;
    }
    warp.ready |= warp.waiting;
    warp.waiting = 0;
}

static void meet(Operation operation, Place place) {
    Warp& warp = *now.warp;
    Fiber& me = *now.fiber;
    if (warp.waiting == 0) {
        warp.operation = operation;
        warp.place = place;
    } else if (warp.operation != operation || warp.place != place) {
        const int first = me.warp * LANES + __builtin_ctz(warp.waiting);
        fail(place, {name_of(warp.operation), first, warp.place}, "lanes of a warp at different operations: %s",
                name_of(operation));
    }
    if (operation != Operation::SYNC_WARP && warp.alive != UINT32_MAX) {
        fail(place, "%s without all 32 lanes: lane %d has ended or is not there", name_of(operation),
                __builtin_ctz(~warp.alive));
    }
    me.place = place;
    warp.waiting |= 1u << me.lane;
    warp.ready &= ~(1u << me.lane);
    if (warp.waiting == warp.alive) complete(warp);
    let_others_run();
}

void lane_has_ended(Warp& warp) {
    if (warp.waiting == 0) return;
    if (warp.operation != Operation::SYNC_WARP) {
        fail(warp.place, "%s without all 32 lanes: lane %d has ended", name_of(warp.operation), now.fiber->lane);
    }
    if (warp.waiting == warp.alive) complete(warp);
}

void load_matrices(uint4* fragments, int count, SharedAddress row, uint32_t stride, bool transposed, Where where) {
    now.fiber->load = {fragments, count, row, stride, transposed};
    meet(Operation::LOAD_MATRICES, place_of(where));
}

void mma(float4* c, int c_stride, const uint4* a, int m, const uint4* b, int n, bool bf16, Where where) {
    now.fiber->mma = {c, a, b, c_stride, m, n, bf16};
    meet(Operation::MMA, place_of(where));
}

}  // namespace simt

using namespace simt;

void sync_warp(Where where) { meet(Operation::SYNC_WARP, place_of(where)); }

float shuffle_xor(float value, int lane_mask, Where where) {
    now.fiber->shuffle = {value, 0, lane_mask};
    meet(Operation::SHUFFLE, place_of(where));
    return now.fiber->shuffle.result;
}

bool any_lane(bool holds, Where where) {
    now.fiber->vote = holds;
    meet(Operation::VOTE, place_of(where));
    return now.fiber->vote;
}
