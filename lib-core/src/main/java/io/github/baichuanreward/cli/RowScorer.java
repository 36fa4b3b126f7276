package io.github.baichuanreward.cli;

import io.github.baichuanreward.ItemException;
import io.github.baichuanreward.RewardModel;
import io.github.baichuanreward.Score;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Scores rows of any number in constant memory: reads as many as one batch holds, scores them,
 * writes them, and only then reads on. It does not wait for a batch to fill while whoever writes
 * the input waits for results.
 *
 * <p>When a row is bad, all rows before it have been written before the error is thrown.
 */
final class RowScorer {

    /** The field that a row gets. */
    static final String REWARD = "reward";

    /** A batch of very short rows would otherwise hold a great many of them. */
    private static final int MOST_ROWS = 1024;

    /** The same for rows that carry much besides what is scored. */
    private static final int MOST_CHARACTERS = 1 << 24;

    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Item(Row row, int[] ids) {}

    private final RewardModel model;
    private final RowWriter writer;

    private final List<Item> window = new ArrayList<>();
    private int windowTokens;
    private int windowCharacters;
    private long rows;
    private long tokens;

    RowScorer(RewardModel model, RowWriter writer) {
        this.model = model;
        this.writer = writer;
    }

    /** Rows written so far. */
    long rows() {
        return rows;
    }

    /** Tokens of the rows written so far. */
    long tokens() {
        return tokens;
    }

    /**
     * Scores all rows that {@code reader} gives.
     *
     * @throws RowException at the first row that cannot be scored; those before it are written
     * @throws IOException if reading or writing fails; rows read before it are written, if they can
     *     be
     */
    void scoreAll(RowReader reader, Progress progress) throws IOException, RowException {
        for (Item item = read(reader, progress); item != null; item = read(reader, progress)) {
            if (windowTokens + item.ids.length > model.batchTokens()) {
                flush(progress);
            }
            window.add(item);
            windowTokens += item.ids.length;
            windowCharacters += item.row.length();
            if (window.size() == MOST_ROWS
                    || windowCharacters >= MOST_CHARACTERS
                    || reader.isWaiting()) {
                flush(progress);
            }
        }
        flush(progress);
        writer.setColumns(columns(reader));
    }

    /** The columns of a table of scored rows, as far as the input names columns. */
    static List<String> columns(RowReader reader) {
        List<String> columns = new ArrayList<>(reader.columns());
        if (!columns.isEmpty() && !columns.contains(REWARD)) {
            columns.add(REWARD);
        }
        return columns;
    }

    private @Nullable Item read(RowReader reader, Progress progress)
            throws IOException, RowException {
        try {
            Row row = reader.next();
            return row == null ? null : new Item(row, ids(row));
        } catch (IOException | RowException e) {
            flush(progress);
            throw e;
        }
    }

    private int[] ids(Row row) throws IOException, RowException {
        boolean texts = row.has("prompt") || row.has("answer");
        if (row.has("input_ids") && !(texts && row.isNull("input_ids"))) {
            return row.ids("input_ids");
        }
        if (!texts) {
            throw row.needs("\"prompt\" and \"answer\", or \"input_ids\"");
        }
        try {
            return model.encode(row.promptAnswer());
        } catch (ItemException e) {
            throw new RowException(row.line(), e.reason(), e);
        } catch (IllegalArgumentException e) {
            throw new RowException(row.line(), String.valueOf(e.getMessage()), e);
        } catch (UncheckedIOException e) {
            // The tokenizer is loaded with the first text.
            throw e.getCause();
        }
    }

    private void flush(Progress progress) throws IOException, RowException {
        List<Item> items = List.copyOf(window);
        window.clear();
        windowTokens = 0;
        windowCharacters = 0;
        score(items, progress);
    }

    private void score(List<Item> items, Progress progress) throws IOException, RowException {
        List<Score> scores;
        try {
            scores = model.scoreIds(items.stream().map(Item::ids).toList());
        } catch (ItemException e) {
            score(items.subList(0, e.index()), progress);
            throw new RowException(items.get(e.index()).row.line(), e.reason(), e);
        }
        for (int i = 0; i < scores.size(); i++) {
            String reward = ShortestFloat.toString(scores.get(i).reward());
            writer.write(items.get(i).row, Map.of(REWARD, reward));
            tokens += items.get(i).ids.length;
            rows++;
        }
        writer.flush();
        progress.done(items.size());
    }
}
