#include "bench.h"

#include <dlfcn.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "check.h"

namespace bench {

constexpr double CACHES = 512e6;  // bytes: several times those of any GPU today

double seconds(const std::function<void(int)>& launch) {
    constexpr int SERIES = 9;
    constexpr float LEAST = 10;  // milliseconds that a series takes
    int number = 0;
    const auto time_of = [&](int calls) {
        return machine::milliseconds([&] {
            for (int i = 0; i < calls; i++) launch(number++);
        }) / calls;
    };
    time_of(1);
    int calls = 3;
    for (float once = time_of(calls); calls * once < LEAST; once = time_of(calls)) {
        // A fifth more, as the next series may be faster than this; no call takes less than a microsecond.
        calls = std::max(2 * calls, (int) (1.2f * LEAST / std::max(once, 1e-3f)));
    }
    std::vector<float> times;
    for (int i = 0; i < SERIES; i++) times.push_back(time_of(calls));
    std::nth_element(times.begin(), times.begin() + SERIES / 2, times.end());
    return times[SERIES / 2] / 1000;
}

int turns(double bytes) { return std::max(1, (int) std::ceil(CACHES / bytes)); }

// Fills device memory with a pool over and over, from another place of it each time.
template <class T>
static T* repeated(const std::vector<T>& pool, size_t count) {
    T* all = machine::allocate<T>(count);
    size_t from = 0;
    for (size_t i = 0; i < count;) {
        const size_t part = std::min(pool.size() - from, count - i);
        machine::upload(all + i, &pool[from], part * sizeof(T));
        i += part;
        from = (from + 1000003 * 16) % (pool.size() / 2);
    }
    return all;
}

constexpr size_t POOL = 1 << 23;
static const std::vector<float>& normal_pool() {
    static const std::vector<float> pool = [] {
        check::Random random(1);
        return check::normal(random, POOL, 1.0f);
    }();
    return pool;
}
static std::vector<float> pool_of(float deviation) {
    std::vector<float> values = normal_pool();
    for (float& v : values) v *= deviation;
    return values;
}
template <class E>
E* random_halves(size_t count, float deviation) {
    return repeated(check::halves<E>(pool_of(deviation)), count);
}
template Bf16* random_halves<Bf16>(size_t count, float deviation);
template Fp16* random_halves<Fp16>(size_t count, float deviation);
float* random_floats(size_t count, float deviation) { return repeated(pool_of(deviation), count); }

void row(const std::vector<std::string>& cells) {
    printf("|");
    for (const std::string& cell : cells) printf(" %s |", cell.c_str());
    printf("\n");
    fflush(stdout);
}
void head(const std::vector<std::string>& cells) {
    printf("\n");
    row(cells);
    row(std::vector<std::string>(cells.size(), "---"));
}
std::string text(const char* format, double value) {
    char result[64];
    snprintf(result, sizeof result, format, value);
    return result;
}

void copy(void* target, const void* source, size_t bytes) {
    using Copy = int(unsigned long long target, unsigned long long source, size_t bytes, void* stream);
    static Copy* const driver_copy =
            reinterpret_cast<Copy*>(dlsym(dlopen("libcuda.so.1", RTLD_NOW), "cuMemcpyDtoDAsync_v2"));
    const int error = driver_copy(
            reinterpret_cast<unsigned long long>(target), reinterpret_cast<unsigned long long>(source), bytes, nullptr);
    if (error != 0) throw machine::MachineError("cuMemcpyDtoDAsync: error " + std::to_string(error));
}

}  // namespace bench
