package io.github.baichuanreward.cli;

import io.github.baichuanreward.LoadOptions;
import io.github.baichuanreward.RewardModel;
import io.github.baichuanreward.eval.ComparisonDataset;
import io.github.baichuanreward.eval.DatasetOptions;
import io.github.baichuanreward.eval.Mimicry;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * What is evaluated and how: for those who read the results, and to tell evaluations apart.
 *
 * @param model directory of the model
 * @param dataset the comparisons
 * @param reading how they are read
 * @param options how the model is loaded
 * @param mimicry the program whose arithmetic is repeated
 */
record EvaluationRun(
        Path model,
        ComparisonDataset dataset,
        DatasetOptions reading,
        LoadOptions options,
        Mimicry mimicry) {

    /** All that the rewards and their order depend on. */
    Map<String, String> dependencies(RewardModel loaded) throws IOException {
        Map<String, String> all = dependencies();
        // The number of threads is no part of it: it changes no reward.
        all.put("backend", loaded.backend().replaceFirst(", \\d+ threads?$", ""));
        return all;
    }

    private Map<String, String> dependencies() throws IOException {
        Map<String, String> all = new LinkedHashMap<>();
        List<String> contents = new ArrayList<>();
        for (Path file : dataset.files()) {
            contents.add(RunRecord.contents(file));
        }
        all.put(RunRecord.INPUT, String.join("; ", contents));
        all.put(RunRecord.MODEL, RunRecord.models(List.of(model)));
        all.put(RunRecord.ADAPTERS, RunRecord.models(options.adapters()));
        all.putAll(TextOptions.values(options.scoring()));
        all.put(
                "--max_samples",
                reading.maxSamples() == 0 ? "unlimited" : Long.toString(reading.maxSamples()));
        all.put("--subset_column", String.valueOf(reading.subsetColumn()));
        all.put("--mimic", mimicry.toString());
        all.put("version", Main.version());
        return all;
    }

    /** Tells evaluations apart, before a model is loaded. */
    String fingerprint() throws IOException {
        Map<String, String> all = dependencies();
        all.put("--backend", options.backend());
        all.put("--precision", options.precision().toString());
        return RunRecord.fingerprint(all);
    }

    /** For people who read the report. */
    Map<String, String> description(RewardModel loaded) throws IOException {
        Map<String, String> run = new LinkedHashMap<>();
        run.put("model", model.toString());
        if (!options.adapters().isEmpty()) {
            run.put(
                    "adapters",
                    options.adapters().stream()
                            .map(Path::toString)
                            .collect(Collectors.joining(", ")));
        }
        run.put("data", names());
        if (reading.maxSamples() > 0) {
            run.put("max_samples", Long.toString(reading.maxSamples()));
        }
        TextOptions.values(options.scoring())
                .forEach((option, value) -> run.put(option.replaceFirst("^--", ""), value));
        run.put("backend", loaded.backend());
        if (mimicry != Mimicry.NONE) {
            run.put("mimic", mimicry.toString());
            run.put(
                    "mimicked",
                    "value head and rewards rounded to float16, loss in float16 averaged over batches"
                            + " of 8 pairs, two decimals in generated_predictions.jsonl");
            run.put(
                    "not mimicked",
                    "float16 inside the model, left padding, and ALiBi rounded to float16 at absolute"
                            + " positions, by which the original's rewards depended on their batch");
        }
        run.put("version", Main.version());
        run.put(EvaluationFiles.FINGERPRINT, fingerprint());
        return run;
    }

    /** The files of the data. */
    String names() {
        return dataset.files().stream().map(Path::toString).collect(Collectors.joining(", "));
    }
}
