package io.github.baichuanreward.eval;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A file of comparisons, or what describes it, cannot be used.
 *
 * <p>The message has one or two lines: the file and the line, what is wrong there, and what to do.
 * Trying again does not help: mend the file, name another one, or, where the message says so, let
 * bad rows be skipped.
 */
public class DatasetException extends IllegalArgumentException {

    private static final long serialVersionUID = 1L;

    /** What to do about a row behind which reading can go on. */
    static final String MEND_ROW = "Mend this row, leave it out, or let bad rows be skipped.";

    private final String file;
    private final long line;
    private final String reason;
    private final boolean canBeSkipped;

    DatasetException(Path file, String reason) {
        this(file, 0, reason, "", null);
    }

    DatasetException(
            Path file, long line, String reason, String remedy, @Nullable Throwable cause) {
        this(file.toString(), line, reason, remedy, cause);
    }

    private DatasetException(
            String file, long line, String reason, String remedy, @Nullable Throwable cause) {
        super(place(file, line) + ": " + reason + (remedy.isEmpty() ? "" : "\n" + remedy), cause);
        this.file = file;
        this.line = line;
        this.reason = reason;
        this.canBeSkipped = remedy.equals(MEND_ROW);
    }

    /** A comparison cannot be scored. */
    static DatasetException at(Comparison comparison, String reason, Throwable cause) {
        return new DatasetException(comparison.place(), 0, reason, MEND_ROW, cause);
    }

    /** The file, as it was named; of a comparison that cannot be scored its place. */
    public String file() {
        return file;
    }

    /** Line of the file, from 1, or 0 where the whole file is meant. */
    public long line() {
        return line;
    }

    /** What is wrong, without its place. */
    public String reason() {
        return reason;
    }

    /** Whether it is a row that {@link DatasetOptions#skipBadRows} would pass over. */
    public boolean canBeSkipped() {
        return canBeSkipped;
    }

    static String place(String file, long line) {
        return place(file, line, 1);
    }

    static String place(String file, long line, long rowOnLine) {
        return file
                + (line == 0 ? "" : ", line " + line)
                + (rowOnLine == 1 ? "" : ", row " + rowOnLine);
    }
}
