// Kernels whose requests simt_traffic_test.cpp counts.
#include "simt_traffic_test.h"

// Fills shared memory, and then makes one access of the kind.
KERNEL(32, 1) shared_pattern(const int* offsets, Pattern pattern) {
    const SharedAddress base = shared_base();
    for (int i = threadIdx.x * 4; i < SHARED_BYTES; i += 128) store_shared_4(base + i, i);
    const int offset = offsets[threadIdx.x];
    sync_warp();
    if (pattern == Pattern::MATRICES) {
        uint4 fragments[1];
        load_matrices(fragments, base + offset, 0);
    }
    if (offset == NONE) return;
    if (pattern == Pattern::LOAD_4) load_shared_float(base + offset);
    if (pattern == Pattern::STORE_4) store_shared_float(base + offset, 1.0f);
    if (pattern == Pattern::STORE_8) store_shared_float2(base + offset, {1, 1});
    if (pattern == Pattern::LOAD_16) load_shared_16(base + offset);
    if (pattern == Pattern::COPY_16) {
        cp_async_16(base + offset, offsets, false);
        cp_async_commit();
        cp_async_wait<0>();
    }
}

// An access of the kind: the first four of 16 bytes, the others of 8.
KERNEL(32, 1) global_pattern(uint4* memory, const int* offsets, int kind) {
    const int offset = offsets[threadIdx.x];
    if (offset == NONE) return;
    char* mine = reinterpret_cast<char*>(memory) + offset;
    if (kind == 0) load_16(mine);
    if (kind == 1) load_16_constant(mine);
    if (kind == 2) store_16(mine, {});
    if (kind == 4) load_8_constant(mine);
    if (kind == 5) store_8(mine, {});
    if (kind == 3) {
        cp_async_16(shared_base() + threadIdx.x * 16, mine, true);
        cp_async_commit();
        cp_async_wait<0>();
    }
}

// Lanes that do not all do the same: rows of 20, 12, 20 and 12 chunks, each row one request; then every third lane.
KERNEL(32, 1) uneven(uint4* memory) {
    for (int row = 0; row < 4; row++) {
        const int chunks = row % 2 ? 12 : 20;
        if (static_cast<int>(threadIdx.x) < chunks) load_16(memory + row * 32 + threadIdx.x);
    }
    sync_warp();
    if (threadIdx.x % 3 == 0) store_16(memory + threadIdx.x, {});
}
