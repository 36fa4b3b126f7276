package io.github.baichuanreward.rows;

/** Says that one row of an input file cannot be used, and where it stands. */
public final class RowException extends Exception {

    private static final long serialVersionUID = 1L;

    private final long line;

    /**
     * An error found by looking at a row.
     *
     * @param line line of the file, from 1
     * @param reason what is wrong with the row, and what to do
     */
    public RowException(long line, String reason) {
        super(reason);
        this.line = line;
    }

    /**
     * An error that another exception reported.
     *
     * @param line line of the file, from 1
     * @param reason what is wrong with the row, and what to do
     * @param cause what was reported
     */
    public RowException(long line, String reason, Throwable cause) {
        super(reason, cause);
        this.line = line;
    }

    /** Line of the file, from 1. */
    public long line() {
        return line;
    }

    /** What is wrong with the row, and what to do. */
    public String reason() {
        return String.valueOf(getMessage());
    }
}
