/**
 * Rows of files, one by one: JSON lines, JSON arrays and tables, read and written.
 *
 * <p>Internal: what is public here is so for the command line and for evaluations, not for
 * applications, and changes without notice.
 */
@NullMarked
package io.github.baichuanreward.rows;

import org.jspecify.annotations.NullMarked;
