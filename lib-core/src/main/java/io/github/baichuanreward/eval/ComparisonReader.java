package io.github.baichuanreward.eval;

import io.github.baichuanreward.rows.FileInput;
import io.github.baichuanreward.rows.Row;
import io.github.baichuanreward.rows.RowException;
import io.github.baichuanreward.rows.RowFormat;
import io.github.baichuanreward.rows.RowReader;
import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.jspecify.annotations.Nullable;

/**
 * Gives the comparisons of a {@link ComparisonDataset} one by one, in the order of its files and
 * their rows, holding one at a time.
 *
 * <p>{@link #hasNext} and {@link #next} read, and so throw:
 *
 * <ul>
 *   <li>{@link DatasetException} at the first bad row: mend it, leave it out, or let bad rows be
 *       skipped ({@link DatasetOptions#skipBadRows}). And, whatever the options, where a file goes
 *       on in such a way that its rows cannot be told apart, as where an array is never closed:
 *       mend the file.
 *   <li>{@link UncheckedIOException} if a file cannot be read; its cause says why.
 *   <li>{@link IllegalStateException} after {@link #close}.
 * </ul>
 *
 * <p>After an exception there are no more comparisons. For one thread at a time.
 */
public final class ComparisonReader implements Iterator<Comparison>, Closeable {

    /** The rest are counted. */
    private static final int MOST_PROBLEMS = 10;

    private record OpenPart(ComparisonDataset.Part part, RowReader rows) {}

    private final Iterator<ComparisonDataset.Part> parts;
    private final DatasetOptions options;

    private @Nullable OpenPart open;
    private @Nullable Comparison next;
    private boolean ended;
    private boolean closed;

    private long lastLine;
    private long rowsOnLine;
    private long found;
    private long skipped;
    private final List<DatasetException> problems = new ArrayList<>();

    ComparisonReader(List<ComparisonDataset.Part> parts, DatasetOptions options) {
        this.parts = parts.iterator();
        this.options = options;
    }

    /** Whether there is another comparison. */
    @Override
    public boolean hasNext() {
        if (closed) {
            throw new IllegalStateException("this reader of comparisons is closed");
        }
        if (next == null && !ended) {
            // Unless it is found, and whatever is thrown.
            ended = true;
            try {
                next = find();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            ended = next == null;
        }
        return next != null;
    }

    /**
     * The next comparison.
     *
     * @throws NoSuchElementException after the last
     */
    @Override
    public Comparison next() {
        if (!hasNext() || next == null) {
            throw new NoSuchElementException("there are no more comparisons");
        }
        Comparison comparison = next;
        next = null;
        return comparison;
    }

    /** Bad rows that were skipped so far; none unless {@link DatasetOptions#skipBadRows}. */
    public long skipped() {
        return skipped;
    }

    /** What was wrong with the first few of those. */
    public List<DatasetException> firstProblems() {
        return List.copyOf(problems);
    }

    private @Nullable Comparison find() throws IOException {
        while (options.maxSamples() == 0 || found < options.maxSamples()) {
            OpenPart from = open == null ? openNext() : open;
            if (from == null) {
                return null;
            }
            try {
                Row row = from.rows.next();
                if (row != null) {
                    Comparison comparison = comparison(from.part, row);
                    found++;
                    return comparison;
                }
                closePart();
            } catch (RowException e) {
                skip(from, e);
            }
        }
        return null;
    }

    private @Nullable OpenPart openNext() throws IOException {
        if (parts.hasNext()) {
            ComparisonDataset.Part part = parts.next();
            open = new OpenPart(part, rows(part));
            lastLine = 0;
        }
        return open;
    }

    /** Opens the file of {@code part}. */
    static RowReader rows(ComparisonDataset.Part part) throws IOException {
        String file = part.file().toString();
        return RowReader.of(
                new FileInput(Files.newInputStream(part.file()), file), RowFormat.of(file));
    }

    private Comparison comparison(ComparisonDataset.Part part, Row row) throws RowException {
        Layout.Texts texts = part.layout().texts(row);
        String subsetColumn = options.subsetColumn();
        return new Comparison(
                texts.prompt(),
                texts.history(),
                texts.answers(),
                Fields.margin(row),
                subsetColumn == null ? null : Fields.subset(row, subsetColumn),
                DatasetException.place(
                        String.valueOf(part.file().getFileName()),
                        row.line(),
                        rowOnLine(row.line())));
    }

    /** Which row of its line it is, from 1: whole files may stand on one. */
    private long rowOnLine(long line) {
        rowsOnLine = line == lastLine ? rowsOnLine + 1 : 1;
        lastLine = line;
        return rowsOnLine;
    }

    private void skip(OpenPart from, RowException e) {
        boolean goesOn = from.rows.goesOn();
        long row = rowOnLine(e.line());
        DatasetException problem =
                new DatasetException(
                        from.part.file(),
                        e.line(),
                        (row == 1 ? "" : "row " + row + ": ") + e.reason(),
                        goesOn
                                ? DatasetException.MEND_ROW
                                : "Mend the file: the rows behind this place cannot be told apart.",
                        e);
        if (!goesOn || !options.skipBadRows()) {
            throw problem;
        }
        skipped++;
        if (problems.size() < MOST_PROBLEMS) {
            problems.add(problem);
        }
    }

    private void closePart() throws IOException {
        if (open != null) {
            open.rows.close();
            open = null;
        }
    }

    /** Closes the file that is being read; closing twice is harmless. */
    @Override
    public void close() throws IOException {
        closed = true;
        closePart();
    }
}
