package io.github.baichuanreward.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.baichuanreward.eval.Comparison;
import io.github.baichuanreward.eval.ComparisonReader;
import io.github.baichuanreward.eval.EvaluationJson;
import io.github.baichuanreward.eval.EvaluationReport;
import io.github.baichuanreward.eval.HtmlReport;
import io.github.baichuanreward.eval.LetJuly2023;
import io.github.baichuanreward.eval.Mimicry;
import io.github.baichuanreward.eval.PairwiseEvaluation;
import io.github.baichuanreward.eval.PredictionLine;
import io.github.baichuanreward.eval.ScoredComparison;
import io.github.baichuanreward.eval.TrainerMetrics;
import io.github.baichuanreward.rows.FileOutput;
import java.io.BufferedInputStream;
import java.io.BufferedWriter;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The files of an evaluation, which can be interrupted at any moment and go on.
 *
 * <p>Each pair's line is written whole as soon as it has its rewards. From these lines and the data
 * everything else is counted again when an evaluation goes on. As long as it is not finished, a
 * {@link RunRecord} is beside them, and the other files are not there.
 */
final class EvaluationFiles implements Closeable {

    private static final String REMEDY =
            "Mend that, or make room if the disk is full; then run the same command with --resume.";

    private static final String START_AGAIN =
            "run without --resume to start again, which replaces it.";

    private static final String SECONDS = "seconds";

    /** Of the run that the results come from, in what they say of it. */
    static final String FINGERPRINT = "fingerprint";

    /** So often the time that was spent is noted. */
    private static final double SECONDS_BETWEEN_NOTES = 5;

    private final Path results;
    private final Path report;

    /** What the program that is mimicked wrote, if one is; else the same as {@code lines}. */
    private final Path predictions;

    /** Rewards in full precision, where the program that is mimicked had less. */
    private final Path full;

    private final Path lines;
    private final RunRecord record;
    private final Path lockFile;
    private final FileChannel lock;
    private Map<String, String> run = Map.of();
    private double noted;
    private long kept;
    private @Nullable FileOutput out;

    private EvaluationFiles(Path directory, Mimicry mimicry) throws IOException {
        results = directory.resolve("eval_results.json");
        report = directory.resolve("report.html");
        predictions = directory.resolve("generated_predictions.jsonl");
        full = directory.resolve("full_predictions.jsonl");
        lines = mimicry == Mimicry.NONE ? predictions : full;
        record = RunRecord.of(lines);
        for (Path file : written()) {
            if (Files.isDirectory(file)) {
                throw new FailureException(
                        file + ": is a directory; move it away, or name another --output_dir");
            }
        }
        lockFile = directory.resolve("evaluation.lock");
        lock = locked(directory, lockFile);
    }

    private List<Path> written() {
        return List.of(results, report, predictions, full);
    }

    private static FileChannel locked(Path directory, Path file) throws IOException {
        FileChannel channel =
                FileChannel.open(file, StandardOpenOption.WRITE, StandardOpenOption.CREATE);
        try {
            if (channel.tryLock() != null) {
                return channel;
            }
        } catch (OverlappingFileLockException e) {
            // By this process; the same as by another.
        }
        channel.close();
        throw new FailureException(
                directory
                        + ": another evaluation is writing there\nWait for it, or name another"
                        + " --output_dir.");
    }

    /**
     * The files in a folder, which is made if it is not there; nobody else gets them until they are
     * closed.
     *
     * @throws FailureException if there is something else in their places, or somebody has them
     * @throws IOException if the folder cannot be made
     */
    static EvaluationFiles in(Path directory, Mimicry mimicry) throws IOException {
        try {
            Files.createDirectories(directory);
        } catch (FileAlreadyExistsException e) {
            throw new FailureException(
                    directory + ": is no directory; name another --output_dir", e);
        }
        return new EvaluationFiles(directory, mimicry);
    }

    /**
     * Refuses to write over what is read.
     *
     * @throws FailureException if one of the files is among those that this writes
     */
    void requireOthers(List<Path> read) throws IOException {
        for (Path file : read) {
            for (Path written : written()) {
                if (Files.exists(written) && Files.isSameFile(file, written)) {
                    throw new FailureException(
                            file
                                    + ": would be replaced by the results; name another"
                                    + " --output_dir");
                }
            }
        }
    }

    /**
     * What an evaluation printed that is finished; null if it is not.
     *
     * @param fingerprint of all that it depended on
     * @throws FailureException if the results there are another one's
     */
    @Nullable String finishedMetrics(String fingerprint) throws IOException {
        if (record.exists() || !Files.exists(results)) {
            return null;
        }
        JsonNode all = new ObjectMapper().readTree(results.toFile());
        if (!fingerprint.equals(all.path("run").path(FINGERPRINT).asText())) {
            throw new FailureException(
                    ("%s: cannot go on: it is from a finished evaluation with other data, another model"
                                    + " or other options%nName another --output_dir, or %s")
                            .formatted(results, START_AGAIN));
        }
        return EvaluationJson.metrics(
                new TrainerMetrics(
                        number(all, "eval_accuracy"),
                        number(all, "eval_loss"),
                        number(all, "eval_runtime"),
                        number(all, "eval_samples_per_second"),
                        number(all, "eval_steps_per_second")));
    }

    private double number(JsonNode all, String name) {
        JsonNode value = all.path(name);
        if (!value.isNumber()) {
            throw new FailureException(
                    results + ": holds no results of an evaluation; name another --output_dir");
        }
        return value.doubleValue();
    }

    /**
     * Begins a run, whatever was there.
     *
     * @param run all that the rewards depend on
     * @param notes told if this run cannot go on later
     */
    void begin(Map<String, String> run, PrintStream notes) throws IOException {
        this.run = run;
        start();
        record.tryToWrite(run, notes);
    }

    private void start() throws IOException {
        // In this order: no record may ever stand beside lines of another run.
        RunRecord.of(predictions).delete();
        RunRecord.of(full).delete();
        for (Path file : written()) {
            Files.deleteIfExists(file);
        }
        Files.newOutputStream(lines).close();
    }

    /**
     * Counts the pairs that are there, and passes over their comparisons.
     *
     * @param run all that the rewards depend on
     * @throws FailureException if what is there is another run's; says what differs
     */
    void goOn(Map<String, String> run, ComparisonReader reader, PairwiseEvaluation evaluation)
            throws IOException {
        this.run = run;
        if (!record.exists()) {
            if (Files.exists(lines) && Files.size(lines) > 0) {
                throw cannotGoOn(
                        record.file() + ", which would say how it was begun, is not there");
            }
            start();
            record.write(run);
            return;
        }
        String difference = record.difference(run);
        if (difference != null) {
            throw cannotGoOn(difference);
        }
        if (Files.exists(lines)) {
            replay(reader, evaluation);
        }
        evaluation.addSeconds(record.number(SECONDS));
        note(run, evaluation); // of data that was mended, as it is now
    }

    private FailureException cannotGoOn(String why) {
        return new FailureException(
                "%s: cannot go on: %s%nName another --output_dir, or %s"
                        .formatted(lines, why, START_AGAIN));
    }

    private void replay(ComparisonReader reader, PairwiseEvaluation evaluation) throws IOException {
        try (InputStream in = new BufferedInputStream(Files.newInputStream(lines), 1 << 16)) {
            for (String line = line(in); line != null; line = line(in)) {
                PredictionLine prediction = parsed(line);
                while (evaluation.comparisons() + 1 < prediction.number()) {
                    next(reader);
                    evaluation.skip(); // as it was then
                }
                Comparison comparison = next(reader);
                if (evaluation.comparisons() + 1 != prediction.number()
                        || !comparison.id().equals(prediction.id())) {
                    throw cannotGoOn("it has pairs of other data, or of rows that have changed");
                }
                evaluation.add(comparison, prediction.scored());
                kept += line.getBytes(StandardCharsets.UTF_8).length + 1;
            }
        }
    }

    private Comparison next(ComparisonReader reader) {
        if (!reader.hasNext()) {
            throw cannotGoOn("it has more pairs than there are comparisons");
        }
        return reader.next();
    }

    private PredictionLine parsed(String line) {
        try {
            return PredictionLine.parse(line);
        } catch (IllegalArgumentException e) {
            throw cannotGoOn("it holds something else than lines of this run");
        }
    }

    /** The next line that has its end; null if there is none. */
    private static @Nullable String line(InputStream in) throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        for (int b = in.read(); b >= 0; b = in.read()) {
            if (b == '\n') {
                return line.toString(StandardCharsets.UTF_8);
            }
            line.write(b);
        }
        return null;
    }

    /** Opens the file of lines behind those that are kept, and cuts off the rest. */
    void open() throws IOException {
        FileChannel channel =
                FileChannel.open(lines, StandardOpenOption.WRITE, StandardOpenOption.CREATE);
        channel.truncate(kept).position(kept);
        out = new FileOutput(Channels.newOutputStream(channel), lines.toString(), REMEDY);
    }

    /**
     * Writes the line of a pair.
     *
     * @param evaluation which has counted it, as the last one
     */
    void write(Comparison comparison, ScoredComparison scored, PairwiseEvaluation evaluation)
            throws IOException {
        if (out == null) {
            throw new IllegalStateException("not open");
        }
        PredictionLine line =
                new PredictionLine(
                        evaluation.comparisons(), comparison.place(), comparison.id(), scored);
        out.write((line.text() + "\n").getBytes(StandardCharsets.UTF_8));
        if (evaluation.seconds() - noted > SECONDS_BETWEEN_NOTES) {
            note(run, evaluation);
        }
    }

    /**
     * Lets the run go on with data that has changed: it came to a bad row. The pairs before that
     * must be the same, which their lines show.
     */
    void dataMayBeMended(PairwiseEvaluation evaluation) throws IOException {
        Map<String, String> mended = new LinkedHashMap<>(run);
        mended.put(RunRecord.INPUT, RunRecord.MENDED);
        note(mended, evaluation);
    }

    private void note(Map<String, String> run, PairwiseEvaluation evaluation) throws IOException {
        if (record.exists()) {
            noted = evaluation.seconds();
            Map<String, String> now = new LinkedHashMap<>(run);
            now.put(SECONDS, Double.toString(noted));
            try {
                record.write(now);
            } catch (IOException e) {
                throw failure(e);
            }
        }
    }

    private IOException failure(IOException e) {
        return new IOException(
                "%s: not all results can be written: %s%n%s"
                        .formatted(results.getParent(), Main.message(e), REMEDY),
                e);
    }

    /** Closes the lines, and lets others have the folder. */
    @Override
    public void close() throws IOException {
        try {
            if (out != null) {
                out.close();
            }
            Files.deleteIfExists(lockFile);
        } finally {
            lock.close();
        }
    }

    /** Writes the results; this run is then finished. */
    void end(EvaluationReport found) throws IOException {
        try {
            if (!lines.equals(predictions)) {
                writeMimicked();
            }
            HtmlReport.write(found, report);
            EvaluationJson.write(found, results);
            record.delete();
        } catch (IOException e) {
            throw failure(e);
        }
    }

    /** As LLaMA-Efficient-Tuning wrote it: without an end of the last line. */
    private void writeMimicked() throws IOException {
        Path draft = predictions.resolveSibling(predictions.getFileName() + ".new");
        try (InputStream in = new BufferedInputStream(Files.newInputStream(lines), 1 << 16);
                BufferedWriter writer = Files.newBufferedWriter(draft)) {
            String separator = "";
            for (String line = line(in); line != null; line = line(in)) {
                ScoredComparison scored = parsed(line).scored();
                writer.write(separator);
                writer.write(
                        LetJuly2023.prediction(
                                scored.chosen().reward(), scored.rejected().reward()));
                separator = "\n";
            }
        }
        Files.move(
                draft,
                predictions,
                StandardCopyOption.ATOMIC_MOVE,
                StandardCopyOption.REPLACE_EXISTING);
    }
}
