package io.github.baichuanreward.benchmarks;

import io.github.baichuanreward.LoadOptions;
import io.github.baichuanreward.RewardModel;
import io.github.baichuanreward.ScoredBatch;
import io.github.baichuanreward.backend.Backend;
import io.github.baichuanreward.backend.BackendChoice;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.batch.PackedBatch;
import io.github.baichuanreward.model.BaichuanWeights;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * What the queue costs and what it gains: beside batches that were packed by hand, with answers
 * that share a prompt, and with many callers at once. Prints Markdown.
 *
 * <p>Arguments: DIR (a model), BACKEND (cpu or cuda), ROUNDS (of what is compared, at least) and
 * SECONDS (of a list beside batches, at least, and of many callers).
 */
public final class QueueMeasurements {

    private static final int CALLERS = 64;

    private final RewardModel model;
    private final Backend backend;
    private final int vocabulary;
    private final int rounds;
    private final double seconds;
    private final Random random = new Random(1);

    private QueueMeasurements(
            RewardModel model, Backend backend, int vocabulary, int rounds, double seconds) {
        this.model = model;
        this.backend = backend;
        this.vocabulary = vocabulary;
        this.rounds = rounds;
        this.seconds = seconds;
    }

    /**
     * Measures.
     *
     * @throws IllegalArgumentException if the arguments are not those above
     * @throws IOException if the model cannot be read
     */
    public static void main(String[] arguments) throws Exception {
        if (arguments.length != 4) {
            throw new IllegalArgumentException("needed: DIR BACKEND ROUNDS SECONDS");
        }
        Path directory = Path.of(arguments[0]);
        BaichuanWeights weights = BaichuanWeights.open(directory, List.of());
        BackendRequest request = new BackendRequest(weights, Precision.AUTO, List.of(), 0, 0);
        LoadOptions options = LoadOptions.defaults().withBackend(arguments[1]);
        try (Backend backend = BackendChoice.of(arguments[1], request).open();
                RewardModel model = RewardModel.load(directory, options)) {
            QueueMeasurements measurements =
                    new QueueMeasurements(
                            model,
                            backend,
                            weights.config().vocabulary(),
                            Integer.parseInt(arguments[2]),
                            Double.parseDouble(arguments[3]));
            print("`%s`, batches of %d tokens.%n%n", model.backend(), model.batchTokens());
            measurements.beside();
            measurements.shared(512, 16, 64);
            measurements.shared(512, 16, 256);
            measurements.callers();
        }
    }

    /** The same full batches, by hand and from a list. */
    private void beside() {
        int length = Math.min(128, backend.batchTokens());
        List<int[]> sequences = new ArrayList<>();
        for (int s = 0; s < 4 * (backend.batchTokens() / length); s++) {
            sequences.add(random.ints(length, 0, vocabulary).toArray());
        }
        List<PackedBatch> batches = PackedBatch.pack(sequences, backend.batchTokens());
        List<Double> byHand = new ArrayList<>();
        List<Double> byQueue = new ArrayList<>();
        List<Double> ratios = new ArrayList<>();
        long start = System.nanoTime();
        // Short rounds differ by more than what is looked for: of those there are more.
        for (int n = -1; n < rounds || (System.nanoTime() - start) / 1e9 < seconds; n++) {
            boolean handFirst = n % 2 == 0; // whichever comes second may be faster
            double first = beside(handFirst, batches, sequences);
            double second = beside(!handFirst, batches, sequences);
            if (n >= 0) {
                byHand.add(handFirst ? first : second);
                byQueue.add(handFirst ? second : first);
                ratios.add(handFirst ? second / first : first / second);
            }
        }
        long tokens = (long) length * sequences.size();
        print("### A list beside batches that were packed by hand%n%n");
        print(
                "%d sequences of %d tokens, %d round%s, both in each, by turns first; medians.%n%n",
                sequences.size(), length, ratios.size(), ratios.size() == 1 ? "" : "s");
        print(
                "| by hand, tokens/s | a list, tokens/s | time, list / by hand (lowest - highest) |%n");
        print("|---|---|---|%n");
        print(
                "| %.1f | %.1f | %.4f (%.4f - %.4f) |%n%n",
                tokens / median(byHand),
                tokens / median(byQueue),
                median(ratios),
                Collections.min(ratios),
                Collections.max(ratios));
    }

    private double beside(boolean byHand, List<PackedBatch> batches, List<int[]> sequences) {
        return byHand
                ? seconds(() -> batches.forEach(backend::score))
                : seconds(() -> model.scoreIds(sequences));
    }

    /** Answers to one prompt, beside the same without sharing. */
    private void shared(int prompt, int answers, int length) {
        List<Double> apart = new ArrayList<>();
        List<Double> together = new ArrayList<>();
        List<Double> ratios = new ArrayList<>();
        for (int round = -1; round < rounds; round++) {
            int[] ids = random.ints(prompt, 0, vocabulary).toArray();
            List<int[]> sequences = new ArrayList<>();
            for (int a = 0; a < answers; a++) {
                int[] sequence = Arrays.copyOf(ids, prompt + length);
                for (int t = prompt; t < sequence.length; t++) {
                    sequence[t] = random.nextInt(vocabulary);
                }
                sequences.add(sequence);
            }
            List<PackedBatch> batches = PackedBatch.pack(sequences, backend.batchTokens());
            float[] alone = new float[answers];
            double apartSeconds =
                    seconds(
                            () ->
                                    batches.forEach(
                                            batch -> batch.scatter(alone, backend.score(batch))));
            List<Float> rewards = new ArrayList<>();
            double togetherSeconds =
                    seconds(
                            () ->
                                    model.scoreIds(sequences)
                                            .forEach(score -> rewards.add(score.reward())));
            for (int a = 0; a < answers; a++) {
                if (Float.floatToIntBits(alone[a]) != Float.floatToIntBits(rewards.get(a))) {
                    throw new IllegalStateException("answer " + a + " has other bits when shared");
                }
            }
            if (round >= 0) {
                apart.add(apartSeconds);
                together.add(togetherSeconds);
                ratios.add(apartSeconds / togetherSeconds);
            }
        }
        print("### Best of %d: a prompt of %d tokens, answers of %d%n%n", answers, prompt, length);
        print("| each alone, s | sharing the prompt, s | times as fast (lowest - highest) |%n");
        print("|---|---|---|%n");
        print(
                "| %.3f | %.3f | %.2f (%.2f - %.2f) |%n%n",
                median(apart),
                median(together),
                median(ratios),
                Collections.min(ratios),
                Collections.max(ratios));
    }

    /** Each thread asks for one sequence, waits for it, and asks for the next. */
    private void callers() throws InterruptedException, ExecutionException {
        List<ScoredBatch> batches = new CopyOnWriteArrayList<>();
        model.addListener(batches::add);
        ConcurrentLinkedQueue<Double> latencies = new ConcurrentLinkedQueue<>();
        long start = System.nanoTime();
        ExecutorService threads = Executors.newFixedThreadPool(CALLERS);
        List<Future<?>> ends = new ArrayList<>();
        for (int caller = 0; caller < CALLERS; caller++) {
            int seed = caller;
            ends.add(
                    threads.submit(
                            () -> {
                                Random own = new Random(seed);
                                while ((System.nanoTime() - start) / 1e9 < seconds) {
                                    int[] ids = own.ints(length(own), 0, vocabulary).toArray();
                                    latencies.add(seconds(() -> model.scoreIds(List.of(ids))));
                                }
                            }));
        }
        for (Future<?> end : ends) {
            end.get();
        }
        double elapsed = (System.nanoTime() - start) / 1e9;
        threads.shutdown();
        double[] sorted = latencies.stream().mapToDouble(t -> t).sorted().toArray();
        double plan = batches.stream().mapToDouble(batch -> batch.planNanos() / 1e9).sum();
        double device = batches.stream().mapToDouble(batch -> batch.deviceNanos() / 1e9).sum();
        double longest = batches.stream().mapToDouble(b -> b.deviceNanos() / 1e6).max().orElse(0);
        print("### %d callers, one sequence of 16 to 239 tokens at a time%n%n", CALLERS);
        print("| what | value |%n|---|---|%n");
        print("| seconds | %.1f |%n", elapsed);
        print("| sequences/s | %.1f |%n", sorted.length / elapsed);
        print(
                "| tokens/s | %.1f |%n",
                batches.stream().mapToLong(ScoredBatch::tokens).sum() / elapsed);
        print("| sequences a batch | %.1f |%n", (double) sorted.length / batches.size());
        print("| latency p50, ms | %.1f |%n", 1e3 * sorted[sorted.length / 2]);
        print("| latency p99, ms | %.1f |%n", 1e3 * sorted[(int) (0.99 * sorted.length)]);
        print("| latency highest, ms | %.1f |%n", 1e3 * sorted[sorted.length - 1]);
        print("| longest batch, ms | %.1f |%n", longest);
        print("| share of the time that the device is busy | %.2f %% |%n", 100 * device / elapsed);
        print("| share of the time that planning takes | %.3f %% |%n%n", 100 * plan / elapsed);
    }

    private static int length(Random random) {
        return 16 + random.nextInt(224);
    }

    private static double seconds(Runnable work) {
        long start = System.nanoTime();
        work.run();
        return (System.nanoTime() - start) / 1e9;
    }

    private static double median(List<Double> values) {
        List<Double> sorted = values.stream().sorted().toList();
        int middle = sorted.size() / 2;
        return sorted.size() % 2 == 1
                ? sorted.get(middle)
                : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
    }

    private static void print(String format, Object... values) {
        System.out.print(String.format(Locale.ROOT, format, values));
    }
}
