// The divisions of attention's work that alibi_attention_shapes.cu compiles and kernels_bench times.
#pragma once

//  row tiles of a warp, warps, keys of a step; blocks that a multiprocessor should hold
#define ATTENTION_SHAPES(SHAPE) \
    SHAPE(2, 4, 32, 2)          \
    SHAPE(2, 4, 64, 2)          \
    SHAPE(2, 8, 64, 1)          \
    SHAPE(1, 4, 64, 2)          \
    SHAPE(1, 8, 32, 2)          \
    SHAPE(1, 8, 64, 1)          \
    SHAPE(1, 8, 128, 1)
