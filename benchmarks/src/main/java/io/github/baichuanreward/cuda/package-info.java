/**
 * How fast the parts of the CUDA backend are that nobody outside can call; the package has the
 * backend's name for the same reason as that of the CPU's parts.
 */
@NullMarked
package io.github.baichuanreward.cuda;

import org.jspecify.annotations.NullMarked;
