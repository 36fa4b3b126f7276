// The threads, warps and the block that run, for the files of the emulator only.
#pragma once
#include <vector>

#include "device.cuh"
#include "simt_context.h"
#include "simt_errors.h"
#include "simt_requests.h"

namespace simt {

constexpr unsigned LANES = 32, MAX_THREADS = 1024;
constexpr size_t MAX_SHARED_BYTES = 227 << 10;
// Shared addresses begin here, so that one without shared_base() is out of bounds.
constexpr SharedAddress SHARED_BASE = 1024;

// A cp.async between its issue and its wait.
struct Copy {
    SharedAddress target;
    Place place;
    bool valid;
    uint32_t time;
    const void* source;
};
struct CopyQueue {
    std::vector<Copy> copies;        // not waited for
    std::vector<size_t> group_ends;  // of those committed: where each group ends in `copies`
};

struct MmaOperands {
    float4* c;
    const uint4 *a, *b;
    int c_stride, m, n;
    bool bf16;
};
struct LoadOperands {
    uint4* fragments;
    int count;
    SharedAddress row;
    uint32_t stride;
    bool transposed;
};
struct ShuffleOperands {
    float value, result;
    int lane_mask;
};

// A CUDA thread.
struct Fiber {
    Context context;
    dim3 index;
    uint16_t number, warp, lane;
    Place place;  // where it waits
    union {       // what it brings to an operation of its warp
        MmaOperands mma;
        LoadOperands load;
        ShuffleOperands shuffle;
        bool vote;
    };
    CopyQueue copies;
};

enum class Operation : uint8_t { SYNC_WARP, SHUFFLE, VOTE, LOAD_MATRICES, MMA };
const char* name_of(Operation operation);

// Each mask has a bit for each lane.
struct Warp {
    uint32_t alive, ready;
    uint32_t waiting;  // at `operation`, at `place`
    uint32_t at_barrier;
    uint32_t sync_time;  // of the latest sync_warp or barrier
    Operation operation;
    Place place;
    Requests requests;
};

// What runs at this moment. Time is counted in events that order accesses: it goes on by one with each launch, block,
// barrier and sync_warp. An access of a thread is ordered after one of another thread of its block if that was before
// the latest barrier, or, inside a warp, before its latest sync_warp.
struct Now {
    Fiber* fiber = nullptr;  // null before the first launch
    Warp* warp = nullptr;
    // The fiber's stack: where it ends below, and how long it is. While no kernel runs, all memory.
    uintptr_t stack = 0;
    size_t stack_bytes = SIZE_MAX;
    uint32_t time = 1;
    uint32_t launch = 0;  // when these began
    uint32_t block = 0;
    uint32_t barrier = 0;       // the latest of the block, or its beginning
    uint32_t global_write = 0;  // the latest write to device memory
    dim3 block_index;
};
extern Now now;
extern std::vector<Fiber> fibers;
extern std::vector<Warp> warps;

// A lane of the warp has ended, which others may have waited for.
void lane_has_ended(Warp& warp);
// The products of mma for all lanes of a warp.
void multiply(Fiber* lanes);
// Lets threads run that are ready, until it is this one's turn.
void let_others_run();
// Leaves the running thread and all others for good.
[[noreturn]] void abandon();
// Who waits where: "threads 0-30 in sync_warp at a.cu:7, 31 in sync_block at a.cu:9".
std::string waiting_threads();

}  // namespace simt
