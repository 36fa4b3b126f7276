package io.github.baichuanreward.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;

/**
 * The process's standard output, which, other than {@link System#out}, does not hide that a write
 * failed: a full disk is an error, and a reader that has gone away ends the command quietly.
 */
final class StandardOutput extends OutputStream {

    /** The reader of standard output has gone away, as {@code head} does when it has enough. */
    static final class ReaderGoneException extends IOException {

        private static final long serialVersionUID = 1L;

        ReaderGoneException(Throwable cause) {
            super("standard output was closed by its reader", cause);
        }
    }

    private final FileOutputStream stream = new FileOutputStream(FileDescriptor.out);

    @Override
    public void write(int b) throws IOException {
        write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
        try {
            stream.write(bytes, offset, length);
        } catch (IOException e) {
            if (String.valueOf(e.getMessage()).contains("Broken pipe")) {
                throw new ReaderGoneException(e);
            }
            throw new IOException("standard output: " + e.getMessage(), e);
        }
    }
}
