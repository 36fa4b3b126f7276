/**
 * Builds and runs the kernels' C++ tests, and looks at their images.
 *
 * <p>What a machine has no tools for is skipped with the reason: the programs need GNU make and g++
 * on Linux, the cubins nvcc. With the system property {@code kernels.required} set to {@code true}
 * a missing tool fails instead, and set to {@code compiler} any but nvcc.
 */
@NullMarked
package io.github.baichuanreward.kernels;

import org.jspecify.annotations.NullMarked;
