// That races are found in random programs where there are any, and only there: compared with a look at all pairs.
#include "simt_random_test.h"

#include "check.h"

using check::require;

namespace {

struct Access {
    int block, thread, barrier, sync;  // how many of these the thread has passed
    Kind kind;
    int begin, end;
};

bool is_write(Kind kind) {
    return kind == SHARED_STORE_4 || kind == SHARED_STORE_8 || kind == SHARED_STORE_16 || kind == GLOBAL_STORE_4 ||
           kind == GLOBAL_STORE_8 || kind == GLOBAL_STORE_16;
}
bool is_plain(Kind kind) { return kind >= GLOBAL_LOAD_4 && kind <= GLOBAL_STORE_8; }
bool is_shared(Kind kind) { return kind <= SHARED_LOAD_16; }
int bytes_of(Kind kind) {
    switch (kind) {
        case SHARED_STORE_16:
        case SHARED_LOAD_16:
        case GLOBAL_LOAD_16:
        case GLOBAL_STORE_16:
        case CONSTANT_LOAD_16:
            return 16;
        case SHARED_STORE_8:
        case GLOBAL_LOAD_8:
        case GLOBAL_STORE_8:
        case CONSTANT_LOAD_8:
            return 8;
        default:
            return 4;
    }
}

bool is_race(const Access& a, const Access& b) {
    if (is_shared(a.kind) != is_shared(b.kind) || a.begin >= b.end || b.begin >= a.end) return false;
    if (!is_write(a.kind) && !is_write(b.kind)) return false;
    if (a.kind >= CONSTANT_LOAD_8 || b.kind >= CONSTANT_LOAD_8) return true;  // whoever writes, and when
    if (a.block != b.block) return !is_shared(a.kind);
    if (a.thread == b.thread || a.barrier != b.barrier) return false;
    return a.thread / 32 != b.thread / 32 || a.sync == b.sync;
}

struct Program {
    std::vector<Step> steps;
    bool races = false;
};

// Few accesses to a few places, so that about half of the programs race.
Program random_program(check::Random& random) {
    Program program;
    program.steps.resize(BLOCKS * STEPS * THREADS);
    std::vector<Access> accesses;
    const bool by_blocks = random() % 4 != 0;
    for (int block = 0; block < BLOCKS; block++) {
        int barrier = 0, syncs[THREADS / 32] = {};
        for (int i = 0; i < STEPS; i++) {
            Step* const steps = &program.steps[(block * STEPS + i) * THREADS];
            const bool is_barrier = random() % 3 == 0;
            barrier += is_barrier;
            for (int warp = 0; warp < THREADS / 32; warp++) {
                const bool is_sync = !is_barrier && random() % 2 == 0;
                syncs[warp] += is_sync;
                for (int thread = warp * 32; thread < warp * 32 + 32; thread++) {
                    if (is_barrier) steps[thread] = {SYNC_BLOCK, 0};
                    if (is_sync) steps[thread] = {SYNC_WARP, 0};
                }
                if (is_barrier || is_sync || random() % 2 == 0) continue;
                const int thread = warp * 32 + random() % 4;
                const Kind kind = static_cast<Kind>(SHARED_LOAD_4 + random() % (CONSTANT_LOAD_16 - SHARED_LOAD_4 + 1));
                if (is_plain(kind) && !simt::sees_plain_accesses()) continue;
                int offset = random() % (BYTES / 16) * 16 + random() % (16 / bytes_of(kind)) * bytes_of(kind);
                // In some programs, blocks keep to their halves.
                if (by_blocks) offset = offset % (BYTES / 2) + block * (BYTES / 2);
                steps[thread] = {kind, offset};
                accesses.push_back({block, thread, barrier, syncs[warp], kind, offset, offset + bytes_of(kind)});
            }
        }
    }
    for (const Access& a : accesses) {
        for (const Access& b : accesses) program.races |= &a != &b && is_race(a, b);
    }
    return program;
}

std::string programs(int count) {
    check::Random random(1);
    int racing = 0;
    for (int i = 0; i < count; i++) {
        const Program program = random_program(random);
        racing += program.races;
        char* memory = machine::upload(std::vector<char>(BYTES));
        const Step* steps = machine::upload(program.steps);
        for (unsigned seed = 0; seed < 3; seed++) {
            simt::seed = seed;
            const bool ok = simt::launch(BLOCKS, THREADS, BYTES, [&] { random_program(memory, steps); });
            const std::string which = "program " + std::to_string(i) + " with seed " + std::to_string(seed);
            require(ok || program.races, which + ", without a race: " + simt::error());
            require(!ok || !program.races, which + ": its race is not found");
        }
        machine::free_all();
    }
    simt::seed = 0;
    return std::to_string(count) + " programs, of which " + std::to_string(racing) + " race";
}

}  // namespace

int main(int argc, char** argv) {
    check::Cases cases(argc, argv);
    cases.run("programs", [&] { return programs(cases.nightly() ? 20000 : 400); });
    return cases.status();
}
