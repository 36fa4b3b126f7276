// Functions that a program may well call, and that are not modelled. Were they missing, the process would end at once.
#include "fake_cuda.h"

using namespace fake;

#define UNSUPPORTED(function)                                                                        \
    API function() {                                                                                 \
        return call({.name = #function, .needs = Needs::NOTHING},                                    \
                [] { refuse(NOT_SUPPORTED, "is not among the functions that are modelled here"); }); \
    }

UNSUPPORTED(cuCtxCreate_v2)
UNSUPPORTED(cuCtxDestroy_v2)
UNSUPPORTED(cuDevicePrimaryCtxReset_v2)
UNSUPPORTED(cuGraphCreate)
UNSUPPORTED(cuGraphDestroy)
UNSUPPORTED(cuGraphExecDestroy)
UNSUPPORTED(cuGraphInstantiateWithFlags)
UNSUPPORTED(cuGraphLaunch)
UNSUPPORTED(cuGraphUpload)
UNSUPPORTED(cuLaunchCooperativeKernel)
UNSUPPORTED(cuLaunchHostFunc)
UNSUPPORTED(cuLinkAddData_v2)
UNSUPPORTED(cuLinkComplete)
UNSUPPORTED(cuLinkCreate_v2)
UNSUPPORTED(cuLinkDestroy)
UNSUPPORTED(cuMemAdvise)
UNSUPPORTED(cuMemAllocAsync)
UNSUPPORTED(cuMemAllocManaged)
UNSUPPORTED(cuMemAllocPitch_v2)
UNSUPPORTED(cuMemFreeAsync)
UNSUPPORTED(cuMemHostGetDevicePointer_v2)
UNSUPPORTED(cuMemHostGetFlags)
UNSUPPORTED(cuMemPrefetchAsync)
UNSUPPORTED(cuModuleGetGlobal_v2)
UNSUPPORTED(cuModuleLoad)
UNSUPPORTED(cuModuleLoadFatBinary)
UNSUPPORTED(cuOccupancyMaxPotentialBlockSize)
UNSUPPORTED(cuPointerGetAttribute)
UNSUPPORTED(cuPointerGetAttributes)
UNSUPPORTED(cuStreamAddCallback)
UNSUPPORTED(cuStreamBeginCapture_v2)
UNSUPPORTED(cuStreamEndCapture)
UNSUPPORTED(cuStreamIsCapturing)
UNSUPPORTED(cuStreamWaitValue32_v2)
UNSUPPORTED(cuStreamWriteValue32_v2)
