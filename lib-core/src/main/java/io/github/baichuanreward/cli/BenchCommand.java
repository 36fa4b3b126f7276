package io.github.baichuanreward.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.baichuanreward.ModelInspection;
import io.github.baichuanreward.ModelShape;
import io.github.baichuanreward.RewardModel;
import io.github.baichuanreward.ScoringOptions;
import io.github.baichuanreward.cli.TextOptions.PositiveConverter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code reward bench}: how fast this machine scores, with a model of any shape. */
@Command(
        name = "bench",
        sortOptions = false,
        customSynopsis = {
            "reward bench [--shape NAME [--directory DIR]] [OPTIONS]",
            "       reward bench --model_name_or_path DIR [OPTIONS]"
        },
        description = {
            "Measures how fast this machine scores: tokens per second in full batches, and how long"
                    + " one sequence takes alone.",
            "",
            "Without --model_name_or_path the weights are random, and nothing is downloaded. They"
                    + " share a temporary file that is smaller than they are, so a CPU may hold more"
                    + " of them in its caches than of real ones; --directory makes a model of full"
                    + " size.",
            ""
        })
final class BenchCommand implements Callable<Integer> {

    private static final String STANDARD = "-";

    private static final String DEFAULT_SHAPE = "baichuan-13b";

    @Mixin private final ModelOptions model = new ModelOptions();
    @Mixin private final CommonOptions common = new CommonOptions();

    @Option(
            names = "--shape",
            order = -9,
            paramLabel = "NAME",
            description =
                    "Sizes of a model with random weights: baichuan-13b, 788m or tiny (default:"
                            + " baichuan-13b).")
    private @Nullable String shape;

    @Option(
            names = "--directory",
            order = -8,
            paramLabel = "DIR",
            description =
                    "Load the shape from this directory, so that loading from disk is measured; it"
                            + " is written where it is not there yet (26.5 GB for baichuan-13b), and"
                            + " stays.")
    private @Nullable Path directory;

    @Option(
            names = "--lengths",
            order = -7,
            split = ",",
            paramLabel = "N",
            converter = PositiveConverter.class,
            description = "Tokens of the sequences (default: 128,512,2048,4096).")
    private List<Integer> lengths = List.of(128, 512, 2048, 4096);

    @Option(
            names = "--seconds",
            order = -6,
            paramLabel = "N",
            converter = PositiveConverter.class,
            description =
                    "Measure each length for about N seconds, but each thing at least once (default:"
                            + " 10).")
    private int seconds = 10;

    @Option(
            names = "--output",
            order = -5,
            paramLabel = "FILE",
            description =
                    "Write the result as JSON, too; with - to standard output, instead of the table.")
    private @Nullable String output;

    private final Streams streams;

    BenchCommand(Streams streams) {
        this.streams = streams;
    }

    /** What is measured: its name and sizes, and where it lies; nowhere for random windows. */
    private record Subject(String name, Map<String, Number> sizes, @Nullable Path directory) {}

    /**
     * Times of calls, each with so many sequences of one length.
     *
     * @param times in seconds, ascending
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Timing(int length, int sequences, double[] times) {

        /** The time that this share of the calls did not exceed. */
        double quantile(double share) {
            return times[(int) Math.ceil(share * times.length) - 1];
        }

        double median() {
            int middle = times.length / 2;
            return times.length % 2 == 1 ? times[middle] : (times[middle - 1] + times[middle]) / 2;
        }

        double tokensPerSecond(double time) {
            return (double) length * sequences / time;
        }
    }

    private record Result(Timing batch, Timing alone) {}

    @Override
    public Integer call() throws IOException {
        common.configureLogging();
        checkArguments();
        Subject subject = subject();
        requireLengths(subject);
        long start = System.nanoTime();
        try (RewardModel rewardModel = load(subject)) {
            double loading = (System.nanoTime() - start) / 1e9;
            Long bytes =
                    subject.directory == null
                            ? null
                            : (Long) model.inspect(subject.directory).bytes();
            List<Result> results = new ArrayList<>();
            for (int length : lengths) {
                results.add(measure(rewardModel, subject, length));
            }
            byte[] json = json(rewardModel, subject, loading, bytes, results);
            if (STANDARD.equals(output)) {
                streams.out().write(json);
            } else {
                String table = table(rewardModel, subject, loading, bytes, results);
                streams.out().write(table.getBytes(StandardCharsets.UTF_8));
                if (output != null) {
                    Files.write(Path.of(output), json);
                }
            }
            streams.out().flush();
        }
        return 0;
    }

    private void checkArguments() {
        if (model.model() != null && (shape != null || directory != null)) {
            throw new UsageException(
                    "give either --model_name_or_path, or --shape and --directory, not both");
        }
        if (model.model() == null && !model.adapters().isEmpty()) {
            throw new UsageException("--adapter needs --model_name_or_path, the model it is for");
        }
        if (shape != null && !ModelShape.named().containsKey(shape)) {
            throw new UsageException(
                    "'%s' is no shape; known are %s"
                            .formatted(shape, String.join(", ", ModelShape.named().keySet())));
        }
        if (output != null && !output.equals(STANDARD)) {
            Path file = Path.of(output).toAbsolutePath();
            Path folder = Objects.requireNonNullElse(file.getParent(), file);
            if (Files.isDirectory(file) || !Files.isDirectory(folder)) {
                throw new UsageException("--output " + output + " cannot be a file there");
            }
        }
    }

    /** What is measured; a directory that was asked for is there afterwards. */
    private Subject subject() throws IOException {
        Path existing = model.model();
        if (existing != null) {
            return new Subject(existing.toString(), model.inspect(existing).sizes(), existing);
        }
        String name = shape == null ? DEFAULT_SHAPE : shape;
        ModelShape sizes = Objects.requireNonNull(ModelShape.named().get(name));
        Subject subject = new Subject(name + " with random weights", sizes.sizes(), directory);
        if (directory != null) {
            requireLengths(subject); // before gigabytes are written
            if (Files.exists(directory.resolve("config.json"))) {
                ModelInspection there = model.inspect(directory);
                if (!there.sizes().equals(sizes.sizes())) {
                    throw new FailureException(
                            "%s: holds a model of other sizes than %s; give another --directory, or measure it with --model_name_or_path"
                                    .formatted(directory, name));
                }
            } else {
                note("writing random weights to %s", directory);
                sizes.write(directory);
            }
        }
        return subject;
    }

    private void requireLengths(Subject subject) {
        Number most = Objects.requireNonNull(subject.sizes.get("model_max_length"));
        for (int length : lengths) {
            if (length > most.intValue()) {
                throw new UsageException(
                        "--lengths has %d, but %s allows %d (model_max_length)"
                                .formatted(length, subject.name, most.intValue()));
            }
        }
    }

    private RewardModel load(Subject subject) throws IOException {
        note("loading %s", subject.name);
        if (subject.directory != null) {
            return model.load(subject.directory, ScoringOptions.defaults());
        }
        String name = shape == null ? DEFAULT_SHAPE : shape;
        return model.random(Objects.requireNonNull(ModelShape.named().get(name)));
    }

    private Result measure(RewardModel rewardModel, Subject subject, int length) {
        int vocabulary = Objects.requireNonNull(subject.sizes.get("vocab_size")).intValue();
        int full = Math.max(1, rewardModel.batchTokens() / length);
        note("%d tokens: batches of %d", length, full);
        Timing batch = time(rewardModel, vocabulary, length, full);
        note("%d tokens: one at a time", length);
        return new Result(batch, time(rewardModel, vocabulary, length, 1));
    }

    /** Half of the time that a length has, of which the first fifth warms up. */
    private Timing time(RewardModel rewardModel, int vocabulary, int length, int sequences) {
        SplittableRandom random = new SplittableRandom(length);
        double budget = seconds / 2.0;
        List<Double> times = new ArrayList<>();
        long start = System.nanoTime();
        boolean warm = false;
        while (times.isEmpty() || (System.nanoTime() - start) / 1e9 < budget) {
            List<int[]> rows = new ArrayList<>();
            for (int i = 0; i < sequences; i++) {
                rows.add(random.ints(length, 0, vocabulary).toArray());
            }
            long began = System.nanoTime();
            rewardModel.scoreIds(rows);
            long ended = System.nanoTime();
            if (warm) {
                times.add((ended - began) / 1e9);
            }
            warm |= (ended - start) / 1e9 > budget / 5;
        }
        double[] sorted = times.stream().mapToDouble(t -> t).sorted().toArray();
        return new Timing(length, sequences, sorted);
    }

    private static String table(
            RewardModel rewardModel,
            Subject subject,
            double loading,
            @Nullable Long bytes,
            List<Result> results) {
        StringBuilder text = new StringBuilder();
        text.append("model    ").append(subject.name).append('\n');
        text.append("sizes    ")
                .append(
                        String.join(
                                ", ",
                                subject.sizes.entrySet().stream()
                                        .map(size -> size.getKey() + " " + size.getValue())
                                        .toList()))
                .append('\n');
        text.append("backend  ").append(rewardModel.backend()).append('\n');
        text.append(
                bytes == null
                        ? format("loaded   in %.2f s, making the weights included%n", loading)
                        : format(
                                "loaded   %.2f GB in %.2f s, %s%n",
                                bytes / 1e9,
                                loading,
                                isMapped(rewardModel)
                                        ? "mapped: read when they are first used"
                                        : format("%.2f GB/s", bytes / 1e9 / loading)));
        text.append("\n          full batches                                one at a time\n");
        text.append(
                "  tokens    tokens/s   (lowest - highest)  sequences/s     p50 ms     p99 ms\n");
        for (Result result : results) {
            Timing batch = result.batch;
            text.append(
                    format(
                            "%8d  %10.1f  %9.1f - %8.1f  %11.3f  %9.2f  %9.2f%n",
                            batch.length,
                            batch.tokensPerSecond(batch.median()),
                            batch.tokensPerSecond(batch.quantile(1)),
                            batch.tokensPerSecond(batch.times[0]),
                            batch.sequences / batch.median(),
                            1e3 * result.alone.median(),
                            1e3 * result.alone.quantile(0.99)));
        }
        return text.toString();
    }

    /** A CPU's weights stay where they are, so that loading them has no rate. */
    private static boolean isMapped(RewardModel rewardModel) {
        return rewardModel.backend().startsWith("cpu");
    }

    private static byte[] json(
            RewardModel rewardModel,
            Subject subject,
            double loading,
            @Nullable Long bytes,
            List<Result> results)
            throws IOException {
        ObjectMapper mapper = new ObjectMapper();
        ObjectNode json = mapper.createObjectNode();
        json.put("model", subject.name);
        json.set("sizes", mapper.valueToTree(new LinkedHashMap<>(subject.sizes)));
        json.put("backend", rewardModel.backend());
        json.put("batch_tokens", rewardModel.batchTokens());
        ObjectNode load = json.putObject("loading");
        load.put("seconds", loading);
        load.put("includes_making", bytes == null);
        if (bytes != null) {
            load.put("bytes", bytes);
            if (!isMapped(rewardModel)) {
                load.put("gb_per_second", bytes / 1e9 / loading);
            }
        }
        ArrayNode lengths = json.putArray("lengths");
        for (Result result : results) {
            Timing batch = result.batch;
            ObjectNode entry = lengths.addObject();
            entry.put("tokens", batch.length);
            entry.put("batch_sequences", batch.sequences);
            entry.put("batches", batch.times.length);
            entry.put("tokens_per_second", batch.tokensPerSecond(batch.median()));
            entry.put("tokens_per_second_lowest", batch.tokensPerSecond(batch.quantile(1)));
            entry.put("tokens_per_second_highest", batch.tokensPerSecond(batch.times[0]));
            entry.put("sequences_per_second", batch.sequences / batch.median());
            entry.put("alone", result.alone.times.length);
            entry.put("alone_p50_seconds", result.alone.median());
            entry.put("alone_p99_seconds", result.alone.quantile(0.99));
        }
        String text = mapper.writerWithDefaultPrettyPrinter().writeValueAsString(json) + "\n";
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static String format(String format, Object... values) {
        return String.format(Locale.ROOT, format, values);
    }

    private void note(String format, Object... values) {
        if (!common.quiet()) {
            streams.err().printf(Locale.ROOT, "bench: " + format + "%n", values);
        }
    }
}
