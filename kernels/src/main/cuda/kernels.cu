// The image: every kernel, compiled as one, so that a device loads one file.
#include "alibi_attention.cu"
#include "dequantize.cu"
#include "embedding.cu"
#include "gather_rows.cu"
#include "gemm.cu"
#include "rms_norm.cu"
#include "swiglu.cu"
#include "value_head.cu"
