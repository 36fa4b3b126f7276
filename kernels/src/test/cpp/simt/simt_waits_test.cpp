// That the emulator finds threads that wait wrongly, or cannot be launched, and lets right ones pass.
#include "defects.h"

using check::require;

namespace {

std::string refused(dim3 grid, dim3 block, size_t shared, const std::string& expected) {
    bool ran = false;
    require(!simt::launch(grid, block, shared, [&] { ran = true; }), "launched");
    require(!ran, "ran");
    require(simt::error() == expected, simt::error());
    return expected;
}

std::string launches() {
    refused(dim3(0), 32, 0, "launch of a grid without blocks: (0, 1, 1)");
    refused(dim3(1, 0), 32, 0, "launch of a grid without blocks: (1, 0, 1)");
    refused(dim3(1, 65536), 32, 0, "launch of too large a grid: (1, 65536, 1)");
    refused(dim3(1, 1, 65536), 32, 0, "launch of too large a grid: (1, 1, 65536)");
    refused(1, dim3(1025), 0, "launch of blocks with (1025, 1, 1) threads: 1 to 1024 are possible");
    refused(1, dim3(32, 33), 0, "launch of blocks with (32, 33, 1) threads: 1 to 1024 are possible");
    refused(1, dim3(1, 1, 65), 0, "launch of blocks with (1, 1, 65) threads: 1 to 1024 are possible");
    refused(1, dim3(32, 0), 0, "launch of blocks with (32, 0, 1) threads: 1 to 1024 are possible");
    return refused(1, 32, (227 << 10) + 1, "launch with 232449 bytes of shared memory: at most 232448 are possible");
}

// Every block from the first on, and every thread, once, whatever the order.
std::string geometry() {
    const dim3 grid(3, 5, 7), block(4, 2, 9);
    for (simt::seed = 0; simt::seed < 6; simt::seed++) {
        simt::first_block = simt::seed / 2;
        std::vector<int> runs(3 * 5 * 7 * 72);
        const bool ok = simt::launch(grid, block, 0, [&] {
            const unsigned b = (blockIdx.z * 5 + blockIdx.y) * 3 + blockIdx.x;
            runs[b * 72 + (threadIdx.z * 2 + threadIdx.y) * 4 + threadIdx.x]++;
            if (gridDim.y != 5 || blockDim.z != 9) runs[0]++;
        });
        require(ok, simt::error());
        for (size_t i = 0; i < runs.size(); i++) {
            const int expected = i / 72 % 3 >= simt::first_block;
            require(runs[i] == expected, "thread " + std::to_string(i) + " ran " + std::to_string(runs[i]) + " times");
        }
    }
    simt::first_block = 3;
    refused(grid, block, 0, "launch from block 3 on, of 3");
    simt::seed = simt::first_block = 0;
    return "105 blocks of 72 threads";
}

std::string exception() {
    require(!simt::launch(2, 64, 0, [] { require(threadIdx.x != 40, "forty"); }), "not found");
    require(simt::error() == "exception: forty, thread 40 of block (0, 0, 0)", simt::error());
    require(simt::launch(2, 64, 0, [] {}), simt::error());
    return "passed on";
}

std::string deadlock() {
    const int line = __LINE__ + 4;
    const bool ok = simt::launch(1, 96, 0, [] {
        if (threadIdx.x < 40) return;
        if (threadIdx.x == 70) {
            sync_warp();
        } else if (threadIdx.x != 71) {
            sync_block();
        }
    });
    require(!ok, "not found");
    const std::string file = std::string(__FILE__) + ":", barrier = "sync_block at " + file + std::to_string(line + 2);
    const std::string expected = "threads 40-69 in " + barrier + ", 70 in sync_warp at " + file + std::to_string(line) +
                                 ", 72-95 in " + barrier;
    require(simt::error().ends_with(expected), simt::error());
    return expected;
}

}  // namespace

int main(int argc, char** argv) {
    check::Cases cases(argc, argv);
    run_defects(cases);
    cases.run("launches", launches);
    cases.run("geometry", geometry);
    cases.run("exception", exception);
    cases.run("deadlock", deadlock);
    return cases.status();
}
