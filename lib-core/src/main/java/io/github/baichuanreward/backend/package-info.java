/** What computes a batch, and how one is chosen. */
@NullMarked
package io.github.baichuanreward.backend;

import org.jspecify.annotations.NullMarked;
