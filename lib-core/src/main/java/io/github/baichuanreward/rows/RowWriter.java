package io.github.baichuanreward.rows;

import java.io.BufferedOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.util.List;
import java.util.Map;

/**
 * Writes rows one after another; an array is complete once this writer is closed, whatever came
 * before.
 */
public final class RowWriter implements Closeable {

    private final OutputStream out;
    private final RowEncoder encoder;
    private List<String> columns = List.of();

    /** A writer that owns and closes {@code out}. */
    public RowWriter(OutputStream out, RowFormat format) {
        this(out, new RowEncoder(format));
    }

    /** A writer that goes on where {@code encoder} stands. */
    public RowWriter(OutputStream out, RowEncoder encoder) {
        this.out = new BufferedOutputStream(out, 1 << 16);
        this.encoder = encoder;
    }

    /**
     * Writes one row.
     *
     * @param results JSON values by name, which the row has in the output
     * @throws RowException if the row does not fit into this kind of file; it is not written then
     */
    public void write(Row row, Map<String, String> results) throws IOException, RowException {
        out.write(encoder.row(row, results));
    }

    /** Says which columns a table names that gets no rows. */
    public void setColumns(List<String> columns) {
        this.columns = columns;
    }

    /** Hands on what was written so far. */
    public void flush() throws IOException {
        out.flush();
    }

    @Override
    public void close() throws IOException {
        try (out) {
            out.write(encoder.end(columns));
        }
    }
}
