package io.github.baichuanreward.cli;

import io.github.baichuanreward.ModelInspection;
import io.github.baichuanreward.backend.BackendChoice;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code reward inspect}: what a model directory holds and where it would run. */
@Command(
        name = "inspect",
        sortOptions = false,
        customSynopsis = "reward inspect --model_name_or_path DIR [OPTIONS]",
        description = {
            "Says what a model directory holds and where it would run, without loading the weights.",
            "",
            "Everything that scoring needs is checked: what scoring would refuse is refused here with"
                    + " the same message. A missing tokenizer is reported, but is no error: token ids"
                    + " can be scored without one.",
            ""
        })
final class InspectCommand implements Callable<Integer> {

    /** Width of the first column. */
    private static final int NAMES = 14;

    @Mixin private final ModelOptions model = new ModelOptions();
    @Mixin private final CommonOptions common = new CommonOptions();

    private final Streams streams;

    InspectCommand(Streams streams) {
        this.streams = streams;
    }

    @Override
    public Integer call() throws IOException {
        common.configureLogging();
        Path directory = model.model();
        if (directory == null) {
            throw new UsageException(
                    "--model_name_or_path is missing: the directory of your reward model");
        }
        ModelInspection inspection = model.inspect(directory);
        String text = String.join("\n", lines(directory, inspection)) + "\n";
        streams.out().write(text.getBytes(StandardCharsets.UTF_8));
        streams.out().flush();
        return 0;
    }

    private static List<String> lines(Path directory, ModelInspection inspection) {
        List<String> lines = new ArrayList<>();
        lines.add(line("directory", directory.toString()));
        lines.add(line("weights", inspection.weights()));
        lines.add(
                line(
                        "parameters",
                        String.format(
                                Locale.ROOT,
                                "%,d in %,d bytes",
                                inspection.parameters(),
                                inspection.bytes())));
        lines.add(
                line(
                        "config",
                        inspection.sizes().entrySet().stream()
                                .map(size -> size.getKey() + " " + size.getValue())
                                .collect(Collectors.joining(", "))));
        ModelInspection.Head head = inspection.head();
        lines.add(line("value head", head.source()));
        lines.add(
                line(
                        "",
                        String.format(
                                Locale.ROOT,
                                "mean %.3g, standard deviation %.3g, bias %.3g",
                                head.mean(),
                                head.standardDeviation(),
                                head.bias())));
        if (head.looksUntrained()) {
            lines.add(
                    line(
                            "",
                            "WARNING: it looks as PyTorch draws a new layer, so rewards may be noise."
                                    + " Was it lost when the model was exported?"));
        }
        ModelInspection.TokenizerState tokenizer = inspection.tokenizer();
        lines.add(
                line(
                        "tokenizer",
                        tokenizer.problem() == null
                                ? tokenizer.pieces() + " pieces"
                                : "texts cannot be scored, only token ids: "
                                        + tokenizer.problem()));
        for (BackendChoice.Candidate candidate : inspection.backends()) {
            lines.add(
                    line(
                            "backend",
                            "%s %s: %s"
                                    .formatted(
                                            candidate.name(),
                                            candidate.chosen() ? "(chosen)" : "(not chosen)",
                                            candidate.reason())));
            candidate.plan().forEach(device -> lines.add(line("", device)));
        }
        if (inspection.noBackend() != null) {
            lines.add(line("backend", "none: " + inspection.noBackend()));
        }
        return lines;
    }

    private static String line(String name, String value) {
        return name + " ".repeat(NAMES - name.length()) + value;
    }
}
