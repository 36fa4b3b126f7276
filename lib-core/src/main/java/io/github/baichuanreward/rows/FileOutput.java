package io.github.baichuanreward.rows;

import java.io.IOException;
import java.io.OutputStream;

/**
 * A file that is written, whose errors name it and say what to do.
 *
 * <p>After the first failure nothing more is written: a buffer that is tried again when it is
 * closed would put the same bytes there twice, and no run could go on behind them.
 */
public final class FileOutput extends OutputStream {

    private final OutputStream file;
    private final String name;
    private final String remedy;
    private boolean failed;

    /**
     * A stream into {@code file}.
     *
     * @param file closed with this stream
     * @param name what errors call it
     * @param remedy what the user can do when writing fails
     */
    public FileOutput(OutputStream file, String name, String remedy) {
        this.file = file;
        this.name = name;
        this.remedy = remedy;
    }

    @Override
    public void write(int b) throws IOException {
        write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
        if (failed) {
            throw new IOException(name + ": not written to, since writing failed before");
        }
        try {
            file.write(bytes, offset, length);
        } catch (IOException e) {
            failed = true;
            throw failure(e);
        }
    }

    @Override
    public void close() throws IOException {
        try {
            file.close();
        } catch (IOException e) {
            throw failure(e);
        }
    }

    private IOException failure(IOException e) {
        return new IOException(name + ": " + e.getMessage() + "\n" + remedy, e);
    }
}
