// Other divisions of attention's work, for kernels_bench to time beside the one of the image. Fewer rows a warp need
// fewer registers, and read keys and values from shared memory more often. Kernels are called
// alibi_attention_d128_bf16_ROWTILES_WARPS_KEYS.
#include "../cpp/alibi_attention_shapes.h"

#include "alibi_attention.cu"

#define ATTENTION_SHAPE(row_tiles, warps, keys, blocks)                                                   \
    using Attention_##row_tiles##_##warps##_##keys = alibi_attention::Shape<128, row_tiles, warps, keys>; \
    ATTENTION(alibi_attention_d128_bf16_##row_tiles##_##warps##_##keys, Bf16,                             \
            Attention_##row_tiles##_##warps##_##keys, blocks)
ATTENTION_SHAPES(ATTENTION_SHAPE)
