package io.github.baichuanreward.cli;

/** Ends a command with exit status 2: the arguments ask for what cannot be. */
final class UsageException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    UsageException(String message) {
        super(message);
    }
}
