package io.github.baichuanreward.rows;

import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads rows one by one, holding one at a time.
 *
 * <p>Works on bytes and decodes row by row, so that a bad byte far ahead does not keep the rows
 * before it from being scored. A UTF-8 byte order mark at the beginning is skipped.
 */
public abstract sealed class RowReader implements Closeable
        permits JsonLinesReader, JsonArrayReader, DelimitedReader {

    /** What {@link #read} and {@link #peek} give at the end of the file. */
    static final int END = -1;

    private static final int[] BYTE_ORDER_MARK = {0xEF, 0xBB, 0xBF};

    private final InputStream in;
    private final byte[] buffer = new byte[1 << 16];
    private int position;
    private int limit;
    private boolean begun;
    private boolean lost;
    private long line = 1;

    private byte[] row = new byte[1 << 12];
    private int rowLength;

    RowReader(InputStream in) {
        this.in = in;
    }

    /**
     * A reader that owns and closes {@code in}.
     *
     * @throws IllegalStateException if the library that reads such files is missing; names it
     */
    public static RowReader of(InputStream in, RowFormat format) {
        format.requireLibrary();
        return switch (format) {
            case JSON_LINES -> new JsonLinesReader(in);
            case JSON_ARRAY -> new JsonArrayReader(in);
            case CSV, TSV -> new DelimitedReader(in, format.separator());
        };
    }

    /**
     * The next row, or null after the last.
     *
     * @throws RowException if the file goes on, but not with a row; {@link #goesOn} says whether
     *     the rows behind it can be read
     */
    public @Nullable Row next() throws IOException, RowException {
        long firstLine = nextTextOrLost();
        return firstLine == 0 ? null : parse(decoded(firstLine), firstLine);
    }

    /** False once a row was bad in a way that nobody can tell where the next one begins. */
    public final boolean goesOn() {
        return !lost;
    }

    private long nextTextOrLost() throws IOException, RowException {
        try {
            return nextText();
        } catch (RowException e) {
            lost = true;
            throw e;
        }
    }

    /** The row that {@code text} is. */
    Row parse(String text, long firstLine) throws RowException {
        return JsonRow.parse(text, firstLine);
    }

    /**
     * Passes over the next row without looking into it.
     *
     * @return false after the last
     */
    public final boolean skip() throws IOException, RowException {
        return nextTextOrLost() != 0;
    }

    /** The columns of a table, once something of it has been read; of other files none. */
    public List<String> columns() {
        return List.of();
    }

    /**
     * Reads to the end and counts the rows, without looking into them.
     *
     * @return rows up to the end, or up to the first place where rows cannot be told apart
     */
    public final long count() throws IOException {
        long rows = 0;
        try {
            while (skip()) {
                rows++;
            }
        } catch (RowException e) {
            // It is reported when the row is read; a count has nothing to add.
            return rows;
        }
        return rows;
    }

    /**
     * Moves to the next row and collects its bytes with {@link #keep}.
     *
     * @return line on which it begins, or 0 after the last
     */
    abstract long nextText() throws IOException, RowException;

    /**
     * True if reading on could mean waiting for whoever writes the input. Passes over line ends, so
     * that blank lines after a row do not look like the beginning of the next.
     */
    public final boolean isWaiting() throws IOException {
        while (position < limit || in.available() > 0) {
            int next = peek();
            if (next != '\n' && next != '\r') {
                return false;
            }
            read();
        }
        return true;
    }

    /** The line of the byte that {@link #read} gives next. */
    final long line() {
        return line;
    }

    final int peek() throws IOException {
        if (position == limit) {
            fill();
        }
        return limit == 0 ? END : buffer[position] & 0xFF;
    }

    final int read() throws IOException {
        int b = peek();
        if (b != END) {
            position++;
        }
        if (b == '\n') {
            line++;
        }
        return b;
    }

    private void fill() throws IOException {
        position = 0;
        limit = Math.max(0, in.read(buffer));
        if (!begun) {
            begun = true;
            skipByteOrderMark();
        }
    }

    private void skipByteOrderMark() throws IOException {
        while (limit > 0 && limit < BYTE_ORDER_MARK.length && (buffer[0] & 0xFF) == 0xEF) {
            int more = in.read(buffer, limit, buffer.length - limit);
            if (more < 0) {
                return;
            }
            limit += more;
        }
        for (int i = 0; i < BYTE_ORDER_MARK.length; i++) {
            if (i >= limit || (buffer[i] & 0xFF) != BYTE_ORDER_MARK[i]) {
                return;
            }
        }
        position = BYTE_ORDER_MARK.length;
        if (position == limit) {
            fill();
        }
    }

    /** Forgets the bytes of the row before. */
    final void startRow() {
        rowLength = 0;
    }

    final void keep(int b) {
        if (rowLength == row.length) {
            row = Arrays.copyOf(row, Math.multiplyExact(rowLength, 2));
        }
        row[rowLength++] = (byte) b;
    }

    /** True if the row holds nothing but white space. */
    final boolean isBlank() {
        for (int i = 0; i < rowLength; i++) {
            if (!isSpace(row[i])) {
                return false;
            }
        }
        return true;
    }

    static boolean isSpace(int b) {
        return b == ' ' || b == '\t' || b == '\r' || b == '\n';
    }

    /** The bytes of the row as text. */
    final String decoded(long firstLine) throws RowException {
        CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
        ByteBuffer bytes = ByteBuffer.wrap(row, 0, rowLength);
        CharBuffer text = CharBuffer.allocate(rowLength);
        CoderResult result = decoder.decode(bytes, text, true);
        if (result.isError()) {
            throw new RowException(
                    firstLine,
                    "byte %d of the row, 0x%02x, is not UTF-8; save the file as UTF-8"
                            .formatted(bytes.position() + 1, row[bytes.position()] & 0xFF));
        }
        return text.flip().toString();
    }

    @Override
    public void close() throws IOException {
        in.close();
    }
}
