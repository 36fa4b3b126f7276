package io.github.baichuanreward.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Pipe;
import java.nio.channels.WritableByteChannel;
import java.util.Objects;

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
            if (Objects.equals(e.getMessage(), brokenPipe())) {
                throw new ReaderGoneException(e);
            }
            throw new IOException("standard output: " + e.getMessage(), e);
        }
    }

    /**
     * What the system says of a pipe whose reader has gone away. It says so in the language of the
     * locale, and Java passes on nothing else, so a pipe is broken to hear it.
     */
    static String brokenPipe() throws IOException {
        Pipe pipe = Pipe.open();
        pipe.source().close();
        try (WritableByteChannel sink = pipe.sink()) {
            sink.write(ByteBuffer.allocate(1));
        } catch (IOException e) {
            return String.valueOf(e.getMessage());
        }
        throw new AssertionError("a pipe without a reader took a byte");
    }
}
