/**
 * Checkpoint files as tensors: reads headers, zip directories and pickles without trusting them,
 * and maps the data.
 */
@NullMarked
package io.github.baichuanreward.checkpoint;

import org.jspecify.annotations.NullMarked;
