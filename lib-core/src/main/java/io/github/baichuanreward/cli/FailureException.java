package io.github.baichuanreward.cli;

/** Ends a command with exit status 1; the message is all that the user reads. */
sealed class FailureException extends RuntimeException permits BadRowException {

    private static final long serialVersionUID = 1L;

    FailureException(String message) {
        super(message);
    }

    FailureException(String message, Throwable cause) {
        super(message, cause);
    }
}
