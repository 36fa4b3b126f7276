package io.github.baichuanreward.cli;

import io.github.baichuanreward.ItemException;
import io.github.baichuanreward.RewardModel;
import io.github.baichuanreward.Score;
import io.github.baichuanreward.rows.Row;
import io.github.baichuanreward.rows.RowException;
import io.github.baichuanreward.rows.RowReader;
import io.github.baichuanreward.rows.RowWriter;
import io.github.baichuanreward.rows.ShortestFloat;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;

/**
 * Scores rows of any number in constant memory: reads some ahead while those before are computed,
 * and writes them in their order. It does not wait for more rows while whoever writes the input
 * waits for results.
 *
 * <p>When a row is bad, all rows before it have been written before the error is thrown.
 */
final class RowScorer {

    /** The field that a row gets. */
    static final String REWARD = "reward";

    /**
     * Batches' worth of tokens that are asked for together: rows with one prompt, which share it,
     * mostly are.
     */
    private static final int PORTION_BATCHES = 4;

    /** A portion of very short rows would otherwise hold a great many of them. */
    private static final int PORTION_ROWS = 1024;

    /** The same for rows that carry much besides what is scored. */
    private static final int PORTION_CHARACTERS = 1 << 22;

    /** Portions that are computed or wait, while the next one is read. */
    private static final int PORTIONS_AHEAD = 3;

    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Item(Row row, int[] ids) {}

    private record Asked(Item item, CompletableFuture<Score> score) {}

    private final RewardModel model;
    private final RowWriter writer;

    private final List<Item> portion = new ArrayList<>();
    private long portionTokens;
    private long portionCharacters;

    /** How many rows each of the portions has that are computed or wait. */
    private final Deque<Integer> portions = new ArrayDeque<>();

    private final Deque<Asked> asked = new ArrayDeque<>();
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
        try {
            for (Item item = read(reader, progress); item != null; item = read(reader, progress)) {
                portion.add(item);
                portionTokens += item.ids.length;
                portionCharacters += item.row.length();
                if (reader.isWaiting()) {
                    finish(progress);
                } else if (portionTokens >= (long) PORTION_BATCHES * model.batchTokens()
                        || portion.size() == PORTION_ROWS
                        || portionCharacters >= PORTION_CHARACTERS) {
                    ask();
                    if (portions.size() > PORTIONS_AHEAD) {
                        writeOldest(progress);
                    }
                }
            }
            finish(progress);
        } finally {
            asked.forEach(left -> left.score.cancel(false));
        }
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
            finish(progress);
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

    private void ask() {
        List<CompletableFuture<Score>> scores =
                model.scoreIdsAsync(portion.stream().map(Item::ids).toList());
        for (int i = 0; i < scores.size(); i++) {
            asked.add(new Asked(portion.get(i), scores.get(i)));
        }
        portions.add(scores.size());
        portion.clear();
        portionTokens = 0;
        portionCharacters = 0;
    }

    /** Asks for all that was read, and writes it. */
    private void finish(Progress progress) throws IOException, RowException {
        ask();
        while (!portions.isEmpty()) {
            writeOldest(progress);
        }
    }

    /** Writes the rows of the portion that was asked for first. */
    private void writeOldest(Progress progress) throws IOException, RowException {
        int written = 0;
        for (int left = portions.remove(); left > 0; left--) {
            if (!asked.element().score.isDone()) {
                written = flushed(written, progress);
            }
            try {
                write(asked.remove());
                written++;
            } catch (RowException e) {
                flushed(written, progress);
                throw e;
            }
        }
        flushed(written, progress);
    }

    /** Before a wait those that are done should be seen. */
    private int flushed(int written, Progress progress) throws IOException {
        if (written > 0) {
            writer.flush();
            progress.done(written);
        }
        return 0;
    }

    private void write(Asked next) throws IOException, RowException {
        Score score = awaited(next);
        writer.write(next.item.row, Map.of(REWARD, ShortestFloat.toString(score.reward())));
        tokens += score.tokens();
        rows++;
    }

    private static Score awaited(Asked next) throws RowException {
        try {
            return next.score.join();
        } catch (CompletionException e) {
            Throwable cause = e.getCause();
            if (cause instanceof ItemException problem) {
                throw new RowException(next.item.row.line(), problem.reason(), problem);
            }
            if (cause instanceof RuntimeException failure) {
                throw failure;
            }
            if (cause instanceof Error failure) {
                throw failure;
            }
            throw e;
        }
    }
}
