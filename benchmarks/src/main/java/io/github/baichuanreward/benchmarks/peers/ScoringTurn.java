package io.github.baichuanreward.benchmarks.peers;

import io.github.baichuanreward.LoadOptions;
import io.github.baichuanreward.RewardModel;
import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.backend.Precision;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * This library's turn in a round: loads the model on the CPU, scores one sequence of each length to
 * warm up, then each again several times, and prints what it found, a line each:
 *
 * <pre>
 * about TEXT                 what ran
 * reward LENGTH REWARD       of the sequence of that length
 * rate LENGTH TOKENS/S       of one call; several of them
 * unavailable TEXT           instead of all others, if the backend does not have the precision
 * </pre>
 */
final class ScoringTurn {

    /** Smaller ids are control and byte tokens in the vocabulary made up for llama.cpp. */
    private static final int FIRST_ID = 259;

    private static final int DIFFERENT_IDS = 3000;

    private ScoringTurn() {}

    /** Arguments: MODEL_DIRECTORY PRECISION THREADS REPEATS LENGTH... */
    public static void main(String[] arguments) throws IOException {
        if (arguments.length < 5) {
            throw new IllegalArgumentException(
                    "needed: MODEL_DIRECTORY PRECISION THREADS REPEATS LENGTH...");
        }
        LoadOptions options =
                LoadOptions.defaults()
                        .withBackend("cpu")
                        .withPrecision(Precision.valueOf(arguments[1].toUpperCase(Locale.ROOT)))
                        .withThreads(Integer.parseInt(arguments[2]));
        int repeats = Integer.parseInt(arguments[3]);
        List<Integer> lengths = Arrays.stream(arguments).skip(4).map(Integer::valueOf).toList();
        take(System.out, Path.of(arguments[0]), options, repeats, lengths);
    }

    static void take(
            PrintStream out,
            Path directory,
            LoadOptions options,
            int repeats,
            List<Integer> lengths)
            throws IOException {
        RewardModel loaded;
        try {
            loaded = RewardModel.load(directory, options);
        } catch (BackendException e) {
            // Float32 is what every backend has: without it, something is wrong.
            if (options.precision() == Precision.FLOAT32) {
                throw e;
            }
            out.printf("unavailable %s%n", e.getMessage());
            return;
        }
        try (RewardModel model = loaded) {
            out.printf("about %s; %s%n", javaVersion(), model.backend());
            for (int length : lengths) {
                float reward = model.scoreIds(List.of(ids(length))).get(0).reward();
                out.printf(Locale.ROOT, "reward %d %.6f%n", length, reward);
            }
            for (int length : lengths) {
                List<int[]> sequence = List.of(ids(length));
                for (int i = 0; i < repeats; i++) {
                    long start = System.nanoTime();
                    model.scoreIds(sequence);
                    double seconds = (System.nanoTime() - start) / 1e9;
                    out.printf(Locale.ROOT, "rate %d %.2f%n", length, length / seconds);
                }
            }
        }
    }

    /** The ids that all who take part compute with; the peers' programs make the same. */
    static int[] ids(int length) {
        int[] ids = new int[length];
        for (int i = 0; i < length; i++) {
            ids[i] = FIRST_ID + i * 37 % DIFFERENT_IDS;
        }
        return ids;
    }

    private static String javaVersion() {
        return System.getProperty("java.vm.name") + " " + System.getProperty("java.version");
    }
}
