// Kernels that touch memory that is not theirs or was never written, wrongly wide or aligned, or not constant.
#include "defects.h"

static float* floats(uint4* memory) { return reinterpret_cast<float*>(memory); }
static int thread() { return static_cast<int>(threadIdx.x); }
static SharedAddress slot(int i) { return shared_base() + i * 4; }

// ---- what was never written ----

DEFECT(uninitialised_shared, .error = "read of uninitialised shared memory: byte 256 of 4096", .thread = 0) {
    store_shared_float(slot(thread()), 1.0f);
    sync_block();
    HERE load_shared_float(slot(thread() + (wrong ? 64 : 0)));
}

// What a block has written is gone in the next.
DEFECT(shared_of_another_block, .error = "read of uninitialised shared memory: byte 0 of 4096", .thread = 0,
        .grid = 2) {
    if (blockIdx.x == 0 || !wrong) store_shared_float(slot(thread()), 1.0f);
    HERE load_shared_float(slot(thread()));
}

DEFECT(uninitialised_global, .error = "read of uninitialised global memory: byte 32768 of 65536", .thread = 7,
        .plain = true) {
    if (thread() == 7) {
        HERE load_16(memory + MEMORY / 32 - (wrong ? 0 : 1));
    }
}

DEFECT(uninitialised_plain, .error = "read of uninitialised global memory: byte 32772 of 65536", .thread = 2,
        .plain = true) {
    float* unwritten = floats(memory) + MEMORY / 8;
    if (thread() == 2) {
        if (!wrong) unwritten[1] = 0.0f;
        HERE floats(memory)[0] = unwritten[1];
    }
}

// ---- out of bounds ----

DEFECT(beyond_the_end, .error = "global write of 16 bytes out of bounds: at byte 65536 of the nearest", .thread = 63) {
    HERE store_16(memory + MEMORY / 16 - 64 + thread() + wrong, {});
}

DEFECT(before_the_beginning, .error = "global read of 4 bytes out of bounds: at byte -4 of the nearest", .thread = 0,
        .plain = true) {
    const float* first = floats(memory);
    if (thread() > 0 || wrong) {
        HERE floats(memory)[100 + thread()] = first[thread() - 1];
    }
}

DEFECT(across_the_end, .error = "global read of 16 bytes out of bounds: at byte 65528 of the nearest", .thread = 0) {
    if (thread() == 0 && wrong) {
        HERE load_16(floats(memory) + MEMORY / 4 - 2);
    }
}

DEFECT(shared_beyond, .error = "shared write of 4 bytes out of bounds: at byte 4096, of a block that has 4096",
        .thread = 63) {
    HERE store_shared_float(slot(1024 - 64 + thread() + wrong), 1.0f);
}

DEFECT(shared_without_base, .error = "shared write of 4 bytes at address 0, which is below shared_base()",
        .thread = 0) {
    HERE store_shared_4((wrong ? 0 : shared_base()) + 4 * thread(), 1);
}

DEFECT(null, .error = "write of 4 bytes through a null pointer: 0x8", .thread = 2, .plain = true) {
    float* target = wrong ? nullptr : floats(memory);
    if (thread() == 2) {
        HERE target[2] = 1.0f;
    }
}

static float of_the_host;
DEFECT(host, .error = "write of 4 bytes through memory of the host or of another thread", .thread = 1, .plain = true) {
    float* target = wrong ? &of_the_host : floats(memory);
    if (thread() == 1) {
        HERE target[0] = 1.0f;
    }
}

static const int table[4] = {3, 1, 4, 1};
DEFECT(constants, .error = "write of 4 bytes through memory of the host", .thread = 3, .plain = true) {
    int* target = reinterpret_cast<int*>(memory) + thread();
    if (thread() == 3 && wrong) target = const_cast<int*>(table);
    HERE target[0] = table[thread() % 4];
}

DEFECT(stack_of_another_thread, .error = "read of 4 bytes through memory of the host or of another thread", .thread = 1,
        .plain = true) {
    float local = 1.0f;
    float** pointers = reinterpret_cast<float**>(memory);
    pointers[thread()] = &local;
    sync_block();
    HERE floats(memory)[MEMORY / 8 + thread()] = *pointers[wrong && thread() == 1 ? 0 : thread()];
}

// ---- alignment and width ----

DEFECT(misaligned_global, .error = "misaligned global read of 16 bytes: 8 bytes above the multiple of 16",
        .thread = 0) {
    HERE load_16(floats(memory) + 4 * thread() + (wrong ? 2 : 0));
}

DEFECT(misaligned_shared, .error = "misaligned shared write of 8 bytes: 4 bytes above the multiple of 8", .thread = 0) {
    HERE store_shared_float2(slot(2 * thread() + wrong), {1, 1});
}

DEFECT(misaligned_plain, .error = "misaligned global write of 8 bytes: 4 bytes above the multiple of 8", .thread = 0,
        .plain = true) {
    uint64_t* target = reinterpret_cast<uint64_t*>(floats(memory) + wrong);
    HERE target[thread()] = 1;
}

DEFECT(narrow_write, .error = "global write of 2 bytes", .thread = 0, .plain = true) {
    if (wrong) {
        HERE reinterpret_cast<Bf16*>(memory)[thread()] = {1};
    } else {
        reinterpret_cast<uint32_t*>(memory)[thread()] = 1;
    }
}

DEFECT(narrow_read, .error = "global read of 1 bytes", .thread = 0, .plain = true) {
    const volatile uint8_t* bytes = reinterpret_cast<uint8_t*>(memory);
    if (wrong) {
        HERE bytes[thread()];
    }
}

// ---- constants ----

DEFECT(constant_after_write, .error = "load_16_constant of memory that this launch has written", .thread = 5,
        .other = 5, .did = "written") {
    if (thread() == 5) {
        THERE store_16(memory + 5, {});
        HERE load_16_constant(memory + (wrong ? 5 : 6));
    }
}

DEFECT(write_after_constant, .error = "write to memory that load_16_constant has read in this launch", .thread = 6,
        .other = 5, .did = "read") {
    if (thread() == 5) {
        THERE load_16_constant(memory + 5);
    }
    sync_block();
    if (thread() == 6) {
        HERE store_16(memory + (wrong ? 5 : 6), {});
    }
}
