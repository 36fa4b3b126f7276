// What differs between libcublas.so.12 and libcublas.so.13.
#include "fake_cublas.h"

#ifndef CUBLAS_VERSION
#define CUBLAS_VERSION 120600
#endif

namespace fake {

const int cublas_version = CUBLAS_VERSION;

}  // namespace fake
