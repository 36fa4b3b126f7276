// cuDNN's softmax: values, and arguments that are wrong.
#include <cmath>

#include "fake_gpu_case.h"

namespace fake_gpu {

constexpr int BAD_PARAM = 2000, NOT_SUPPORTED = 3000, EXECUTION_FAILED = 5000;
constexpr int NCHW = 0, BFLOAT16 = 9, FLOAT = 0, FAST = 0, ACCURATE = 1, INSTANCE = 0, CHANNEL = 1;
constexpr int ROWS = 5, COLUMNS = 24;

// Arguments that are right, to be made wrong one by one.
template <class E>
struct Arguments {
    const Buffer<E> x, y{ROWS * COLUMNS};
    void *handle = nullptr, *descriptor = nullptr, *other = nullptr;
    void *at_x = reinterpret_cast<void*>(x.address), *at_y = reinterpret_cast<void*>(y.address);
    int algorithm = ACCURATE, mode = INSTANCE;
    float one = 1, zero = 0;
    void* result_descriptor;

    Arguments(const std::vector<E>& values, int type) : x(values) {
        OK(cudnnCreate(&handle));
        OK(cudnnCreateTensorDescriptor(&descriptor));
        OK(cudnnCreateTensorDescriptor(&other));
        OK(cudnnSetTensor4dDescriptor(descriptor, NCHW, type, ROWS, COLUMNS, 1, 1));
        OK(cudnnSetTensor4dDescriptor(other, NCHW, type, ROWS, COLUMNS / 2, 1, 1));
        result_descriptor = descriptor;
    }
    ~Arguments() {
        cudnnDestroyTensorDescriptor(other);
        cudnnDestroyTensorDescriptor(descriptor);
        cudnnDestroy(handle);
    }
    Arguments(const Arguments&) = delete;
    int call() const {
        return cudnnSoftmaxForward(handle, algorithm, mode, &one, descriptor, at_x, &zero, result_descriptor, at_y);
    }
};

// The last half of each row is masked.
static std::vector<float> scores() {
    check::Random random(5);
    std::vector<float> values = check::normal(random, ROWS * COLUMNS, 3);
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        if (i % COLUMNS >= COLUMNS / 2) values[i] = -INFINITY;
    }
    return values;
}

static std::vector<double> expected_of(const std::vector<float>& values) {
    std::vector<double> expected(values.size());
    for (int row = 0; row < ROWS; row++) {
        double sum = 0;
        for (int i = row * COLUMNS; i < (row + 1) * COLUMNS; i++) sum += std::exp((double) values[i]);
        for (int i = row * COLUMNS; i < (row + 1) * COLUMNS; i++) expected[i] = std::exp((double) values[i]) / sum;
    }
    return expected;
}

static void test_values(check::Cases& cases) {
    run(cases, "softmax of float rows with a mask", [] {
        const Device device;
        const Arguments<float> arguments(scores(), FLOAT);
        OK(arguments.call());
        OK(cuCtxSynchronize());
        return check::close(expected_of(scores()), arguments.y.download(), check::FLOAT_TOLERANCE);
    });
    run(cases, "softmax of bf16 rows with a mask", [] {
        const Device device;
        const std::vector<Bf16> halves = check::halves<Bf16>(scores());
        const Arguments<Bf16> arguments(halves, BFLOAT16);
        OK(arguments.call());
        OK(cuCtxSynchronize());
        return check::close(expected_of(check::floats(halves)), check::floats(arguments.y.download()),
                check::Half<Bf16>::tolerance);
    });
    run(cases, "softmax on its handle's stream", [] {
        const Device device;
        const Stream stream;
        const Arguments<float> arguments(scores(), FLOAT);
        OK(cudnnSetStream(arguments.handle, stream.handle));
        OK(arguments.call());
        OK(cuStreamSynchronize(stream.handle));
        check::require(arguments.y.download()[COLUMNS - 1] == 0, "a masked weight is not zero");
        return "";
    });
}

static void wrong(check::Cases& cases, const std::string& name, int expected, const std::string& said,
        const std::function<void(Arguments<float>&)>& spoil) {
    run(cases, "softmax with " + name, {said, "", {}}, [&] {
        const Device device;
        Arguments<float> arguments(scores(), FLOAT);
        spoil(arguments);
        FAILS(expected, arguments.call());
        return "";
    });
}

static void test_arguments(check::Cases& cases) {
    wrong(cases, "another algorithm", NOT_SUPPORTED, "algorithm 0 and mode 0", [](auto& w) { w.algorithm = FAST; });
    wrong(cases, "another mode", NOT_SUPPORTED, "algorithm 1 and mode 1", [](auto& w) { w.mode = CHANNEL; });
    wrong(cases, "another factor", NOT_SUPPORTED, "factors other than 1 and 0", [](auto& w) { w.one = 2; });
    wrong(cases, "a result of another size", BAD_PARAM, "x and y are of other types or sizes",
            [](auto& w) { w.result_descriptor = w.other; });
    wrong(cases, "its result in place", NOT_SUPPORTED, "y overlaps x", [](auto& w) { w.at_y = w.at_x; });
    wrong(cases, "rows beyond their memory", BAD_PARAM, "x: 480 bytes from byte 16 of an allocation of 480 bytes",
            [](auto& w) { w.at_x = static_cast<char*>(w.at_x) + 16; });
    run(cases, "softmax of nothing", {"x: byte 0 of 480 was never written", "", {}}, [] {
        const Device device;
        const Arguments<float> arguments(scores(), FLOAT);
        const Buffer<float> unwritten(ROWS * COLUMNS);
        const float one = 1, zero = 0;
        OK(cudnnSoftmaxForward(arguments.handle, ACCURATE, INSTANCE, &one, arguments.descriptor,
                reinterpret_cast<void*>(unwritten.address), &zero, arguments.descriptor, arguments.at_y));
        FAILS(700, cuCtxSynchronize());
        FAILS(EXECUTION_FAILED, arguments.call());
        return "";
    });
    run(cases, "a cuDNN handle that is left open", {"", "cuDNN handle", {}}, [] {
        const Device device;
        void* handle = nullptr;
        OK(cudnnCreate(&handle));
        return "";
    });
}

void test_softmax(check::Cases& cases) {
    test_values(cases);
    test_arguments(cases);
}

}  // namespace fake_gpu
