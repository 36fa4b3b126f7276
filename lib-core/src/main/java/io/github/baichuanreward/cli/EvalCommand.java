package io.github.baichuanreward.cli;

import io.github.baichuanreward.LoadOptions;
import io.github.baichuanreward.RewardModel;
import io.github.baichuanreward.eval.Comparison;
import io.github.baichuanreward.eval.ComparisonDataset;
import io.github.baichuanreward.eval.ComparisonReader;
import io.github.baichuanreward.eval.DatasetException;
import io.github.baichuanreward.eval.DatasetOptions;
import io.github.baichuanreward.eval.EvaluationJson;
import io.github.baichuanreward.eval.EvaluationListener;
import io.github.baichuanreward.eval.EvaluationReport;
import io.github.baichuanreward.eval.Mimicry;
import io.github.baichuanreward.eval.PairwiseEvaluation;
import io.github.baichuanreward.eval.ScoredComparison;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** {@code reward eval}: how often the better of two answers gets the higher reward. */
@Command(
        name = "eval",
        sortOptions = false,
        customSynopsis = {
            "reward eval --model_name_or_path DIR --dataset FILE [--dataset FILE ...]",
            "            [--output_dir DIR [--resume]]"
        },
        description = {
            "Evaluates a model on comparisons: prompts with answers of which it is known which is"
                    + " better. Prints accuracy, loss and speed as a JSON object, as"
                    + " LLaMA-Efficient-Tuning did; a tie counts as wrong, a sample is a pair, and a"
                    + " step is 8 pairs.",
            "",
            "Files are .json, .jsonl, .csv or .tsv, with rows of instruction, input, output (best"
                    + " first) and history; of prompt, chosen and rejected; of conversations, chosen and"
                    + " rejected; or of prompt, pos_resp and neg_resp.",
            "",
            "--output_dir gets eval_results.json, which has much more than what is printed,"
                    + " generated_predictions.jsonl with the rewards of each pair, and report.html.",
            ""
        })
final class EvalCommand implements Callable<Integer> {

    /** What LLaMA-Efficient-Tuning cut prompts and answers to. */
    private static final int LENGTH = 512;

    @Mixin private final ModelOptions model = new ModelOptions();
    @Mixin private final TextOptions text = new TextOptions();
    @Mixin private final CommonOptions common = new CommonOptions();

    @Option(
            names = "--dataset",
            order = -9,
            required = true,
            paramLabel = "FILE",
            description = "A file of comparisons; may be given more than once.")
    private List<String> datasets = List.of();

    @Option(
            names = "--dataset_dir",
            order = -8,
            paramLabel = "DIR",
            description =
                    "Folder of a dataset_info.json, which --dataset then names datasets of, as in"
                            + " LLaMA-Efficient-Tuning.")
    private @Nullable Path datasetDirectory;

    @Option(
            names = "--output_dir",
            order = -7,
            paramLabel = "DIR",
            description =
                    "Folder for the results, made if it is not there; replaces what is in it.")
    private @Nullable Path outputDirectory;

    @Option(
            names = "--resume",
            order = -6,
            description =
                    "Go on with an evaluation that was interrupted. Refused if the data, the model or"
                            + " an option that matters has changed since.")
    private boolean resume;

    @Option(
            names = "--max_samples",
            order = -5,
            paramLabel = "N",
            converter = TextOptions.PositiveConverter.class,
            description = "Evaluate the first N comparisons only.")
    private @Nullable Integer maxSamples;

    @Option(
            names = "--subset_column",
            order = -4,
            paramLabel = "NAME",
            description = "Count accuracy for each value of this field, too.")
    private @Nullable String subsetColumn;

    @Option(
            names = "--skip_bad_rows",
            order = -3,
            description =
                    "Pass over rows that cannot be used, and count them (default: end there).")
    private boolean skipBadRows;

    @Option(
            names = "--mimic",
            order = -2,
            paramLabel = "NAME",
            converter = MimicryConverter.class,
            description =
                    "let-2023-07: the half precision of LLaMA-Efficient-Tuning in July 2023, for"
                            + " numbers to be compared with published ones: value head, rewards and loss"
                            + " in float16, the mean of the losses by batches of 8 pairs, and"
                            + " predictions with two decimals.")
    private Mimicry mimicry = Mimicry.NONE;

    private final Streams streams;

    EvalCommand(Streams streams) {
        this.streams = streams;
    }

    @Override
    public Integer call() throws IOException {
        common.configureLogging();
        text.check();
        if (resume && outputDirectory == null) {
            throw new UsageException("--resume needs --output_dir DIR");
        }
        Path directory = model.model();
        if (directory == null) {
            throw new UsageException(
                    "--model_name_or_path is missing: the directory of your reward model");
        }
        ModelOptions.requireDirectory(directory);
        EvaluationRun run = run(directory);
        if (outputDirectory == null) {
            print(evaluate(run, null));
            return 0;
        }
        try (EvaluationFiles files = EvaluationFiles.in(outputDirectory, mimicry)) {
            files.requireOthers(run.dataset().files());
            String finished = resume ? files.finishedMetrics(run.fingerprint()) : null;
            if (finished != null) {
                note("This evaluation is finished; there is nothing to do.");
            }
            print(finished == null ? evaluate(run, files) : finished);
        }
        return 0;
    }

    private EvaluationRun run(Path directory) throws IOException {
        LoadOptions options =
                model.options()
                        .withScoring(text.scoring(LENGTH))
                        .withHalfValueHead(mimicry != Mimicry.NONE);
        DatasetOptions reading =
                DatasetOptions.defaults()
                        .withMaxSamples(maxSamples == null ? 0 : maxSamples)
                        .withSubsetColumn(subsetColumn)
                        .withSkipBadRows(skipBadRows);
        return new EvaluationRun(directory, dataset(), reading, options, mimicry);
    }

    /** Returns what is to be printed. */
    private String evaluate(EvaluationRun run, @Nullable EvaluationFiles files) throws IOException {
        try (RewardModel rewardModel = ModelOptions.load(run.model(), run.options())) {
            return EvaluationJson.metrics(evaluate(rewardModel, run, files).metrics());
        }
    }

    private ComparisonDataset dataset() throws IOException {
        List<ComparisonDataset> all = new ArrayList<>();
        for (String name : datasets) {
            all.add(
                    datasetDirectory == null
                            ? ComparisonDataset.of(Path.of(name))
                            : ComparisonDataset.named(datasetDirectory, name));
        }
        return ComparisonDataset.concat(all);
    }

    private EvaluationReport evaluate(
            RewardModel rewardModel, EvaluationRun run, @Nullable EvaluationFiles files)
            throws IOException {
        PairwiseEvaluation evaluation = new PairwiseEvaluation(mimicry);
        try (ComparisonReader reader = run.dataset().open(run.reading())) {
            if (files != null) {
                begin(files, run.dependencies(rewardModel), reader, evaluation);
            }
            try (Progress progress = progress(run.dataset(), evaluation.pairs())) {
                score(rewardModel, reader, evaluation, files, progress);
            } catch (DatasetException e) {
                if (files != null) {
                    files.dataMayBeMended(evaluation);
                }
                throw badRow(e, files != null);
            }
            if (evaluation.pairs() == 0) {
                throw new FailureException(
                        run.names() + ": there is no comparison to evaluate" + allBad(reader));
            }
            EvaluationReport report =
                    evaluation.report(run.description(rewardModel), reader.skipped());
            summary(report, reader);
            if (files != null) {
                files.end(report);
            }
            return report;
        }
    }

    private void begin(
            EvaluationFiles files,
            Map<String, String> dependencies,
            ComparisonReader reader,
            PairwiseEvaluation evaluation)
            throws IOException {
        if (!resume) {
            files.begin(dependencies, common.quiet() ? Streams.silent() : streams.err());
            return;
        }
        files.goOn(dependencies, reader, evaluation);
        if (evaluation.pairs() > 0) {
            note("Going on after pair %,d.", evaluation.pairs());
        }
    }

    private static String allBad(ComparisonReader reader) {
        return reader.skipped() == 0
                ? ""
                : "; all %,d rows are bad, the first: %s"
                        .formatted(reader.skipped(), reader.firstProblems().get(0).getMessage());
    }

    private static FailureException badRow(DatasetException e, boolean canGoOn) {
        String message = String.valueOf(e.getMessage());
        if (!e.canBeSkipped()) {
            return new FailureException(message, e);
        }
        return new FailureException(
                message.lines().findFirst().orElse("")
                        + (canGoOn
                                ? "\nMend this row or leave it out, and go on with --resume, or pass"
                                        + " over such rows with --skip_bad_rows --resume."
                                : "\nMend this row, leave it out, or pass over such rows with"
                                        + " --skip_bad_rows."),
                e);
    }

    private void score(
            RewardModel rewardModel,
            ComparisonReader reader,
            PairwiseEvaluation evaluation,
            @Nullable EvaluationFiles files,
            Progress progress)
            throws IOException {
        if (files != null) {
            files.open();
        }
        evaluation.score(
                rewardModel,
                reader,
                skipBadRows,
                new EvaluationListener() {
                    @Override
                    public void scored(Comparison comparison, ScoredComparison scored)
                            throws IOException {
                        if (files != null) {
                            files.write(comparison, scored, evaluation);
                        }
                        progress.done(1);
                        progress.note(
                                String.format(
                                        Locale.ROOT,
                                        "accuracy %.4f",
                                        evaluation.accuracy().value()));
                    }

                    @Override
                    public void skipped(Comparison comparison, String reason) {
                        note("%s: %s; left out", comparison.place(), reason);
                        progress.done(1);
                    }
                });
    }

    private Progress progress(ComparisonDataset dataset, long before) throws IOException {
        if (common.quiet() || streams.errColumns() == 0) {
            return Progress.hidden();
        }
        long rows = dataset.countRows();
        long all = maxSamples == null ? rows : Math.min(rows, maxSamples);
        return Progress.shown("eval", "pairs", all - before, streams);
    }

    private void summary(EvaluationReport report, ComparisonReader reader) {
        for (DatasetException problem : reader.firstProblems()) {
            note(
                    "%s; left out",
                    String.valueOf(problem.getMessage()).lines().findFirst().orElse(""));
        }
        if (report.numbers().counts().skipped() > 0) {
            note("%,d bad rows were left out.", report.numbers().counts().skipped());
        }
        note(
                "%,d pairs in %.1f s: %.1f pairs/s; accuracy %.4f (95 %%: %.4f to %.4f)",
                report.numbers().counts().pairs(),
                report.metrics().runtime(),
                report.metrics().samplesPerSecond(),
                report.numbers().accuracy().value(),
                report.numbers().accuracy().lower(),
                report.numbers().accuracy().upper());
    }

    private void note(String format, Object... values) {
        if (!common.quiet()) {
            streams.err().printf(Locale.ROOT, format + "%n", values);
        }
    }

    private void print(String metrics) throws IOException {
        streams.out().write((metrics + "\n").getBytes(StandardCharsets.UTF_8));
        streams.out().flush();
    }

    /** Names of what can be mimicked. */
    static final class MimicryConverter implements ITypeConverter<Mimicry> {
        @Override
        public Mimicry convert(String name) {
            try {
                return Mimicry.named(name);
            } catch (IllegalArgumentException e) {
                throw new TypeConversionException(String.valueOf(e.getMessage()));
            }
        }
    }
}
