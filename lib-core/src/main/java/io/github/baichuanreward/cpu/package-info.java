/** The model as arithmetic on the CPU: the specification, and the backend where there is no GPU. */
@NullMarked
package io.github.baichuanreward.cpu;

import org.jspecify.annotations.NullMarked;
