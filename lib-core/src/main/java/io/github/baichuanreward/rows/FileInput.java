package io.github.baichuanreward.rows;

import java.io.IOException;
import java.io.InputStream;

/** A file that is read, whose errors name it and say what to do. */
public final class FileInput extends InputStream {

    private final InputStream file;
    private final String name;

    /**
     * A stream over the bytes of {@code file}.
     *
     * @param file closed with this stream
     * @param name what errors call it
     */
    public FileInput(InputStream file, String name) {
        this.file = file;
        this.name = name;
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
        try {
            return file.read(bytes, offset, length);
        } catch (IOException e) {
            throw new IOException(
                    name
                            + ": cannot be read: "
                            + e.getMessage()
                            + "\nMake the file readable, and run again.",
                    e);
        }
    }

    /** Bytes that can be had at once; none where nobody knows, as of a pipe with a name. */
    @Override
    public int available() {
        try {
            return file.available();
        } catch (IOException e) {
            return 0;
        }
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
