// Other divisions of attention's work, for kernels_bench to time beside the one of the image: name_<row tiles a
// warp>_<warps>_ <keys a step>. Fewer rows a warp need fewer registers, and read keys and values from shared memory
// more often.
#include "alibi_attention.cu"

#define ATTENTION_SHAPE(row_tiles, warps, keys, blocks)                                                   \
    using Attention_##row_tiles##_##warps##_##keys = alibi_attention::Shape<128, row_tiles, warps, keys>; \
    ATTENTION(alibi_attention_d128_bf16_##row_tiles##_##warps##_##keys, Bf16,                             \
            Attention_##row_tiles##_##warps##_##keys, blocks)
ATTENTION_SHAPE(2, 4, 32, 2)
ATTENTION_SHAPE(2, 4, 64, 2)
ATTENTION_SHAPE(2, 8, 64, 1)
ATTENTION_SHAPE(1, 4, 64, 2)
ATTENTION_SHAPE(1, 8, 32, 2)
ATTENTION_SHAPE(1, 8, 64, 1)
ATTENTION_SHAPE(1, 8, 128, 1)
