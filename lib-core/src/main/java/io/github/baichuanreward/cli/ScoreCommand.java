package io.github.baichuanreward.cli;

import io.github.baichuanreward.ItemException;
import io.github.baichuanreward.PromptAnswer;
import io.github.baichuanreward.RewardModel;
import io.github.baichuanreward.Score;
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
            "       reward score --model_name_or_path DIR --input FILE [--output FILE]"
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
        try (RowReader reader = files.openInput(streams);
                RewardModel rewardModel = load();
                RowWriter writer = files.openOutput(streams)) {
            long start = System.nanoTime();
            RowScorer scorer = new RowScorer(rewardModel, writer);
            try (Progress progress = progress()) {
                scorer.scoreAll(reader, progress);
            } catch (RowException e) {
                throw files.failure(e, scorer.rows());
            }
            summary(scorer, (System.nanoTime() - start) / 1e9);
        }
    }

    private Progress progress() throws IOException {
        // On one terminal the rows themselves show how far it is, and a bar would run into them.
        boolean rowsOnTerminal = files.writesStandardOutput() && streams.outColumns() > 0;
        return common.quiet() || streams.errColumns() == 0 || rowsOnTerminal
                ? Progress.hidden()
                : Progress.shown("score", files.countRows(), streams);
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
