package io.github.baichuanreward.cli;

import io.github.baichuanreward.rows.FileInput;
import io.github.baichuanreward.rows.FileOutput;
import io.github.baichuanreward.rows.RowEncoder;
import io.github.baichuanreward.rows.RowException;
import io.github.baichuanreward.rows.RowFormat;
import io.github.baichuanreward.rows.RowReader;
import io.github.baichuanreward.rows.RowWriter;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Where rows are read and written. */
final class FileOptions {

    private static final String STANDARD = "-";

    private static final String IF_FULL = "If the disk is full, free some space; then ";

    @Option(
            names = "--input",
            order = -7,
            paramLabel = "FILE",
            description =
                    "Rows: a .jsonl, .json, .csv or .tsv file, or - for JSON lines on standard"
                            + " input.")
    private @Nullable String input;

    @Option(
            names = "--output",
            order = -6,
            paramLabel = "FILE",
            description =
                    "Where the rows go: a .jsonl, .json, .csv or .tsv file, which is replaced, or -"
                            + " for JSON lines on standard output.")
    private @Nullable String output;

    boolean hasInput() {
        return input != null;
    }

    boolean hasOutput() {
        return output != null;
    }

    boolean writesStandardOutput() {
        return outputName().equals(STANDARD);
    }

    private String outputName() {
        return output == null ? STANDARD : output;
    }

    /**
     * Checks the names before anything costly begins.
     *
     * @throws UsageException if a name ends in nothing known, or both are the same file
     */
    void check() throws IOException {
        if (input != null) {
            format(input);
            if (Files.isDirectory(Path.of(input))) {
                throw new UsageException("--input " + input + " is a directory; name a file in it");
            }
        }
        if (output == null) {
            return;
        }
        if (input != null && !input.equals(STANDARD) && !output.equals(STANDARD)) {
            Path from = Path.of(input);
            Path to = Path.of(output);
            if (Files.exists(from) && Files.exists(to) && Files.isSameFile(from, to)) {
                throw new UsageException(
                        "--output " + output + " is the input file; write to another one");
            }
        }
        checkOutput(output);
    }

    /**
     * Checks the name of an output.
     *
     * @throws UsageException if it ends in nothing known, or is a directory's
     */
    static void checkOutput(String output) {
        format(output);
        if (Files.isDirectory(Path.of(output))) {
            throw new UsageException("--output " + output + " is a directory; name a file in it");
        }
    }

    private static RowFormat format(String name) {
        try {
            return RowFormat.of(name);
        } catch (IllegalArgumentException e) {
            throw new UsageException(String.valueOf(e.getMessage()));
        }
    }

    /** What the user reads about a bad row of the input, and about the rows before it. */
    BadRowException failure(RowException e, long rowsBefore) {
        String to = writesStandardOutput() ? "standard output" : outputName();
        String before = rowsBefore == 1 ? "The row" : "The " + rowsBefore + " rows";
        return failure(
                e,
                rowsBefore == 0
                        ? "No row was written."
                        : before + " before it went to " + to + ".");
    }

    /** The same about a row that was read again, to find where an output ends. */
    BadRowException failureOnReading(RowException e) {
        return failure(e, outputName() + " was left as it was.");
    }

    private BadRowException failure(RowException e, String outcome) {
        String from = input == null || input.equals(STANDARD) ? "standard input" : input;
        return new BadRowException(
                "%s, line %d: %s%n%s".formatted(from, e.line(), e.reason(), outcome), e);
    }

    /** Opens the input; standard input where none is named. */
    RowReader openInput(Streams streams) throws IOException {
        String name = input == null ? STANDARD : input;
        InputStream in =
                name.equals(STANDARD)
                        ? streams.in()
                        : new FileInput(Files.newInputStream(Path.of(name)), name);
        return RowReader.of(in, format(name));
    }

    /** Opens the output and replaces what it held; standard output where none is named. */
    RowWriter openOutput(Streams streams) throws IOException {
        return openOutput(outputName(), streams);
    }

    /** Opens the output of that name and replaces what it held. */
    static RowWriter openOutput(String name, Streams streams) throws IOException {
        OutputStream out =
                name.equals(STANDARD)
                        ? streams.out()
                        : new FileOutput(
                                Files.newOutputStream(Path.of(name)), name, IF_FULL + "run again.");
        return new RowWriter(out, format(name));
    }

    /** The run from file to file that these options ask for, or null if it cannot be resumed. */
    @Nullable ResumableRun resumableRun() {
        return input != null && output != null && isPlainFile(input) && isPlainFile(output)
                ? new ResumableRun(Path.of(input), Path.of(output))
                : null;
    }

    /** True if {@code name} is a file, or nothing yet; not a stream, device or pipe. */
    private static boolean isPlainFile(String name) {
        return !name.equals(STANDARD)
                && (Files.isRegularFile(Path.of(name)) || Files.notExists(Path.of(name)));
    }

    /**
     * Passes over the rows of the input that are in the output, and opens the output behind them.
     */
    RowWriter openOutput(ResumableRun run, WrittenRows.Progress written, RowReader reader)
            throws IOException, RowException {
        String name = Objects.requireNonNull(output);
        RowEncoder encoder = new RowEncoder(format(name));
        for (long row = 0; row < written.rows(); row++) {
            if (row > 0) {
                reader.skip();
            } else {
                // The encoder learns from the first row what comes behind it.
                encoder.row(Objects.requireNonNull(reader.next()), Map.of(RowScorer.REWARD, "0"));
            }
        }
        OutputStream out =
                new FileOutput(
                        run.open(written),
                        name,
                        IF_FULL
                                + "run the same command with --resume to go on after the last"
                                + " complete row.");
        return new RowWriter(out, encoder);
    }

    /** Rows of the input, or -1 where it can be read only once. */
    long countRows() throws IOException {
        if (input == null || !Files.isRegularFile(Path.of(input))) {
            return -1;
        }
        try (RowReader reader = RowReader.of(Files.newInputStream(Path.of(input)), format(input))) {
            return reader.count();
        }
    }
}
