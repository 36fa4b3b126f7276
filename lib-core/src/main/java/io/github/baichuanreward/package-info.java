/** The public face: load a reward model, score answers with it. */
@NullMarked
package io.github.baichuanreward;

import org.jspecify.annotations.NullMarked;
