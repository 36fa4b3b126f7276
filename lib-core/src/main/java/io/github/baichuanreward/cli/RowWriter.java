package io.github.baichuanreward.cli;

import java.io.BufferedOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/**
 * Writes rows, one per line; an array is complete once this writer is closed, whatever came before.
 */
final class RowWriter implements Closeable {

    private final OutputStream out;
    private final RowFormat format;
    private boolean empty = true;

    /** A writer that owns and closes {@code out}. */
    RowWriter(OutputStream out, RowFormat format) {
        this.out = new BufferedOutputStream(out, 1 << 16);
        this.format = format;
    }

    /**
     * @param row a JSON object on one line
     */
    void write(String row) throws IOException {
        if (format == RowFormat.JSON_ARRAY) {
            print(empty ? "[\n" : ",\n");
            print(row);
        } else {
            print(row);
            print("\n");
        }
        empty = false;
    }

    void flush() throws IOException {
        out.flush();
    }

    @Override
    public void close() throws IOException {
        try (out) {
            if (format == RowFormat.JSON_ARRAY) {
                print(empty ? "[]\n" : "\n]\n");
            }
        }
    }

    private void print(String text) throws IOException {
        out.write(text.getBytes(StandardCharsets.UTF_8));
    }
}
