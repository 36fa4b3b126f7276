/** The command line: arguments, exit statuses and printing, over the public API. */
@NullMarked
package io.github.baichuanreward.cli;

import org.jspecify.annotations.NullMarked;
