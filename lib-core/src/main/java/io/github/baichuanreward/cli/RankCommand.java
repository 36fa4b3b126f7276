package io.github.baichuanreward.cli;

import io.github.baichuanreward.ItemException;
import io.github.baichuanreward.RankedAnswer;
import io.github.baichuanreward.RewardModel;
import io.github.baichuanreward.rows.JsonRow;
import io.github.baichuanreward.rows.RowException;
import io.github.baichuanreward.rows.RowWriter;
import io.github.baichuanreward.rows.ShortestFloat;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code reward rank}: the answers to one prompt, the best first. */
@Command(
        name = "rank",
        sortOptions = false,
        customSynopsis = {
            "reward rank --model_name_or_path DIR --prompt TEXT --answer TEXT [--answer TEXT ...]",
            "            [--output FILE]"
        },
        description = {
            "Puts the answers to a prompt in order, the best first.",
            "",
            "Each line shows an answer's reward, the probability that it is better than the answer"
                    + " below it, as the model was trained to say it, and the answer.",
            "Rows of --output are {\"prompt\": ..., \"answer\": ..., \"reward\": ...,"
                    + " \"beats_next\": ...}; beats_next of the last one is null.",
            ""
        })
final class RankCommand implements Callable<Integer> {

    @Mixin private final ModelOptions model = new ModelOptions();
    @Mixin private final TextOptions text = new TextOptions();
    @Mixin private final CommonOptions common = new CommonOptions();

    @Option(
            names = "--prompt",
            order = -9,
            required = true,
            paramLabel = "TEXT",
            description = "The prompt.")
    private String prompt = "";

    @Option(
            names = "--answer",
            order = -8,
            required = true,
            paramLabel = "TEXT",
            description = "An answer to it; may be given more than once.")
    private List<String> answers = List.of();

    @Option(
            names = "--output",
            order = -7,
            paramLabel = "FILE",
            description =
                    "Write rows instead of a table: to a .jsonl, .json, .csv or .tsv file, which is"
                            + " replaced, or with - JSON lines to standard output.")
    private @Nullable String output;

    private final Streams streams;

    RankCommand(Streams streams) {
        this.streams = streams;
    }

    @Override
    public Integer call() throws IOException {
        common.configureLogging();
        if (output != null) {
            FileOptions.checkOutput(output);
        }
        Path directory = model.model();
        if (directory == null) {
            throw new UsageException(
                    "--model_name_or_path is missing: the directory of your reward model");
        }
        try (RewardModel rewardModel = model.load(directory, text.scoring())) {
            List<RankedAnswer> ranked = rank(rewardModel);
            if (output != null) {
                writeRows(output, ranked);
            } else {
                String table = RewardTable.ofRanked(prompt, ranked, streams.outColumns());
                streams.out().write(table.getBytes(StandardCharsets.UTF_8));
                streams.out().flush();
            }
        }
        return 0;
    }

    private List<RankedAnswer> rank(RewardModel rewardModel) {
        try {
            return rewardModel.rank(prompt, answers);
        } catch (ItemException e) {
            throw new FailureException("answer " + (e.index() + 1) + ": " + e.reason(), e);
        }
    }

    private void writeRows(String file, List<RankedAnswer> ranked) throws IOException {
        try (RowWriter writer = FileOptions.openOutput(file, streams)) {
            for (RankedAnswer answer : ranked) {
                Map<String, String> row = new LinkedHashMap<>();
                row.put("prompt", JsonRow.quote(prompt));
                row.put("answer", JsonRow.quote(answer.answer()));
                row.put(RowScorer.REWARD, ShortestFloat.toString(answer.score().reward()));
                row.put("beats_next", probability(answer.beatsNext()));
                writer.write(JsonRow.empty(), row);
            }
        } catch (RowException e) {
            throw new FailureException(e.reason(), e);
        }
    }

    /** A float is as fine as the rewards are. */
    private static String probability(double value) {
        return Double.isNaN(value) ? "null" : ShortestFloat.toString((float) value);
    }
}
