/**
 * The forward pass on an NVIDIA GPU: the driver and cuBLAS through JCuda, the kernels of module
 * {@code kernels}.
 *
 * <p>Words of kernels and sizes are those of {@code model} and of {@code kernels.h}. {@code half}
 * is the 16-bit type that a model is computed in, bfloat16 or float16.
 */
@NullMarked
package io.github.baichuanreward.cuda;

import org.jspecify.annotations.NullMarked;
