package io.github.baichuanreward.cli;

import io.github.baichuanreward.rows.FileInput;
import io.github.baichuanreward.rows.Row;
import io.github.baichuanreward.rows.RowEncoder;
import io.github.baichuanreward.rows.RowException;
import io.github.baichuanreward.rows.RowFormat;
import io.github.baichuanreward.rows.RowReader;
import java.io.BufferedInputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Finds out how far an interrupted run came, by reading its input again: an output is the beginning
 * of what the run would write, but for rewards, which may be any.
 *
 * <p>So a row counts when all its bytes are there, torn ones do not, and a file that holds anything
 * else is seen to be another run's, whatever kind of file it is.
 */
final class WrittenRows implements Closeable {

    private static final byte[] REWARD_CHARACTERS = {
        '-', '.', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'E'
    };

    /**
     * How far a run came.
     *
     * @param rows complete rows
     * @param bytes where they end in the file
     * @param all whether these are all rows of the input, and the file ends as it should
     */
    record Progress(long rows, long bytes, boolean all) {}

    /** Nothing yet. */
    static final Progress NONE = new Progress(0, 0, false);

    /** How much of one row is there. */
    private enum Match {
        COMPLETE,
        TORN,
        OTHER
    }

    private final InputStream file;
    private final long size;
    private long position;

    private WrittenRows(Path output) throws IOException {
        size = Files.size(output);
        file =
                new BufferedInputStream(
                        new FileInput(Files.newInputStream(output), output.toString()), 1 << 16);
    }

    /**
     * Compares {@code output} with what the rows of {@code input} would become.
     *
     * @return how far it came, or null if the file holds something else
     * @throws RowException if a row of the input cannot be read
     */
    static @Nullable Progress find(Path output, RowReader input, RowFormat format)
            throws IOException, RowException {
        try (WrittenRows written = new WrittenRows(output)) {
            return written.find(input, format);
        }
    }

    private @Nullable Progress find(RowReader input, RowFormat format)
            throws IOException, RowException {
        // Where the two differ is the reward.
        RowEncoder one = new RowEncoder(format);
        RowEncoder two = new RowEncoder(format);
        long rows = 0;
        for (Row row = input.next(); ; row = input.next()) {
            long complete = position;
            byte[] end = one.end(RowScorer.columns(input));
            // A run that came to a bad row has ended its array behind the rows before.
            if (restIsBeginningOf(end)) {
                return new Progress(rows, complete, row == null && size == complete + end.length);
            }
            if (row == null) {
                return null;
            }
            Match match =
                    match(
                            one.row(row, Map.of(RowScorer.REWARD, "1")),
                            two.row(row, Map.of(RowScorer.REWARD, "2")));
            if (match != Match.COMPLETE) {
                return match == Match.TORN ? new Progress(rows, complete, false) : null;
            }
            rows++;
        }
    }

    private boolean restIsBeginningOf(byte[] end) throws IOException {
        long rest = size - position;
        if (rest > end.length) {
            return false;
        }
        file.mark(end.length + 1);
        byte[] bytes = file.readNBytes((int) rest);
        file.reset();
        return Arrays.equals(bytes, Arrays.copyOf(end, bytes.length));
    }

    private Match match(byte[] one, byte[] two) throws IOException {
        int reward = Arrays.mismatch(one, two);
        Match before = match(one, 0, reward);
        if (before != Match.COMPLETE) {
            return before;
        }
        int digits = 0;
        while (Arrays.binarySearch(REWARD_CHARACTERS, (byte) peek()) >= 0) {
            file.skipNBytes(1);
            position++;
            digits++;
        }
        if (position == size) {
            return Match.TORN;
        }
        return digits == 0 ? Match.OTHER : match(one, reward + 1, one.length);
    }

    private int peek() throws IOException {
        file.mark(1);
        int b = file.read();
        file.reset();
        return b;
    }

    private Match match(byte[] wanted, int from, int to) throws IOException {
        byte[] found = file.readNBytes(to - from);
        position += found.length;
        if (!Arrays.equals(found, 0, found.length, wanted, from, from + found.length)) {
            return Match.OTHER;
        }
        return found.length == to - from ? Match.COMPLETE : Match.TORN;
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
