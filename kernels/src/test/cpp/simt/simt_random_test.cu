// Runs the steps of a thread, steps [block, step, thread]. Shared memory is written first, so that no read fails for
// that.
#include "simt_random_test.h"

KERNEL(THREADS, 1) random_program(char* memory, const Step* steps) {
    const SharedAddress shared = shared_base();
    if (threadIdx.x < BYTES / 4) store_shared_4(shared + threadIdx.x * 4, 0);
    sync_block();
    for (int i = 0; i < STEPS; i++) {
        const Step step = steps[(blockIdx.x * STEPS + i) * THREADS + threadIdx.x];
        char* const place = memory + step.offset;
        switch (step.kind) {
            case SYNC_BLOCK:
                sync_block();
                break;
            case SYNC_WARP:
                sync_warp();
                break;
            case SHARED_LOAD_4:
                load_shared_float(shared + step.offset);
                break;
            case SHARED_STORE_4:
                store_shared_4(shared + step.offset, i);
                break;
            case SHARED_STORE_8:
                store_shared_float2(shared + step.offset, {1, 1});
                break;
            case SHARED_STORE_16:
                cp_async_16(shared + step.offset, nullptr, false);
                cp_async_commit();
                cp_async_wait<0>();
                break;
            case SHARED_LOAD_16:
                load_shared_16(shared + step.offset);
                break;
            case GLOBAL_LOAD_4:
                (void) *reinterpret_cast<volatile uint32_t*>(place);
                break;
            case GLOBAL_STORE_4:
                *reinterpret_cast<volatile uint32_t*>(place) = i;
                break;
            case GLOBAL_LOAD_8:
                (void) *reinterpret_cast<volatile uint64_t*>(place);
                break;
            case GLOBAL_STORE_8:
                *reinterpret_cast<volatile uint64_t*>(place) = i;
                break;
            case GLOBAL_LOAD_16:
                load_16(place);
                break;
            case GLOBAL_STORE_16:
                store_16(place, {});
                break;
            case CONSTANT_LOAD_8:
                load_8_constant(place);
                break;
            case CONSTANT_LOAD_16:
                load_16_constant(place);
                break;
            default:
                break;
        }
    }
}
