// Kernels that wait wrongly: for cp.async, at barriers, in operations of a warp.
#include "defects.h"

static int thread() { return static_cast<int>(threadIdx.x); }
static SharedAddress row(int i) { return shared_base() + i * 16; }

// ---- cp.async ----

DEFECT(read_before_wait, .error = "read of shared memory that a cp.async still writes", .thread = 0, .other = 0,
        .did = "written") {
    THERE cp_async_16(row(thread()), memory + thread(), true);
    cp_async_commit();
    if (!wrong) cp_async_wait<0>();
    HERE load_shared_16(row(thread()));
    cp_async_wait<0>();
}

// The others see a barrier, but no wait before it.
DEFECT(barrier_before_wait, .error = "read of shared memory that a cp.async still writes", .thread = 0, .other = 32,
        .did = "written") {
    THERE cp_async_16(row(thread()), memory + thread(), true);
    cp_async_commit();
    if (!wrong) cp_async_wait<0>();
    sync_block();
    HERE load_shared_16(row(thread() ^ 32));
    cp_async_wait<0>();
}

DEFECT(no_barrier_after_wait, .error = "race in shared memory: read after write", .thread = 32, .other = 0,
        .did = "written") {
    if (thread() < 32) {
        THERE cp_async_16(row(thread()), memory + thread(), true);
        cp_async_commit();
        cp_async_wait<0>();
    }
    if (!wrong) sync_block();
    if (thread() >= 32) {
        HERE load_shared_16(row(thread() - 32));
    }
}

DEFECT(write_before_wait, .error = "write to shared memory that a cp.async still writes", .thread = 3, .other = 3,
        .did = "written") {
    THERE cp_async_16(row(thread()), memory + thread(), true);
    cp_async_commit();
    if (!wrong) cp_async_wait<0>();
    if (thread() == 3) {
        HERE store_shared_4(row(3), 1);
    }
    cp_async_wait<0>();
}

// Two copies to one place, the second before the first has arrived.
DEFECT(copy_over_copy, .error = "write to shared memory that a cp.async still writes", .thread = 0, .other = 0,
        .did = "written") {
    THERE cp_async_16(row(thread()), memory + thread(), true);
    cp_async_commit();
    if (!wrong) cp_async_wait<0>();
    HERE cp_async_16(row(thread()), memory, false);
    cp_async_commit();
    cp_async_wait<0>();
}

DEFECT(copy_over_reads, .error = "race in shared memory: write after read", .thread = 32, .other = 0, .did = "read") {
    if (thread() < 32) store_shared_4(row(thread()), 1);
    sync_block();
    if (thread() < 32) {
        THERE load_shared_float(row(thread()));
    }
    if (!wrong) sync_block();
    if (thread() >= 32) {
        HERE cp_async_16(row(thread() - 32), memory, true);
    }
    cp_async_commit();
    cp_async_wait<0>();
}

DEFECT(source_written_before_wait, .error = "source of a cp.async written before its wait", .thread = 1, .other = 1,
        .did = "written") {
    if (thread() == 1) {
        store_16(memory + 1, {});
        HERE cp_async_16(row(1), memory + 1, true);
        cp_async_commit();
        if (!wrong) cp_async_wait<0>();
        THERE store_16(memory + 1, {});
        cp_async_wait<0>();
    }
}

// The wait is for what was committed.
DEFECT(no_commit, .error = "read of shared memory that a cp.async still writes", .thread = 0, .other = 0,
        .did = "written") {
    THERE cp_async_16(row(thread()), memory + thread(), true);
    if (!wrong) cp_async_commit();
    cp_async_wait<0>();
    HERE load_shared_16(row(thread()));
}

DEFECT(copy_left_behind, .error = "the thread ends before it has waited for its cp.async", .thread = 2) {
    if (thread() == 2) {
        HERE cp_async_16(row(0), memory, true);
        cp_async_commit();
    }
    if (!wrong) cp_async_wait<0>();
}

// Three stages, as a product of matrices has them: one group on its way while another is used.
DEFECT(pipeline, .error = "read of shared memory that a cp.async still writes", .thread = 0, .other = 32,
        .did = "written", .grid = 2) {
    const auto load = [&](int step) {
        THERE cp_async_16(row(step % 3 * 64 + thread()), memory + step * 64 + thread(), true);
    };
    for (int step = 0; step < 2; step++) {
        load(step);
        cp_async_commit();
    }
    for (int step = 0; step < 9; step++) {
        if (wrong) cp_async_wait<2>();
        if (!wrong) cp_async_wait<1>();
        sync_block();
        if (step + 2 < 9) load(step + 2);
        cp_async_commit();
        HERE load_shared_16(row(step % 3 * 64 + (thread() ^ 32)));
    }
    cp_async_wait<0>();
}

// ---- barriers ----

DEFECT(different_barriers, .error = "threads of a block at different barriers", .thread = 32, .other = 0,
        .did = "waiting") {
    if (wrong && thread() >= 32) {
        HERE sync_block();
    } else {
        THERE sync_block();
    }
}

// Half of the threads end before the barrier, which is then one of the others; a lane that ends is not waited for
// either.
DEFECT(half_a_barrier, .error = "race in shared memory: read after write", .thread = 32, .other = 0, .did = "written") {
    THERE store_shared_4(row(thread()), 1);
    if (thread() % 2 == 1) return;
    if (!wrong) sync_block();
    if (thread() >= 32) {
        HERE load_shared_float(row(thread() - 32));
    }
}

DEFECT(barrier_and_warp, .error = "deadlock: no thread can go on", .thread = 31, .block = 32) {
    if (thread() < 31 || !wrong) {
        sync_warp();
    } else {
        HERE sync_block();
    }
}

// ---- operations of a warp ----

DEFECT(different_operations, .error = "lanes of a warp at different operations: shuffle", .thread = 7, .other = 0,
        .did = "sync_warp") {
    if (wrong && thread() % 32 == 7) {
        HERE shuffle_xor(1.0f, 1);
    } else {
        THERE sync_warp();
    }
}

DEFECT(different_lines, .error = "lanes of a warp at different operations: sync_warp", .thread = 16, .other = 0,
        .did = "sync_warp") {
    if (wrong && thread() % 32 >= 16) {
        HERE sync_warp();
    } else {
        THERE sync_warp();
    }
}

DEFECT(shuffle_without_all, .error = "shuffle without all 32 lanes: lane 0 has ended or is not there", .thread = 5) {
    if (wrong && thread() < 5) return;
    HERE shuffle_xor(1.0f, 1);
}

DEFECT(lane_ends_before_shuffle, .error = "shuffle without all 32 lanes: lane 31 has ended", .thread = 31) {
    if (wrong && thread() == 31) return;
    HERE shuffle_xor(1.0f, 1);
}

DEFECT(mma_in_part_of_a_warp, .error = "mma without all 32 lanes: lane 16 has ended or is not there", .thread = 0,
        .block = 16) {
    float4 c[1][2] = {};
    const uint4 a[1] = {}, b[1] = {};
    if (wrong) {
        HERE mma<Bf16>(c, 0, a, b);
    }
}

DEFECT(load_matrices_in_part_of_a_warp,
        .error = "load_matrices without all 32 lanes: lane 16 has ended or is not there", .thread = 32, .block = 48) {
    store_shared_float2(row(thread()), {1, 1});
    store_shared_float2(row(thread()) + 8, {1, 1});
    sync_block();
    uint4 fragments[2];
    if (thread() < 32 || wrong) {
        HERE load_matrices(fragments, row(thread()), 0);
    }
}

// Lanes that have ended are not waited for; those that go on are ordered.
DEFECT(sync_warp_after_return, .error = "race in shared memory: read after write", .thread = 1, .other = 0,
        .did = "written") {
    if (thread() >= 10) return;
    THERE store_shared_4(row(thread()), 1);
    if (!wrong) sync_warp();
    HERE load_shared_float(row(thread() > 0 ? thread() - 1 : 0));
}
