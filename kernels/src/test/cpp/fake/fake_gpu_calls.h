// What the test of the fake GPU calls, as libcuda.so.1, libcublas.so.12 and libcudnn.so.9 export it.
#pragma once
#include <cstddef>

using Address = unsigned long long;

extern "C" {
int cuInit(unsigned flags);
int cuDriverGetVersion(int* version);
int cuGetErrorName(int error, const char** name);
int cuDeviceGetCount(int* count);
int cuDeviceGet(int* device, int ordinal);
int cuDeviceGetName(char* name, int bytes, int device);
int cuDeviceGetAttribute(int* value, int attribute, int device);
int cuDeviceTotalMem_v2(size_t* bytes, int device);
int cuDeviceCanAccessPeer(int* can, int device, int peer);
int cuDevicePrimaryCtxRetain(void** context, int device);
int cuDevicePrimaryCtxRelease_v2(int device);
int cuCtxSetCurrent(void* context);
int cuCtxGetCurrent(void** context);
int cuCtxGetDevice(int* device);
int cuCtxPushCurrent_v2(void* context);
int cuCtxPopCurrent_v2(void** context);
int cuCtxSynchronize();
int cuCtxEnablePeerAccess(void* peer, unsigned flags);
int cuCtxSetLimit(int limit, size_t value);
int cuCtxGetLimit(size_t* value, int limit);

int cuMemGetInfo_v2(size_t* free, size_t* total);
int cuMemAlloc_v2(Address* address, size_t bytes);
int cuMemFree_v2(Address address);
int cuMemAllocHost_v2(void** memory, size_t bytes);
int cuMemFreeHost(void* memory);
int cuMemHostRegister_v2(void* memory, size_t bytes, unsigned flags);
int cuMemHostUnregister(void* memory);
int cuMemcpyHtoD_v2(Address target, const void* source, size_t bytes);
int cuMemcpyDtoH_v2(void* target, Address source, size_t bytes);
int cuMemcpyDtoD_v2(Address target, Address source, size_t bytes);
int cuMemcpyHtoDAsync_v2(Address target, const void* source, size_t bytes, void* stream);
int cuMemcpyDtoHAsync_v2(void* target, Address source, size_t bytes, void* stream);
int cuMemcpyDtoDAsync_v2(Address target, Address source, size_t bytes, void* stream);
int cuMemcpyPeerAsync(
        Address target, void* target_context, Address source, void* source_context, size_t bytes, void* stream);
int cuMemcpy2DAsync_v2(const void* how, void* stream);
int cuMemsetD8_v2(Address target, unsigned char value, size_t count);
int cuMemsetD32_v2(Address target, unsigned value, size_t count);
int cuMemsetD8Async(Address target, unsigned char value, size_t count, void* stream);

int cuStreamCreate(void** stream, unsigned flags);
int cuStreamDestroy_v2(void* stream);
int cuStreamSynchronize(void* stream);
int cuStreamQuery(void* stream);
int cuStreamWaitEvent(void* stream, void* event, unsigned flags);
int cuEventCreate(void** event, unsigned flags);
int cuEventDestroy_v2(void* event);
int cuEventRecord(void* event, void* stream);
int cuEventSynchronize(void* event);
int cuEventQuery(void* event);
int cuEventElapsedTime(float* milliseconds, void* start, void* end);

int cuModuleLoadData(void** module, const void* image);
int cuModuleUnload(void* module);
int cuModuleGetFunction(void** function, void* module, const char* name);
int cuFuncSetAttribute(void* function, int attribute, int value);
int cuFuncGetAttribute(int* value, int attribute, void* function);
int cuLaunchKernel(void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
        unsigned block_y, unsigned block_z, unsigned shared_bytes, void* stream, void** parameters, void** extra);

int cublasCreate_v2(void** handle);
int cublasDestroy_v2(void* handle);
int cublasGetVersion_v2(void* handle, int* version);
int cublasSetMathMode(void* handle, int mode);
int cublasSetStream_v2(void* handle, void* stream);
int cublasSetWorkspace_v2(void* handle, void* workspace, size_t bytes);
const char* cublasGetStatusName(int status);
int cublasGemmEx(void* handle, int transpose_a, int transpose_b, int m, int n, int k, const void* alpha, const void* a,
        int a_type, int lda, const void* b, int b_type, int ldb, const void* beta, void* c, int c_type, int ldc,
        int compute, int algorithm);
int cublasGemmStridedBatchedEx(void* handle, int transpose_a, int transpose_b, int m, int n, int k, const void* alpha,
        const void* a, int a_type, int lda, long long a_step, const void* b, int b_type, int ldb, long long b_step,
        const void* beta, void* c, int c_type, int ldc, long long c_step, int count, int compute, int algorithm);
int cublasGemmBatchedEx(void* handle, int transpose_a, int transpose_b, int m, int n, int k, const void* alpha,
        const void* const* a, int a_type, int lda, const void* const* b, int b_type, int ldb, const void* beta,
        void* const* c, int c_type, int ldc, int count, int compute, int algorithm);

size_t cudnnGetVersion();
const char* cudnnGetErrorString(int status);
int cudnnCreate(void** handle);
int cudnnDestroy(void* handle);
int cudnnSetStream(void* handle, void* stream);
int cudnnCreateTensorDescriptor(void** descriptor);
int cudnnDestroyTensorDescriptor(void* descriptor);
int cudnnSetTensor4dDescriptor(void* descriptor, int format, int type, int n, int c, int h, int w);
int cudnnSoftmaxForward(void* handle, int algorithm, int mode, const void* alpha, const void* x_descriptor,
        const void* x, const void* beta, const void* y_descriptor, void* y);
}
