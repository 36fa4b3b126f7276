// That the emulator finds accesses to wrong memory, and what the host may do with memory.
#include <chrono>

#include "defects.h"
#include "simt_threads.h"

using check::require;

namespace {

// That it throws std::invalid_argument with this text.
void expect_misuse(const std::string& expected, const std::function<void()>& misuse) {
    try {
        misuse();
    } catch (const std::invalid_argument& e) {
        require(e.what() == expected, e.what());
        return;
    }
    throw check::Failure("passes: " + expected);
}

std::string misuse() {
    char* memory = static_cast<char*>(simt::allocate(100));
    char host[200] = {};
    expect_misuse("allocate: no bytes", [] { simt::allocate(0); });
    expect_misuse("upload: 101 bytes that are not inside one allocation", [&] { simt::upload(memory, host, 101); });
    expect_misuse("upload: 1 bytes that are not inside one allocation", [&] { simt::upload(memory - 1, host, 1); });
    expect_misuse("upload: 4 bytes that are not inside one allocation", [&] { simt::upload(host, host, 4); });
    expect_misuse("fill: 2 bytes that are not inside one allocation", [&] { simt::fill(memory + 99, 0, 2); });
    simt::upload(memory + 3, host, 40);
    simt::download(host, memory + 3, 40);
    if (simt::sees_plain_accesses()) {
        expect_misuse("download: byte 0 of 41 was never written", [&] { simt::download(host, memory + 2, 41); });
        expect_misuse("download: byte 40 of 41 was never written", [&] { simt::download(host, memory + 3, 41); });
        expect_misuse("copy: byte 40 of 50 was never written", [&] { simt::copy(memory + 50, memory + 3, 50); });
    }
    expect_misuse("free: not the beginning of an allocation", [&] { simt::free(memory + 16); });
    simt::free(memory);
    expect_misuse("free: not the beginning of an allocation", [&] { simt::free(memory); });
    expect_misuse("upload: 1 bytes that are not inside one allocation", [&] { simt::upload(memory, host, 1); });
    return "12 mistakes";
}

std::string contents() {
    char *first = static_cast<char*>(simt::allocate(1000)), *second = static_cast<char*>(simt::allocate(1000));
    std::vector<char> bytes(1000), got(1000);
    for (int i = 0; i < 1000; i++) bytes[i] = static_cast<char>(i * 7);
    simt::upload(first, bytes.data(), 1000);
    simt::copy(second + 1, first + 1, 998);
    simt::fill(second, 5, 1);
    simt::fill(second + 999, 6, 1);
    simt::download(got.data(), second, 1000);
    bytes[0] = 5;
    bytes[999] = 6;
    require(got == bytes, "other bytes");
    require(reinterpret_cast<uintptr_t>(first) % 512 == 256, "aligned to more than a GPU promises");
    return "1000 bytes";
}

bool writes(float* target) {
    return simt::launch(1, 32, 0, [=] { store_16(target + threadIdx.x * 4, {}); });
}

std::string freed() {
    float* memory = static_cast<float*>(simt::allocate(512));
    require(writes(memory), simt::error());
    simt::free(memory);
    require(!writes(memory), "not found");
    const std::string error = simt::error();
    const std::string expected = "global write of 16 bytes at byte 0 of an allocation of 512 bytes that was freed";
    require(error.starts_with(expected), error);
    // What takes its place later was never written.
    for (int i = 0; i < 3; i++) {
        float* next = static_cast<float*>(simt::allocate(512));
        if (simt::sees_plain_accesses()) {
            const bool reads = simt::launch(1, 1, 0, [=] { load_16(next); });
            require(!reads, "the bytes of the freed allocation are still there");
        }
        require(writes(next) && simt::launch(1, 1, 0, [=] { load_16(next); }), simt::error());
        simt::free(next);
    }
    return error;
}

size_t resident_bytes() {
    FILE* file = fopen("/proc/self/statm", "r");
    size_t all = 0, resident = 0;
    if (file == nullptr || fscanf(file, "%zu %zu", &all, &resident) != 2) throw check::Failure("no /proc/self/statm");
    fclose(file);
    return resident * 4096;
}

// Costs no more than the pages that are touched, and gives them back; goes round the range of addresses several times.
std::string large_allocations() {
    constexpr size_t BYTES = (size_t) 5 << 30;
    try {
        simt::free(simt::allocate(6 * BYTES));
    } catch (const std::bad_alloc&) {
        return "left out: this system does not give that many addresses";
    }
    const auto start = std::chrono::steady_clock::now();
    const size_t before = resident_bytes();
    size_t most = 0;
    for (int i = 0; i < 40; i++) {
        char* memory = static_cast<char*>(simt::allocate(BYTES));
        for (size_t row = 0; row < 8; row++) {
            float* target = reinterpret_cast<float*>(memory + row * (BYTES / 8));
            require(writes(target), simt::error());
            float got[4];
            simt::download(got, target, sizeof got);
        }
        most = std::max(most, resident_bytes());
        simt::free(memory);
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const ptrdiff_t kept = resident_bytes() - before;
    char text[96];
    snprintf(text, sizeof text, "40 of 5 GiB: %.1f ms each, at most %zu KiB, %td KiB kept", seconds * 25,
            (most - before) >> 10, kept >> 10);
    require(kept < (1 << 20) && most - before < (4 << 20), text);
    return text;
}

std::string no_room() {
    int count = 0;
    try {
        for (;; count++) simt::allocate((size_t) 1 << 30);
    } catch (const std::bad_alloc&) {
    }
    simt::free_all();
    simt::allocate((size_t) count << 29);
    return std::to_string(count) + " GiB, and then an exception";
}

// Time goes round while shared and global memory hold records of launches long ago.
std::string time_goes_round() {
    float* memory = static_cast<float*>(simt::allocate(2048));
    const auto run = [&] {
        return simt::launch(2, 64, 256, [=] {
            const SharedAddress slot = shared_base() + threadIdx.x * 4;
            store_shared_float(slot, 1.0f);
            sync_block();
            load_shared_float(shared_base() + (threadIdx.x ^ 32) * 4);
            store_16(memory + blockIdx.x * 256 + threadIdx.x * 4, {});
            sync_block();
            load_16(memory + blockIdx.x * 256 + (threadIdx.x ^ 32) * 4);
        });
    };
    simt::now.time = UINT32_MAX / 2 - 30;
    for (int i = 0; i < 10; i++) require(run(), simt::error());
    require(simt::now.time < 100, "time has not gone round");
    return "10 launches";
}

}  // namespace

int main(int argc, char** argv) {
    check::Cases cases(argc, argv);
    run_defects(cases);
    cases.run("misuse", misuse);
    cases.run("contents", contents);
    cases.run("freed", freed);
    cases.run("large_allocations", large_allocations);
    cases.run("no_room", no_room);
    cases.run("time_goes_round", time_goes_round);
    return cases.status();
}
