/**
 * How fast the parts of the CPU backend are that nobody outside can call.
 *
 * <p>The package has the backend's name, so that its products and its attention can be measured
 * without being made public for it: on a class path, two places may hold classes of one package.
 */
@NullMarked
package io.github.baichuanreward.cpu;

import org.jspecify.annotations.NullMarked;
