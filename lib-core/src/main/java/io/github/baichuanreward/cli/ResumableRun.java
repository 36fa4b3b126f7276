package io.github.baichuanreward.cli;

import io.github.baichuanreward.rows.FileInput;
import io.github.baichuanreward.rows.RowException;
import io.github.baichuanreward.rows.RowFormat;
import io.github.baichuanreward.rows.RowReader;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A run from one file to another that can be interrupted at any moment and go on.
 *
 * <p>A run empties its output, then writes its {@link RunRecord}, then rows, and removes the record
 * when all rows are there. So a record means that what the output holds is the beginning of that
 * run's; no record, that the output is finished or another program's.
 */
final class ResumableRun {

    private static final String START_AGAIN =
            "run without --resume to start again, which replaces it.";

    private final Path input;
    private final Path output;
    private final RunRecord record;

    ResumableRun(Path input, Path output) {
        this.input = input;
        this.output = output;
        this.record = RunRecord.of(output);
    }

    /** Size and hash of the input. */
    String inputContents() throws IOException {
        return RunRecord.contents(input);
    }

    /**
     * How many rows the output has if it has all, which needs no model to find out; else null.
     *
     * @throws FailureException if there is an output but nothing that says how it was begun
     * @throws RowException if a row of the input cannot be read
     */
    @Nullable Long finishedRows() throws IOException, RowException {
        if (record.exists() || isEmpty()) {
            return null;
        }
        WrittenRows.Progress progress = written();
        if (progress != null && progress.all()) {
            return progress.rows();
        }
        throw new FailureException(
                ("%s: cannot go on: %s, which would say how it was begun, is not there%n"
                                + "Name another output, or %s")
                        .formatted(output, record.file(), START_AGAIN));
    }

    /**
     * Finds out where to go on.
     *
     * @param run all that the rewards depend on
     * @throws FailureException if the output is another run's; says what differs
     * @throws RowException if a row of the input cannot be read
     */
    WrittenRows.Progress goOn(Map<String, String> run) throws IOException, RowException {
        if (!record.exists()) {
            start();
            record.write(run);
            return WrittenRows.NONE;
        }
        String difference = record.difference(run);
        if (difference != null) {
            throw new FailureException(
                    "%s: cannot go on: %s%nPut that back as it was, or %s"
                            .formatted(output, difference, START_AGAIN));
        }
        WrittenRows.Progress progress = isEmpty() ? WrittenRows.NONE : written();
        if (progress == null) {
            throw new FailureException(
                    ("%s: cannot go on: it holds something else than the beginning of what this run"
                                    + " writes%nName another output, or %s")
                            .formatted(output, START_AGAIN));
        }
        record.write(run);
        return progress;
    }

    /**
     * Lets the run go on with an input that has changed: it came to a row that cannot be scored.
     * The rows before that must be the same, which their copies in the output show.
     */
    void inputMayBeMended(Map<String, String> run) throws IOException {
        if (record.exists()) {
            Map<String, String> mended = new LinkedHashMap<>(run);
            mended.put(RunRecord.INPUT, RunRecord.MENDED);
            record.write(mended);
        }
    }

    /**
     * Begins a run, whatever was there.
     *
     * @param run all that the rewards depend on
     * @param notes told if this run cannot go on later
     */
    void begin(Map<String, String> run, PrintStream notes) throws IOException {
        start();
        record.tryToWrite(run, notes);
    }

    private void start() throws IOException {
        // In this order: no record may ever stand beside rows of another run.
        record.delete();
        Files.newOutputStream(output).close();
    }

    /** Opens the output behind what is to be kept, and cuts off the rest. */
    OutputStream open(WrittenRows.Progress kept) throws IOException {
        FileChannel channel =
                FileChannel.open(output, StandardOpenOption.WRITE, StandardOpenOption.CREATE);
        channel.truncate(kept.bytes()).position(kept.bytes());
        return Channels.newOutputStream(channel);
    }

    /** Says that all rows are there. */
    void end() throws IOException {
        record.delete();
    }

    private boolean isEmpty() throws IOException {
        return !Files.exists(output) || Files.size(output) == 0;
    }

    private WrittenRows.@Nullable Progress written() throws IOException, RowException {
        try (RowReader reader =
                RowReader.of(
                        new FileInput(Files.newInputStream(input), input.toString()),
                        RowFormat.of(input.toString()))) {
            return WrittenRows.find(output, reader, RowFormat.of(output.toString()));
        }
    }
}
