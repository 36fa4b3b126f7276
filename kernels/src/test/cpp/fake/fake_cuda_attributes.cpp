// What a device is like, and the names of errors.
#include "fake_cuda_devices.h"

namespace fake {

// Of a block that asks for more than 48 KiB.
int max_shared_bytes() {
    switch (settings().compute) {
        case 80:
        case 87:
            return 163 << 10;
        case 86:
        case 89:
        case 120:
        case 121:
            return 99 << 10;
        default:
            return settings().compute < 80 ? 64 << 10 : 227 << 10;
    }
}

static int attribute_of(int attribute, int device) {
    switch (attribute) {
        case 1:
            return 1024;  // MAX_THREADS_PER_BLOCK
        case 2:           // MAX_BLOCK_DIM_X
        case 3:
            return 1024;  // MAX_BLOCK_DIM_Y
        case 4:
            return 64;  // MAX_BLOCK_DIM_Z
        case 5:
            return INT32_MAX;  // MAX_GRID_DIM_X
        case 6:                // MAX_GRID_DIM_Y
        case 7:
            return UINT16_MAX;  // MAX_GRID_DIM_Z
        case 8:
            return 48 << 10;  // MAX_SHARED_MEMORY_PER_BLOCK
        case 10:
            return 32;  // WARP_SIZE
        case 12:        // MAX_REGISTERS_PER_BLOCK
        case 82:
            return 64 << 10;  // MAX_REGISTERS_PER_MULTIPROCESSOR
        case 13:
            return 1980000;  // CLOCK_RATE in kHz
        case 15:             // GPU_OVERLAP
        case 19:             // CAN_MAP_HOST_MEMORY
        case 31:             // CONCURRENT_KERNELS
        case 41:             // UNIFIED_ADDRESSING
        case 78:             // STREAM_PRIORITIES_SUPPORTED
        case 95:
            return 1;  // COOPERATIVE_LAUNCH
        case 17:       // KERNEL_EXEC_TIMEOUT
        case 18:       // INTEGRATED
        case 20:       // COMPUTE_MODE: default
        case 32:       // ECC_ENABLED
        case 34:       // PCI_DEVICE_ID
        case 50:
            return 0;  // PCI_DOMAIN_ID
        case 16:
            return 132;  // MULTIPROCESSOR_COUNT
        case 33:
            return device + 1;  // PCI_BUS_ID
        case 36:
            return 2619000;  // MEMORY_CLOCK_RATE in kHz
        case 37:
            return 5120;  // GLOBAL_MEMORY_BUS_WIDTH
        case 38:
            return 50 << 20;  // L2_CACHE_SIZE
        case 39:
            return 2048;  // MAX_THREADS_PER_MULTIPROCESSOR
        case 40:
            return 3;  // ASYNC_ENGINE_COUNT
        case 75:
            return settings().compute / 10;  // COMPUTE_CAPABILITY_MAJOR
        case 76:
            return settings().compute % 10;  // COMPUTE_CAPABILITY_MINOR
        case 81:
            return max_shared_bytes() + 1024;  // MAX_SHARED_MEMORY_PER_MULTIPROCESSOR
        case 97:
            return max_shared_bytes();  // MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
        case 111:
            return 1 << 10;  // RESERVED_SHARED_MEMORY_PER_BLOCK
        default:
            refuse(INVALID_VALUE, "attribute %d is not modelled", attribute);
    }
}

struct ErrorText {
    int error;
    const char *name, *text;
};
constexpr ErrorText ERROR_TEXTS[] = {
        {SUCCESS, "CUDA_SUCCESS", "no error"},
        {INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
        {OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
        {NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
        {NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
        {INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
        {INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
        {INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
        {NO_BINARY_FOR_GPU, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for execution on the device"},
        {PEER_ACCESS_UNSUPPORTED, "CUDA_ERROR_PEER_ACCESS_UNSUPPORTED", "peer access is not supported"},
        {INVALID_PTX, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
        {UNSUPPORTED_PTX_VERSION, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
                "the provided PTX was compiled with an unsupported toolchain."},
        {INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
        {NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
        {NOT_READY, "CUDA_ERROR_NOT_READY", "device not ready"},
        {ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
        {PEER_ACCESS_ALREADY_ENABLED, "CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED", "peer access is already enabled"},
        {PEER_ACCESS_NOT_ENABLED, "CUDA_ERROR_PEER_ACCESS_NOT_ENABLED", "peer access has not been enabled"},
        {CONTEXT_IS_DESTROYED, "CUDA_ERROR_CONTEXT_IS_DESTROYED", "context is destroyed"},
        {HOST_MEMORY_ALREADY_REGISTERED, "CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED",
                "part or all of the requested memory range is already mapped"},
        {HOST_MEMORY_NOT_REGISTERED, "CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED",
                "pointer does not correspond to a registered memory region"},
        {NOT_SUPPORTED, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
        {UNKNOWN, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

static const ErrorText* text_of(int error) {
    for (const ErrorText& known : ERROR_TEXTS) {
        if (known.error == error) return &known;
    }
    return nullptr;
}

}  // namespace fake

using namespace fake;

API cuDeviceGetAttribute(int* value, int attribute, int device) {
    return call({.name = "cuDeviceGetAttribute", .needs = Needs::DRIVER}, [&] {
        if (device < 0 || device >= settings().devices) refuse(INVALID_DEVICE, "there is no device %d", device);
        give(value, attribute_of(attribute, device));
    });
}

API cuDeviceComputeCapability(int* major, int* minor, int device) {
    return call({.name = "cuDeviceComputeCapability", .needs = Needs::DRIVER}, [&] {
        if (device < 0 || device >= settings().devices) refuse(INVALID_DEVICE, "there is no device %d", device);
        give(major, settings().compute / 10);
        give(minor, settings().compute % 10);
    });
}

API cuGetErrorName(int error, const char** name) {
    const ErrorText* const known = text_of(error);
    *name = known == nullptr ? nullptr : known->name;
    return known == nullptr ? INVALID_VALUE : SUCCESS;
}

API cuGetErrorString(int error, const char** text) {
    const ErrorText* const known = text_of(error);
    *text = known == nullptr ? nullptr : known->text;
    return known == nullptr ? INVALID_VALUE : SUCCESS;
}
