// libcudnn.so.9 of the fake GPU: the softmax of rows that lie behind each other, and what it needs.
#include <cmath>
#include <cstdint>

#include "device.cuh"
#include "fake_cuda_memory.h"
#include "fake_cuda_streams.h"

namespace fake {
namespace {

constexpr size_t VERSION = 90500;  // 9.5.0

// cudnnStatus_t of cuDNN 9
enum Status : int {
    DNN_SUCCESS = 0,
    DNN_NOT_INITIALIZED = 1001,
    DNN_BAD_PARAM = 2000,
    DNN_NOT_SUPPORTED = 3000,
    DNN_EXECUTION_FAILED = 5000,
};

enum DataType : int { DATA_FLOAT = 0, DATA_HALF = 2, DATA_BFLOAT16 = 9 };

constexpr int NCHW = 0;                         // cudnnTensorFormat_t
constexpr int ACCURATE = 1, MODE_INSTANCE = 0;  // cudnnSoftmaxAlgorithm_t, cudnnSoftmaxMode_t

struct DnnHandle : Object {
    uintptr_t context = 0;
    const void* stream = nullptr;
};
Table<DnnHandle>& handles = *new Table<DnnHandle>("cuDNN handle");

// Packed, of n rows of c * h * w.
struct Tensor : Object {
    int type = -1, n = 0, c = 0, h = 0, w = 0;

    int64_t columns() const { return (int64_t) c * h * w; }
    size_t element_bytes() const { return type == DATA_FLOAT ? 4 : 2; }
    size_t bytes() const { return n * columns() * element_bytes(); }
    bool is_same(const Tensor& other) const {
        return type == other.type && n == other.n && c == other.c && h == other.h && w == other.w;
    }
};
Table<Tensor>& tensors = *new Table<Tensor>("cuDNN tensor descriptor");

const bool has_inventory = [] {
    add_inventory([](const auto& line) {
        for (const auto& [number, handle] : handles.all()) {
            line("cuDNN handle, created by call " + std::to_string(handle->made_by));
        }
        for (const auto& [number, tensor] : tensors.all()) {
            line("cuDNN tensor descriptor, created by call " + std::to_string(tensor->made_by));
        }
    });
    return true;
}();

int status_of(int error) {
    switch (error) {
        case INVALID_VALUE:
        case INVALID_HANDLE:
            return DNN_BAD_PARAM;
        case NOT_INITIALIZED:
            return DNN_NOT_INITIALIZED;
        case NOT_SUPPORTED:
            return DNN_NOT_SUPPORTED;
        default:
            return DNN_EXECUTION_FAILED;
    }
}

int dnn_call(Call how, const std::function<void()>& body) {
    how.when_broken = how.when_made_to_fail = DNN_EXECUTION_FAILED;
    how.without_context = DNN_NOT_INITIALIZED;
    return call(how, [&] {
        try {
            body();
        } catch (const Refusal& refusal) {
            throw Refusal{status_of(refusal.error), refusal.sentence};
        }
    });
}

DnnHandle& handle_of(const void* handle) {
    DnnHandle& found = handles.get(handle);
    if (found.context != current().handle) refuse(INVALID_VALUE, "the handle is not of the current context");
    return found;
}

float number_at(const void* values, int type, int64_t i) {
    if (type == DATA_FLOAT) return static_cast<const float*>(values)[i];
    const uint16_t bits = static_cast<const uint16_t*>(values)[i];
    return type == DATA_BFLOAT16 ? float_of_bf16(bits) : float_of_fp16(bits);
}

void set_number(void* values, int type, int64_t i, float value) {
    if (type == DATA_FLOAT) {
        static_cast<float*>(values)[i] = value;
    } else {
        static_cast<uint16_t*>(values)[i] = type == DATA_BFLOAT16 ? bf16_of_float(value) : fp16_of_float(value);
    }
}

void softmax_row(void* y, const void* x, int type, int64_t begin, int64_t columns) {
    float most = -INFINITY;
    for (int64_t i = begin; i < begin + columns; i++) most = std::fmax(most, number_at(x, type, i));
    float sum = 0;
    for (int64_t i = begin; i < begin + columns; i++) sum += std::exp(number_at(x, type, i) - most);
    for (int64_t i = begin; i < begin + columns; i++) {
        set_number(y, type, i, std::exp(number_at(x, type, i) - most) / sum);
    }
}

void softmax(const DnnHandle& handle, Address y, Address x, const Tensor& shape) {
    Stream& stream = stream_of(handle.stream);
    Context* const context = stream.context;
    const size_t bytes = shape.bytes();
    if (bytes == 0) refuse(INVALID_VALUE, "a tensor without elements, or whose descriptor was never set");
    require_inside(*context, x, bytes, "x");
    require_inside(*context, y, bytes, "y");
    if (y < x + bytes && x < y + bytes) refuse(NOT_SUPPORTED, "y overlaps x, which is not documented");
    enqueue(stream, "cudnnSoftmaxForward", [=, type = shape.type, rows = shape.n, columns = shape.columns()] {
        require_inside(*context, x, bytes, "x");
        require_inside(*context, y, bytes, "y");
        require_written(x, bytes, "x");
        for (int64_t row = 0; row < rows; row++) {
            softmax_row(reinterpret_cast<void*>(y), reinterpret_cast<const void*>(x), type, row * columns, columns);
        }
        set_written(y, bytes, true);
    });
}

}  // namespace
}  // namespace fake

using namespace fake;

extern "C" [[gnu::visibility("default")]] size_t cudnnGetVersion() { return VERSION; }

extern "C" [[gnu::visibility("default")]] const char* cudnnGetErrorString(int status) {
    switch (status) {
        case DNN_SUCCESS:
            return "CUDNN_STATUS_SUCCESS";
        case DNN_NOT_INITIALIZED:
            return "CUDNN_STATUS_NOT_INITIALIZED";
        case DNN_BAD_PARAM:
            return "CUDNN_STATUS_BAD_PARAM";
        case DNN_NOT_SUPPORTED:
            return "CUDNN_STATUS_NOT_SUPPORTED";
        case DNN_EXECUTION_FAILED:
            return "CUDNN_STATUS_EXECUTION_FAILED";
        default:
            return "unknown";
    }
}

API cudnnCreate(void** handle) {
    return dnn_call({.name = "cudnnCreate"}, [&] {
        if (handle == nullptr) refuse(INVALID_VALUE, "a null pointer for the result");
        DnnHandle* const made = handles.add(std::make_shared<DnnHandle>());
        made->context = current().handle;
        *handle = made->pointer();
    });
}

API cudnnDestroy(void* handle) {
    return dnn_call({.name = "cudnnDestroy", .acts_anyway = true}, [&] {
        const DnnHandle& ended = handle_of(handle);
        finish_all(current());
        handles.remove(ended);
    });
}

API cudnnSetStream(void* handle, void* stream) {
    return dnn_call({.name = "cudnnSetStream"}, [&] {
        DnnHandle& set = handle_of(handle);
        if (stream_of(stream).context != &current()) refuse(INVALID_VALUE, "the stream is of another device");
        set.stream = stream;
    });
}

API cudnnCreateTensorDescriptor(void** descriptor) {
    return dnn_call({.name = "cudnnCreateTensorDescriptor", .needs = Needs::NOTHING}, [&] {
        if (descriptor == nullptr) refuse(INVALID_VALUE, "a null pointer for the result");
        *descriptor = tensors.add(std::make_shared<Tensor>())->pointer();
    });
}

API cudnnDestroyTensorDescriptor(void* descriptor) {
    return dnn_call({.name = "cudnnDestroyTensorDescriptor", .needs = Needs::NOTHING, .acts_anyway = true},
            [&] { tensors.remove(tensors.get(descriptor)); });
}

API cudnnSetTensor4dDescriptor(void* descriptor, int format, int type, int n, int c, int h, int w) {
    return dnn_call({.name = "cudnnSetTensor4dDescriptor", .needs = Needs::NOTHING}, [&] {
        Tensor& set = tensors.get(descriptor);
        if (format != NCHW) refuse(NOT_SUPPORTED, "tensor format %d; only NCHW, 0, is modelled", format);
        if (type != DATA_FLOAT && type != DATA_HALF && type != DATA_BFLOAT16) {
            refuse(NOT_SUPPORTED, "data type %d is not modelled", type);
        }
        if (n <= 0 || c <= 0 || h <= 0 || w <= 0) refuse(INVALID_VALUE, "a tensor of %d x %d x %d x %d", n, c, h, w);
        set.type = type, set.n = n, set.c = c, set.h = h, set.w = w;
    });
}

API cudnnSoftmaxForward(void* handle, int algorithm, int mode, const void* alpha, const void* x_descriptor,
        const void* x, const void* beta, const void* y_descriptor, void* y) {
    return dnn_call({.name = "cudnnSoftmaxForward"}, [&] {
        const Tensor& shape = tensors.get(x_descriptor);
        if (!shape.is_same(tensors.get(y_descriptor))) refuse(INVALID_VALUE, "x and y are of other types or sizes");
        if (algorithm != ACCURATE || mode != MODE_INSTANCE) {
            refuse(NOT_SUPPORTED, "algorithm %d and mode %d; only accurate, 1, and instance, 0, are modelled",
                    algorithm, mode);
        }
        if (alpha == nullptr || beta == nullptr) refuse(INVALID_VALUE, "a factor is null");
        if (*static_cast<const float*>(alpha) != 1 || *static_cast<const float*>(beta) != 0) {
            refuse(NOT_SUPPORTED, "factors other than 1 and 0 are not modelled");
        }
        softmax(handle_of(handle), reinterpret_cast<Address>(y), reinterpret_cast<Address>(x), shape);
    });
}
