#include "check.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

namespace check {

std::vector<float> normal(Random& random, size_t count, float deviation, float mean) {
    std::normal_distribution<float> distribution(mean, deviation);
    std::vector<float> values(count);
    for (float& v : values) v = distribution(random);
    return values;
}

void require(bool holds, const std::string& what) {
    if (!holds) throw Failure(what);
}

template <class... A>
static std::string text(const char* format, A... arguments) {
    char result[256];
    snprintf(result, sizeof result, format, arguments...);
    return result;
}

std::string close(const std::vector<double>& reference, const std::vector<float>& got, double tolerance) {
    require(reference.size() == got.size(), "sizes differ");
    double error = 0, size = 0, largest = 0;
    for (size_t i = 0; i < got.size(); i++) {
        if (!std::isfinite(got[i])) throw Failure(text("element %zu is %g", i, got[i]));
        const double difference = got[i] - reference[i];
        error += difference * difference;
        size += reference[i] * reference[i];
        largest = std::max(largest, std::fabs(difference));
    }
    const double allowed = got.size() < 2048 ? 2 * tolerance : tolerance;
    const double relative = error == 0 ? 0 : std::sqrt(error / size);
    const std::string figures = text("relative error %.2e, %.0f %% of %.0e; largest difference %.1e", relative,
            100 * relative / allowed, allowed, largest);
    require(relative <= allowed, figures);
    return figures;
}

void rounded(const std::vector<double>& reference, double float_error, const std::vector<float>& got,
        const std::function<float(float)>& rounding) {
    require(reference.size() == got.size(), "sizes differ");
    for (size_t i = 0; i < got.size(); i++) {
        // Rounding is monotonic: what lies between two values becomes what lies between their roundings.
        const double v = reference[i];
        const double off = std::fabs(v) * float_error + 2 * std::numeric_limits<float>::denorm_min();
        const float low = rounding((float) (v - off)), high = rounding((float) (v + off));
        const bool right = std::isnan(v)   ? std::isnan(got[i])
                           : std::isinf(v) ? got[i] == v
                                           : low <= got[i] && got[i] <= high;
        if (!right) throw Failure(text("element %zu is %.9g, not %.9g", i, got[i], v));
    }
}

double silu(double x) { return x / (1 + std::exp(-x)); }

double rms_factor(const float* row, int hidden, double eps) {
    double sum = 0;
    for (int c = 0; c < hidden; c++) sum += (double) row[c] * row[c];
    return 1 / std::sqrt(sum / hidden + eps);
}

void same_bits(const void* expected, const void* got, size_t count, size_t element_bytes) {
    const unsigned char *a = static_cast<const unsigned char*>(expected), *b = static_cast<const unsigned char*>(got);
    const size_t first = std::mismatch(a, a + count * element_bytes, b).first - a;
    if (first == count * element_bytes) return;
    const size_t element = first / element_bytes;
    std::string bits[2];
    for (size_t i = element_bytes; i-- > 0;) {
        bits[0] += text("%02x", a[element * element_bytes + i]);
        bits[1] += text("%02x", b[element * element_bytes + i]);
    }
    throw Failure(text("element %zu of %zu has bits %s, not %s", element, count, bits[1].c_str(), bits[0].c_str()));
}

std::string moved(uint64_t bytes) {
    if (machine::is_gpu()) return "a GPU does not tell";
    const uint64_t got = simt::statistics.global_sectors * 32;
    const std::string figures = std::to_string(got) + " of " + std::to_string(bytes) + " bytes";
    require(got == bytes, figures);
    return figures;
}

static unsigned number(const std::string& option, const std::string& text) {
    const bool is_number = !text.empty() && text.size() < 10 && text.find_first_not_of("0123456789") == text.npos;
    require(is_number, option + " wants a number");
    return std::stoul(text);
}

void Cases::read(const std::vector<std::string>& arguments) {
    std::string image;
    bool has_data_seed = false;
    for (size_t i = 0; i < arguments.size(); i++) {
        const std::string option = arguments[i];
        if (option == "--nightly") {
            nightly_ = true;
        } else if (option == "--first") {
            first_only_ = true;
        } else {
            const std::string value = i + 1 < arguments.size() ? arguments[++i] : "";
            if (option == "--gpu") {
                image = value;
            } else if (option == "--seed") {
                simt::seed = number(option, value);
            } else if (option == "--data-seed") {
                data_seed_ = number(option, value);
                has_data_seed = true;
            } else if (option == "--without") {
                without_ = value;
            } else {
                throw Failure("unknown argument " + option);
            }
            require(!value.empty(), option + " wants a value");
        }
    }
    if (!has_data_seed) data_seed_ = simt::seed;
    if (!image.empty()) machine::use_gpu(image);
}

Cases::Cases(int argc, char** argv) {
    try {
        read({argv + 1, argv + argc});
    } catch (const std::exception& e) {
        fprintf(stderr, "%s: %s\n", argv[0], e.what());
        exit(2);
    }
}

void Cases::run(const std::string& name, const std::function<std::string(Random&)>& body) {
    if (!without_.empty() && name.find(without_) != std::string::npos) {
        printf("skipped %s: left out by --without\n", name.c_str());
        return;
    }
    std::string figures, failure;
    try {
        std::vector<unsigned> seed(name.begin(), name.end());
        seed.push_back(data_seed_);
        std::seed_seq sequence(seed.begin(), seed.end());
        Random random(sequence);
        figures = body(random);
    } catch (const std::exception& e) {
        failure = e.what();
    }
    try {
        machine::free_all();
    } catch (const std::exception& e) {
        if (failure.empty()) failure = e.what();
    }
    if (failure.empty()) {
        printf("ok %s: %s\n", name.c_str(), figures.c_str());
    } else {
        failed_++;
        printf("FAILED %s: %s (--seed %u --data-seed %u)\n", name.c_str(), failure.c_str(), simt::seed, data_seed_);
    }
    fflush(stdout);
    if (failed_ && first_only_) exit(1);
}

}  // namespace check
