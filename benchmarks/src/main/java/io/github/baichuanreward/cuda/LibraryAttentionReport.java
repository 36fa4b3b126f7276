package io.github.baichuanreward.cuda;

import io.github.baichuanreward.ModelShape;
import io.github.baichuanreward.checkpoint.DType;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * Runs {@link LibraryAttentionBenchmark} once, of both ways and all lengths, and prints a section
 * of a result: Markdown. Where libraries are missing the kernel is measured alone, and a sentence
 * says why.
 *
 * <p>Arguments: SHAPE (a name of {@link ModelShape#named}), LENGTHS (such as {@code 128,512}),
 * SECONDS for each figure, and, where they are not in the usual places, the folder of CUDA's
 * libraries.
 */
final class LibraryAttentionReport {

    private static final int ITERATIONS = 7;

    /** Microseconds of an iteration: the median, the lowest and the highest. */
    record Times(double median, double lowest, double highest) {

        @Override
        public String toString() {
            return String.format(Locale.ROOT, "%.1f (%.1f to %.1f)", median, lowest, highest);
        }
    }

    private final StringBuilder text = new StringBuilder();
    private final DType half = DType.BFLOAT16;
    private final int heads;
    private final int headDim;
    private final int batchTokens;

    LibraryAttentionReport(int heads, int headDim, int batchTokens) {
        this.heads = heads;
        this.headDim = headDim;
        this.batchTokens = batchTokens;
    }

    public static void main(String[] arguments) throws RunnerException {
        ModelShape shape = arguments.length < 3 ? null : ModelShape.named().get(arguments[0]);
        if (shape == null || arguments.length > 4) {
            throw new IllegalArgumentException(
                    "needed: SHAPE LENGTHS SECONDS [CUDA_LIBRARIES]; shapes are "
                            + ModelShape.named().keySet());
        }
        Path libraries = arguments.length == 4 ? Path.of(arguments[3]) : null;
        int[] lengths =
                Arrays.stream(arguments[1].split(",", -1)).mapToInt(Integer::parseInt).toArray();
        LibraryAttentionReport report =
                new LibraryAttentionReport(
                        shape.heads(),
                        shape.hidden() / shape.heads(),
                        Arrays.stream(lengths).max().orElseThrow());
        System.out.print(report.measure(lengths, Double.parseDouble(arguments[2]), libraries));
    }

    private String measure(int[] lengths, double seconds, @Nullable Path libraries)
            throws RunnerException {
        title();
        List<AttentionWay> ways = new ArrayList<>();
        for (AttentionWay way : AttentionWay.values()) {
            String problem = LibraryAttentionBenchmark.problem(way, libraries);
            if (problem == null) {
                ways.add(way);
            } else {
                line("Not measured: %s: %s.%n", name(way), problem);
            }
        }
        List<String> measured = new ArrayList<>();
        for (int length : lengths) {
            if (LibraryAttention.takes(length)) {
                measured.add(Integer.toString(length));
            } else {
                line("Not measured: %d tokens, which matrices of cuBLAS cannot have.%n", length);
            }
        }
        if (!ways.isEmpty() && !measured.isEmpty()) {
            ways.forEach(way -> describe(way, Integer.parseInt(measured.get(0))));
            line("");
            table(byLength(run(ways, measured, seconds, libraries)));
        }
        return text.toString();
    }

    private void title() {
        line("## Attention of a layer, beside libraries%n");
        line(
                "%d heads of %d, %s, batches of %d tokens; the libraries' products and softmax, with"
                        + " a bias matrix for ALiBi and mask, against the kernel. One run of JMH:"
                        + " microseconds, the median of %d iterations, the lowest and the highest."
                        + " Both were compared with float64 first.%n",
                heads, headDim, half.name().toLowerCase(Locale.ROOT), batchTokens, ITERATIONS);
    }

    /** Computes it once in this process, too. */
    private void describe(AttentionWay way, int tokens) {
        LibraryAttentionBenchmark once = new LibraryAttentionBenchmark();
        once.way = way;
        once.half = half;
        once.tokens = tokens;
        once.batchTokens = tokens;
        once.heads = heads;
        once.headDim = headDim;
        once.open();
        try {
            line(
                    "- %s: %s; relative error of a row up to %.1e at %d tokens, at most %.1e allowed",
                    name(way), once.description(), once.error(), tokens, way.tolerance(half));
        } finally {
            once.close();
        }
    }

    private Collection<RunResult> run(
            List<AttentionWay> ways, List<String> lengths, double seconds, @Nullable Path libraries)
            throws RunnerException {
        long milliseconds = Math.max(1, Math.round(1e3 * seconds / ITERATIONS));
        ChainedOptionsBuilder options =
                new OptionsBuilder()
                        .include(LibraryAttentionBenchmark.class.getName())
                        .param("way", ways.stream().map(Enum::name).toArray(String[]::new))
                        .param("tokens", lengths.toArray(new String[0]))
                        .param("batchTokens", Integer.toString(batchTokens))
                        .param("heads", Integer.toString(heads))
                        .param("headDim", Integer.toString(headDim))
                        .param("half", half.name())
                        .warmupTime(TimeValue.milliseconds(milliseconds))
                        .measurementIterations(ITERATIONS)
                        .measurementTime(TimeValue.milliseconds(milliseconds))
                        .shouldFailOnError(true)
                        .verbosity(VerboseMode.SILENT);
        if (libraries != null) {
            options.jvmArgs("-D%s=%s".formatted(LibraryAttentionBenchmark.LIBRARIES, libraries));
        }
        return new Runner(options.build()).run();
    }

    private static SortedMap<Integer, Map<AttentionWay, Times>> byLength(
            Collection<RunResult> results) {
        SortedMap<Integer, Map<AttentionWay, Times>> all = new TreeMap<>();
        for (RunResult result : results) {
            var statistics = result.getPrimaryResult().getStatistics();
            int tokens = Integer.parseInt(result.getParams().getParam("tokens"));
            all.computeIfAbsent(tokens, length -> new EnumMap<>(AttentionWay.class))
                    .put(
                            AttentionWay.valueOf(result.getParams().getParam("way")),
                            new Times(
                                    statistics.getPercentile(50),
                                    statistics.getMin(),
                                    statistics.getMax()));
        }
        return all;
    }

    /** Of what was measured; without libraries their columns are empty. */
    String table(SortedMap<Integer, Map<AttentionWay, Times>> times) {
        line(
                "| tokens | sequences | kernel, us | libraries, us | times as fast | kernel, TFLOP/s |");
        line("|---|---|---|---|---|---|");
        times.forEach(
                (tokens, each) -> {
                    int sequences = Math.max(1, batchTokens / tokens);
                    Times kernel = each.get(AttentionWay.KERNEL);
                    Times libraries = each.get(AttentionWay.LIBRARIES);
                    if (kernel == null) {
                        throw new IllegalArgumentException("the kernel was not measured");
                    }
                    double operations =
                            new AttentionTask.Shape(half, sequences, tokens, heads, headDim)
                                    .operations();
                    line(
                            "| %d | %d | %s | %s | %s | %.1f |",
                            tokens,
                            sequences,
                            kernel,
                            libraries == null ? "" : libraries,
                            libraries == null
                                    ? ""
                                    : String.format(
                                            Locale.ROOT,
                                            "%.2f",
                                            libraries.median() / kernel.median()),
                            operations / kernel.median() / 1e6);
                });
        return text.toString();
    }

    private static String name(AttentionWay way) {
        return way.name().toLowerCase(Locale.ROOT);
    }

    @SuppressWarnings("AnnotateFormatMethod")
    private void line(String format, Object... values) {
        text.append(String.format(Locale.ROOT, format, values)).append('\n');
    }
}
