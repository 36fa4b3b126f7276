// Kernels whose threads race.
#include "defects.h"

static float* floats(uint4* memory) { return reinterpret_cast<float*>(memory); }
static int thread() { return static_cast<int>(threadIdx.x); }
static SharedAddress slot(int i) { return shared_base() + i * 4; }

// ---- races inside a block ----

DEFECT(read_after_write, .error = "race in shared memory: read after write", .thread = 32, .other = 0,
        .did = "written") {
    THERE store_shared_float(slot(thread()), 1.0f);
    if (!wrong) sync_block();
    if (thread() >= 32) {
        HERE load_shared_float(slot(thread() - 32));
    }
}

DEFECT(write_after_read, .error = "race in shared memory: write after read", .thread = 32, .other = 5, .did = "read") {
    store_shared_float(slot(thread()), 1.0f);
    sync_block();
    if (thread() == 5) {
        THERE load_shared_float(slot(40));
    }
    if (!wrong) sync_block();
    if (thread() >= 32) {
        HERE store_shared_float(slot(thread() == 32 ? 40 : thread() + 100), 2.0f);
    }
}

DEFECT(write_after_write, .error = "race in shared memory: write after write", .thread = 63, .other = 1,
        .did = "written") {
    if (thread() == 1) {
        THERE store_shared_float(slot(0), 1.0f);
    }
    if (!wrong) sync_block();
    if (thread() == 63) {
        HERE store_shared_float(slot(0), 2.0f);
    }
}

// Reads by two warps, one of them the writer's: the other one's read is the one that counts.
DEFECT(write_after_reads_of_warps, .error = "race in shared memory: write after read", .thread = 40) {
    if (thread() == 0) store_shared_float(slot(0), 1.0f);
    sync_block();
    if (thread() == 7 || thread() == 40) load_shared_float(slot(0));
    if (!wrong) sync_block();
    if (thread() == 40) {
        HERE store_shared_float(slot(0), 2.0f);
    }
}

DEFECT(lanes_without_sync_warp, .error = "race in shared memory: read after write", .thread = 1, .other = 0,
        .did = "written") {
    THERE store_shared_float(slot(thread()), 1.0f);
    if (!wrong) sync_warp();
    if (thread() % 32 != 0) {
        HERE load_shared_float(slot(thread() - 1));
    }
    if (!wrong) {
        sync_warp();
        store_shared_float(slot(thread()), 2.0f);
    }
}

DEFECT(lanes_write_after_read, .error = "race in shared memory: write after read", .thread = 2, .other = 1,
        .did = "read") {
    store_shared_float(slot(thread()), 1.0f);
    sync_warp();
    if (thread() < 2) {
        THERE load_shared_float(slot(2));
    }
    if (!wrong) sync_warp();
    if (thread() == 2) {
        HERE store_shared_float(slot(2), 2.0f);
    }
}

// A sync of the warp orders nothing between warps.
DEFECT(sync_warp_for_sync_block, .error = "race in shared memory: read after write", .thread = 32, .other = 31,
        .did = "written") {
    THERE store_shared_float(slot(thread()), 1.0f);
    if (wrong) {
        sync_warp();
    } else {
        sync_block();
    }
    HERE load_shared_float(slot(thread() >= 32 ? 31 : thread()));
}

// Four bytes of sixteen.
DEFECT(part_of_a_wide_read, .error = "race in shared memory: read after write", .thread = 32, .other = 2,
        .did = "written") {
    if (thread() < 4) store_shared_float(slot(thread()), 1.0f);
    sync_block();
    if (thread() == 2) {
        THERE store_shared_float(slot(2), 1.0f);
    }
    if (!wrong) sync_block();
    if (thread() == 32) {
        HERE load_shared_16(slot(0));
    }
}

DEFECT(load_matrices_without_sync, .error = "race in shared memory: read after write", .thread = 0, .other = 0,
        .did = "written", .block = 32) {
    const SharedAddress row = slot(thread() * 4);
    THERE for (int i = 0; i < 4; i++) store_shared_float(row + i * 4, 1.0f);
    if (!wrong) sync_warp();
    uint4 fragments[1];
    HERE load_matrices(fragments, row, 0);
}

DEFECT(write_after_load_matrices, .error = "race in shared memory: write after read", .thread = 0, .other = 1,
        .did = "read", .block = 32) {
    const SharedAddress row = slot(thread() * 4);
    for (int i = 0; i < 4; i++) store_shared_float(row + i * 4, 1.0f);
    sync_warp();
    uint4 fragments[1];
    THERE load_matrices(fragments, row, 0);
    if (!wrong) sync_warp();
    HERE store_shared_float(row, 2.0f);
}

DEFECT(plain_race, .error = "race in global memory: read after write", .thread = 32, .other = 0, .did = "written",
        .plain = true) {
    THERE floats(memory)[thread()] = 1.0f;
    if (!wrong) sync_block();
    if (thread() >= 32) {
        HERE floats(memory)[thread() + 64] = floats(memory)[thread() - 32];
    }
}

// ---- races between blocks: only blocks that share nothing but what all read are right ----

DEFECT(blocks_read_after_write, .error = "race between blocks: read after write", .thread = 3, .other = 3,
        .did = "written in another block", .grid = 2) {
    uint4* mine = memory + blockIdx.x * 64 + thread();
    THERE store_16(mine, {});
    if (blockIdx.x == 1 && thread() == 3) {
        HERE load_16(wrong ? mine - 64 : mine);
    }
}

DEFECT(blocks_write_after_read, .error = "race between blocks: write after read", .thread = 9, .other = 4,
        .did = "read in another block", .grid = 2) {
    if (blockIdx.x == 0 && thread() == 4) {
        THERE load_16(memory);
    }
    if (blockIdx.x == 1 && thread() == 9 && wrong) {
        HERE store_16(memory, {});
    }
}

// The writer's block has read, too: its own reads are well.
DEFECT(blocks_write_after_reads, .error = "race between blocks: write after read", .thread = 9, .grid = 2) {
    const uint4* read = memory + (wrong ? 0 : blockIdx.x);
    load_16(read);
    sync_block();
    if (blockIdx.x == 1 && thread() == 9) {
        HERE store_16(memory + 1 - wrong, {});
    }
}

DEFECT(blocks_write_after_write, .error = "race between blocks: write after write", .thread = 0, .other = 0,
        .did = "written in another block", .grid = dim3(1, 1, 2), .plain = true) {
    HERE floats(memory)[thread() + (wrong ? 0 : 64 * blockIdx.z)] = 1.0f;
}
