package io.github.baichuanreward.cli;

/** Says that one row of an input file cannot be used, and where it stands. */
final class RowException extends Exception {

    private static final long serialVersionUID = 1L;

    private final long line;

    /**
     * @param line line of the file, from 1
     * @param reason what is wrong with the row, and what to do
     */
    RowException(long line, String reason) {
        super(reason);
        this.line = line;
    }

    RowException(long line, String reason, Throwable cause) {
        super(reason, cause);
        this.line = line;
    }

    long line() {
        return line;
    }

    String reason() {
        return String.valueOf(getMessage());
    }
}
