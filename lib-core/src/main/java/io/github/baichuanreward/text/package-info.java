/** From text to token ids: the vocabulary, the special ids, the templates, truncation. */
@NullMarked
package io.github.baichuanreward.text;

import org.jspecify.annotations.NullMarked;
