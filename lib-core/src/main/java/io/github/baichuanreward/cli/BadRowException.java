package io.github.baichuanreward.cli;

import io.github.baichuanreward.rows.RowException;

/** Ends a command because of a row of the input; the rows before it were written. */
final class BadRowException extends FailureException {

    private static final long serialVersionUID = 1L;

    BadRowException(String message, RowException cause) {
        super(message, cause);
    }
}
