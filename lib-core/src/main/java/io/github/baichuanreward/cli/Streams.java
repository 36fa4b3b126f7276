package io.github.baichuanreward.cli;

import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/**
 * Where a command reads and writes: results go to {@code out}, everything else to {@code err}.
 *
 * <p>Both are written as UTF-8, whatever the platform's encoding is.
 *
 * @param outColumns width of the terminal behind {@code out}, or 0 where it is none
 * @param errColumns width of the terminal behind {@code err}, or 0 where it is none
 */
record Streams(InputStream in, OutputStream out, PrintStream err, int outColumns, int errColumns) {

    /** Streams of which none is a terminal. */
    static Streams of(InputStream in, OutputStream out, OutputStream err) {
        return new Streams(in, out, utf8(err), 0, 0);
    }

    /**
     * The process's own streams. Only the launcher knows which of them are terminals, since Java 17
     * cannot ask for one stream alone; it says so in the properties {@code reward.out.columns} and
     * {@code reward.err.columns}.
     */
    static Streams ofProcess() {
        return new Streams(
                System.in,
                new StandardOutput(),
                utf8(System.err),
                Integer.getInteger("reward.out.columns", 0),
                Integer.getInteger("reward.err.columns", 0));
    }

    /** Nobody sees what is printed there. */
    static PrintStream silent() {
        return utf8(OutputStream.nullOutputStream());
    }

    private static PrintStream utf8(OutputStream stream) {
        return new PrintStream(stream, true, StandardCharsets.UTF_8);
    }
}
