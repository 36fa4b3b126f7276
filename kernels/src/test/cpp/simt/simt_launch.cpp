// Launches, the turns of their threads, and barriers.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <numeric>

#include "simt_shadow.h"

namespace simt {

constinit Now now;
std::vector<Fiber> fibers;
std::vector<Warp> warps;
Statistics statistics;
unsigned seed, first_block;

static Context host;
static dim3 grid, block;
static const std::function<void()>* kernel;
static unsigned thread_count, alive, at_barrier;
static Place barrier_place;
static uint64_t random_state;

dim3 thread_index() { return now.fiber->index; }
dim3 block_index() { return now.block_index; }
dim3 block_size() { return block; }
dim3 grid_size() { return grid; }

// A number below `limit`.
static uint32_t random_below(uint32_t limit) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 32) * limit >> 32;
}

static void run(Fiber& fiber) {
    now.fiber = &fiber;
    now.warp = &warps[fiber.warp];
    now.stack = reinterpret_cast<uintptr_t>(fiber.context.bottom);
    now.stack_bytes = fiber.context.bytes;
}
static void stop_running() {
    now.warp = nullptr;
    now.stack = 0;
    now.stack_bytes = SIZE_MAX;
}

// A thread that is ready: the lowest of the first warp that has one, from this warp on; with a seed any.
static Fiber* choose(unsigned warp) {
    const unsigned count = warps.size();
    const unsigned lane = seed != 0 ? random_below(LANES) : 0;
    if (seed != 0) warp = random_below(count);
    for (unsigned i = 0; i < count; i++, warp = warp + 1 < count ? warp + 1 : 0) {
        const uint32_t ready = warps[warp].ready, above = ready >> lane << lane;
        if (ready != 0) return &fibers[warp * LANES + __builtin_ctz(above != 0 ? above : ready)];
    }
    return nullptr;
}

// Goes to another thread, or to the host where none is left.
static void go_on(unsigned warp, bool is_last) {
    Fiber* const from = now.fiber;
    Fiber* const to = choose(warp);
    if (to == nullptr) {
        if (alive > 0) fail_in_deadlock(from->place);
        stop_running();
        switch_context(from->context, host, is_last);
    } else if (to != from) {
        statistics.switches++;
        run(*to);
        switch_context(from->context, to->context, is_last);
    }
}
void let_others_run() { go_on(now.fiber->warp, false); }

void abandon() {
    stop_running();
    switch_context(now.fiber->context, host, true);
    __builtin_unreachable();
}

static void release_barrier() {
    now.barrier = ++now.time;
    at_barrier = 0;
    statistics.barriers++;
    for (Warp& warp : warps) {
        warp.ready = warp.alive;
        warp.at_barrier = 0;
        warp.sync_time = now.time;
        warp.requests.count();
    }
}

static void end_thread() {
    Fiber& me = *now.fiber;
    Warp& warp = *now.warp;
    if (!me.copies.copies.empty()) {
        fail(me.copies.copies[0].place, "the thread ends before it has waited for its cp.async");
    }
    me.place = 0;
    warp.alive &= ~(1u << me.lane);
    warp.ready &= ~(1u << me.lane);
    alive--;
    lane_has_ended(warp);
    if (alive > 0 && at_barrier == alive) release_barrier();
    go_on(me.warp, true);
}

static void thread_begins() {
    entered();
    char thrown[128] = "";
    try {
        (*kernel)();
    } catch (const std::exception& e) {
        snprintf(thrown, sizeof thrown, "%s", e.what());
    }
    if (thrown[0] != 0) fail(0, "exception: %s", thrown);
    end_thread();
}

static void prepare_block() {
    now.block = now.barrier = ++now.time;
    alive = thread_count;
    at_barrier = 0;
    shared_memory.set_written(0, shared_memory.bytes, false);
    for (unsigned i = 0; i < thread_count; i++) {
        fibers[i].copies.copies.clear();
        fibers[i].copies.group_ends.clear();
        prepare(fibers[i].context, i, thread_begins);
    }
    for (unsigned i = 0; i < warps.size(); i++) {
        const unsigned lanes = std::min(LANES, thread_count - i * LANES);
        Warp& warp = warps[i];
        warp.alive = warp.ready = UINT32_MAX >> (LANES - lanes);
        warp.waiting = warp.at_barrier = 0;
        warp.sync_time = now.time;
    }
}

// False after an error.
static bool run_block(dim3 index) {
    now.block_index = index;
    prepare_block();
    Fiber& first = fibers[seed != 0 ? random_below(thread_count) : 0];
    run(first);
    switch_context(host, first.context, false);
    for (Warp& warp : warps) warp.requests.count();
    return !has_error();
}

static void prepare_threads() {
    thread_count = block.x * block.y * block.z;
    reserve_stacks(thread_count);
    if (fibers.size() < thread_count) fibers.resize(thread_count);
    for (unsigned i = 0; i < thread_count; i++) {
        Fiber& fiber = fibers[i];
        fiber.number = i;
        fiber.warp = i / LANES;
        fiber.lane = i % LANES;
        fiber.index = dim3(i % block.x, i / block.x % block.y, i / block.x / block.y);
    }
    warps.resize((thread_count + LANES - 1) / LANES);
}

static bool is_possible(dim3 grid, dim3 block, size_t shared) {
    const uint64_t threads = (uint64_t) block.x * block.y * block.z;
    if (grid.x == 0 || grid.y == 0 || grid.z == 0) {
        refuse("launch of a grid without blocks: (%u, %u, %u)", grid.x, grid.y, grid.z);
    } else if (first_block >= grid.x) {
        refuse("launch from block %u on, of %u", first_block, grid.x);
    } else if (grid.x > INT32_MAX || grid.y > UINT16_MAX || grid.z > UINT16_MAX) {
        refuse("launch of too large a grid: (%u, %u, %u)", grid.x, grid.y, grid.z);
    } else if (threads == 0 || block.x > 1024 || block.y > 1024 || block.z > 64 || threads > MAX_THREADS) {
        refuse("launch of blocks with (%u, %u, %u) threads: 1 to %u are possible", block.x, block.y, block.z,
                MAX_THREADS);
    } else if (shared > MAX_SHARED_BYTES) {
        refuse("launch with %zu bytes of shared memory: at most %zu are possible", shared, MAX_SHARED_BYTES);
    }
    return !has_error();
}

static void run_blocks() {
    const uint64_t width = grid.x - first_block, count = width * grid.y * grid.z;
    // With a seed, every step-th block from a random one on, which meets each once.
    uint64_t step = 1, number = 0;
    if (seed != 0) {
        do step = 1 + random_below(std::min<uint64_t>(count, UINT32_MAX));
        while (std::gcd(step, count) != 1);
        number = random_below(std::min<uint64_t>(count, UINT32_MAX));
    }
    for (uint64_t i = 0; i < count; i++, number = (number + step) % count) {
        const dim3 index(first_block + number % width, number / width % grid.y, number / width / grid.y);
        if (!run_block(index)) return;
    }
}

std::string waiting_threads() {
    const auto waits_in = [](unsigned thread) -> const char* {
        const Warp& warp = warps[thread / LANES];
        const uint32_t bit = 1u << thread % LANES;
        if (!(warp.alive & bit)) return nullptr;
        return warp.at_barrier & bit ? "sync_block" : name_of(warp.operation);
    };
    std::string text;
    for (unsigned i = 0, end; i < thread_count; i = end) {
        const char* what = waits_in(i);
        for (end = i + 1; end < thread_count; end++) {
            if (waits_in(end) != what || fibers[end].place != fibers[i].place) break;
        }
        if (what == nullptr) continue;
        text.append(text.empty() ? "threads " : ", ").append(std::to_string(i));
        if (end - i > 1) text.append("-").append(std::to_string(end - 1));
        text.append(" in ").append(what).append(" at ").append(name_of(fibers[i].place));
    }
    return text;
}

bool launch(dim3 wanted_grid, dim3 wanted_block, size_t bytes, const std::function<void()>& wanted_kernel) {
    static uint64_t launches;
    clear_error();
    if (!is_possible(wanted_grid, wanted_block, bytes)) return false;
    reserve_memory();
    grid = wanted_grid;
    block = wanted_block;
    kernel = &wanted_kernel;
    shared_memory.bytes = bytes;
    statistics = {};
    random_state = ((seed * 0x9e3779b97f4a7c15) ^ (++launches << 32)) | 1;
    if (now.time > UINT32_MAX / 2) {
        forget_records();
        now.time = now.global_write = 0;
    }
    now.launch = ++now.time;
    prepare_threads();
    run_blocks();
    return !has_error();
}

[[noreturn]] static void fail_at_other_barrier(Place place) {
    unsigned first = 0;
    while (!(warps[first / LANES].at_barrier >> first % LANES & 1)) first++;
    fail(place, {"waiting", static_cast<int>(first), barrier_place}, "threads of a block at different barriers");
}

}  // namespace simt

using namespace simt;

void sync_block(Where where) {
    const Place place = place_of(where);
    Fiber& me = *now.fiber;
    if (at_barrier > 0 && place != barrier_place) fail_at_other_barrier(place);
    barrier_place = me.place = place;
    now.warp->ready &= ~(1u << me.lane);
    now.warp->at_barrier |= 1u << me.lane;
    const bool is_complete = ++at_barrier == alive;
    if (is_complete) release_barrier();
    go_on(is_complete ? 0 : me.warp, false);
}
