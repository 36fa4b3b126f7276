/** Sequences of different lengths in one batch, without padding. */
@NullMarked
package io.github.baichuanreward.batch;

import org.jspecify.annotations.NullMarked;
