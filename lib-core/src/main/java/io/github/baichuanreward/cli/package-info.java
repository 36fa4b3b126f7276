/** The command line: arguments, files of rows, exit statuses and printing, over the public API. */
@NullMarked
package io.github.baichuanreward.cli;

import org.jspecify.annotations.NullMarked;
