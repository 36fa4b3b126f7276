package io.github.baichuanreward.cli;

import io.github.baichuanreward.ItemException;
import io.github.baichuanreward.PromptAnswer;
import io.github.baichuanreward.RewardModel;
import io.github.baichuanreward.Score;
import io.github.baichuanreward.rows.JsonRow;
import io.github.baichuanreward.rows.RowException;
import io.github.baichuanreward.rows.RowReader;
import io.github.baichuanreward.rows.RowWriter;
import io.github.baichuanreward.rows.ShortestFloat;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * {@code reward score}: rewards of the built-in examples, of one prompt's answers, or of a file.
 */
@Command(
        name = "score",
        sortOptions = false,
        customSynopsis = {
            "reward score",
            "       reward score --model_name_or_path DIR --prompt TEXT --answer TEXT [--answer TEXT ...]",
            "       reward score --model_name_or_path DIR --input FILE [--output FILE [--resume]]"
        },
        description = {
            "Scores answers; the higher the reward, the better the answer.",
            "",
            "Without --prompt and --input it scores the built-in examples, without"
                    + " --model_name_or_path with the demo model.",
            "Rows are {\"prompt\": ..., \"answer\": ...}, with \"history\": [[prompt, answer], ...]"
                    + " where there were turns before, or {\"input_ids\": [...]}, which counts"
                    + " where a row has both. Each comes out with all its fields and \"reward\", in the order"
                    + " of the input. The first row of a .csv or .tsv file names the columns; a"
                    + " cell of input_ids or history holds such an array, ids also as 5 6 7.",
            ""
        })
final class ScoreCommand implements Callable<Integer> {

    @Mixin private final ModelOptions model = new ModelOptions();
    @Mixin private final TextOptions text = new TextOptions();
    @Mixin private final FileOptions files = new FileOptions();
    @Mixin private final CommonOptions common = new CommonOptions();

    @Option(
            names = "--prompt",
            order = -9,
            paramLabel = "TEXT",
            description = "A prompt, with some --answer.")
    private @Nullable String prompt;

    @Option(
            names = "--answer",
            order = -8,
            paramLabel = "TEXT",
            description = "An answer to --prompt; may be given more than once.")
    private List<String> answers = List.of();

    @Option(
            names = "--resume",
            order = -5,
            description =
                    "Go on with an --output that an interrupted run left: cut off a torn row, pass"
                            + " over those that are there, and write the same bytes as without the"
                            + " interruption. Refused if the input, the model or an option that"
                            + " matters has changed since; the file OUTPUT.resume, there while a run"
                            + " is not finished, knows. Without --resume an --output is begun anew.")
    private boolean resume;

    private final Streams streams;

    ScoreCommand(Streams streams) {
        this.streams = streams;
    }

    @Override
    public Integer call() throws IOException {
        common.configureLogging();
        checkArguments();
        if (files.hasInput()) {
            scoreFile();
        } else if (prompt != null) {
            String question = prompt;
            scoreItems(answers.stream().map(a -> new PromptAnswer(question, a)).toList());
        } else {
            scoreItems(Examples.read());
            hint();
        }
        return 0;
    }

    private void checkArguments() throws IOException {
        files.check();
        text.check();
        if (files.hasInput() && (prompt != null || !answers.isEmpty())) {
            throw new UsageException("give either --input or --prompt and --answer, not both");
        }
        if ((prompt == null) != answers.isEmpty()) {
            throw new UsageException(
                    prompt == null
                            ? "--answer needs --prompt, the text that it answers"
                            : "--prompt needs at least one --answer");
        }
        if (resume && !(files.hasInput() && files.hasOutput())) {
            throw new UsageException("--resume needs --input FILE and --output FILE");
        }
        if ((files.hasInput() || prompt != null) && model.model() == null) {
            throw new UsageException(
                    "--model_name_or_path is missing: the directory of your reward model");
        }
    }

    private RewardModel load() throws IOException {
        Path directory = model.model();
        return model.load(directory == null ? Examples.demoModel() : directory, text.scoring());
    }

    private void scoreItems(List<PromptAnswer> items) throws IOException {
        try (RewardModel rewardModel = load()) {
            List<Score> scores = scores(rewardModel, items);
            if (files.hasOutput()) {
                writeRows(items, scores);
            } else {
                String table = RewardTable.of(items, scores, streams.outColumns());
                streams.out().write(table.getBytes(StandardCharsets.UTF_8));
                streams.out().flush();
            }
        }
    }

    private static List<Score> scores(RewardModel rewardModel, List<PromptAnswer> items) {
        try {
            return rewardModel.score(items);
        } catch (ItemException e) {
            throw new FailureException("answer " + (e.index() + 1) + ": " + e.reason(), e);
        }
    }

    private void writeRows(List<PromptAnswer> items, List<Score> scores) throws IOException {
        try (RowWriter writer = files.openOutput(streams)) {
            for (int i = 0; i < items.size(); i++) {
                Map<String, String> row = new LinkedHashMap<>();
                row.put("prompt", JsonRow.quote(items.get(i).prompt()));
                row.put("answer", JsonRow.quote(items.get(i).answer()));
                row.put("reward", ShortestFloat.toString(scores.get(i).reward()));
                writer.write(JsonRow.empty(), row);
            }
        } catch (RowException e) {
            throw new FailureException(e.reason(), e);
        }
    }

    private void scoreFile() throws IOException {
        ResumableRun run = files.resumableRun();
        if (resume && run == null) {
            throw new UsageException(
                    "--resume needs a file for --input and one for --output; other runs cannot go"
                            + " on");
        }
        if (resume && run != null && isFinished(run)) {
            return;
        }
        try (RowReader reader = files.openInput(streams);
                RewardModel rewardModel = load()) {
            if (run == null) {
                try (RowWriter writer = files.openOutput(streams)) {
                    scoreRows(reader, rewardModel, writer, 0);
                }
            } else {
                score(run, reader, rewardModel);
            }
        }
    }

    private boolean isFinished(ResumableRun run) throws IOException {
        try {
            Long rows = run.finishedRows();
            if (rows != null) {
                noteFinished(rows);
            }
            return rows != null;
        } catch (RowException e) {
            throw files.failureOnReading(e);
        }
    }

    /** Scores what is not scored yet, in a way that can go on when it is interrupted. */
    private void score(ResumableRun run, RowReader reader, RewardModel rewardModel)
            throws IOException {
        Map<String, String> dependencies = dependencies(run, rewardModel);
        WrittenRows.Progress written = WrittenRows.NONE;
        try {
            if (resume) {
                written = run.goOn(dependencies);
                if (written.all()) {
                    run.end();
                    noteFinished(written.rows());
                    return;
                }
                if (written.rows() > 0) {
                    note("Going on after row %,d.", written.rows());
                }
            } else {
                run.begin(dependencies, common.quiet() ? Streams.silent() : streams.err());
            }
            try (RowWriter writer = files.openOutput(run, written, reader)) {
                scoreRows(reader, rewardModel, writer, written.rows());
            }
        } catch (BadRowException e) {
            run.inputMayBeMended(dependencies);
            throw e;
        } catch (RowException e) {
            throw files.failureOnReading(e);
        }
        run.end();
    }

    private void scoreRows(
            RowReader reader, RewardModel rewardModel, RowWriter writer, long rowsBefore)
            throws IOException {
        long start = System.nanoTime();
        RowScorer scorer = new RowScorer(rewardModel, writer);
        try (Progress progress = progress(rowsBefore)) {
            scorer.scoreAll(reader, progress);
        } catch (RowException e) {
            throw files.failure(e, rowsBefore + scorer.rows());
        }
        summary(scorer, (System.nanoTime() - start) / 1e9);
    }

    /** All that the bytes of the output depend on. */
    private Map<String, String> dependencies(ResumableRun run, RewardModel rewardModel)
            throws IOException {
        Map<String, String> all = new LinkedHashMap<>();
        all.put(RunRecord.INPUT, run.inputContents());
        Path directory = model.model();
        all.put(
                RunRecord.MODEL,
                RunRecord.models(directory == null ? List.of() : List.of(directory)));
        all.put(RunRecord.ADAPTERS, RunRecord.models(model.adapters()));
        all.putAll(TextOptions.values(text.scoring()));
        // The number of threads is no part of it: it changes no reward.
        all.put("backend", rewardModel.backend().replaceFirst(", \\d+ threads?$", ""));
        all.put("version", Main.version());
        return all;
    }

    private void noteFinished(long rows) {
        note("All rows (%,d) have their rewards already; there is nothing to do.", rows);
    }

    private void note(String format, Object... values) {
        if (!common.quiet()) {
            streams.err().printf(Locale.ROOT, format + "%n", values);
        }
    }

    private Progress progress(long rowsBefore) throws IOException {
        // On one terminal the rows themselves show how far it is, and a bar would run into them.
        boolean rowsOnTerminal = files.writesStandardOutput() && streams.outColumns() > 0;
        return common.quiet() || streams.errColumns() == 0 || rowsOnTerminal
                ? Progress.hidden()
                : Progress.shown("score", "rows", rowsToCome(rowsBefore), streams);
    }

    private long rowsToCome(long rowsBefore) throws IOException {
        long rows = files.countRows();
        return rows < 0 ? rows : rows - rowsBefore;
    }

    private void summary(RowScorer scorer, double seconds) {
        if (!common.quiet()) {
            streams.err()
                    .printf(
                            Locale.ROOT,
                            "%,d rows with %,d tokens in %.1f s: %,.0f tokens/s%n",
                            scorer.rows(),
                            scorer.tokens(),
                            seconds,
                            scorer.tokens() / Math.max(seconds, 1e-3));
        }
    }

    private void hint() {
        if (!common.quiet() && model.model() == null) {
            streams.err()
                    .println(
                            "These are built-in examples and a small demo model that is no judge of"
                                    + " answers. With yours:\n  ./reward score --model_name_or_path DIR"
                                    + " --prompt TEXT --answer TEXT --answer TEXT");
        }
    }
}
