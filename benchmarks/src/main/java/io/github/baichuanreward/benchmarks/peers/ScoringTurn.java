package io.github.baichuanreward.benchmarks.peers;

import io.github.baichuanreward.LoadOptions;
import io.github.baichuanreward.RewardModel;
import io.github.baichuanreward.Score;
import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.backend.Precision;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * This library's turn in a round: does the tasks of a folder on the CPU, all sequences of a task in
 * one call, and prints what it found, a line each:
 *
 * <pre>
 * about TEXT                   what ran
 * loaded SECONDS               from the start of the program to the first reward
 * seconds NAME SECONDS         for all sequences of that task; once for each time
 * lone MILLISECONDS            for a request; once for each
 * reward NAME INDEX REWARD     of a task's sequence, from 0
 * memory peak KIB              most that was resident, mapped files among it
 * memory anonymous KIB         resident at the end without mapped files
 * unavailable TEXT             instead of all others, if the backend does not have the precision
 * </pre>
 *
 * <p>The peers' programs print the same. Memory is told where there is {@code /proc/self/status}.
 */
final class ScoringTurn {

    private static final Path STATUS = Path.of("/proc/self/status");

    private final PrintStream out;
    private final Path folder;

    private ScoringTurn(PrintStream out, Path folder) {
        this.out = out;
        this.folder = folder;
    }

    /** Arguments: MODEL_DIRECTORY PRECISION THREADS TASKS, a folder that {@link Tasks} wrote. */
    public static void main(String[] arguments) throws IOException {
        if (arguments.length != 4) {
            throw new IllegalArgumentException("needed: MODEL_DIRECTORY PRECISION THREADS TASKS");
        }
        LoadOptions options =
                LoadOptions.defaults()
                        .withBackend("cpu")
                        .withPrecision(Precision.valueOf(arguments[1].toUpperCase(Locale.ROOT)))
                        .withThreads(Integer.parseInt(arguments[2]));
        take(System.out, Path.of(arguments[0]), options, Path.of(arguments[3]));
    }

    static void take(PrintStream out, Path directory, LoadOptions options, Path folder)
            throws IOException {
        List<Task> tasks = Task.read(folder);
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
            ScoringTurn turn = new ScoringTurn(out, folder);
            turn.print("about %s; %s", javaVersion(), model.backend());
            for (Task task : tasks) {
                turn.take(task, model);
            }
            turn.memory("peak", "VmHWM");
            turn.memory("anonymous", "RssAnon");
        }
    }

    private void take(Task task, RewardModel model) throws IOException {
        List<int[]> sequences = task.sequences(folder);
        List<Score> scores = List.of();
        for (int i = 0; i < task.repeats(); i++) {
            long start = System.nanoTime();
            scores = model.scoreIds(sequences);
            double seconds = (System.nanoTime() - start) / 1e9;
            switch (task.kind()) {
                case LOAD -> print("loaded %.3f", sinceStart());
                case WARM -> {}
                case SPEED -> print("seconds %s %.6f", task.name(), seconds);
                case LONE -> print("lone %.3f", 1e3 * seconds);
            }
        }
        if (task.kind() != Task.Kind.WARM) {
            for (int i = 0; i < scores.size(); i++) {
                print("reward %s %d %.6f", task.name(), i, scores.get(i).reward());
            }
        }
    }

    private void memory(String name, String field) throws IOException {
        if (!Files.isReadable(STATUS)) {
            return;
        }
        for (String line : Files.readAllLines(STATUS)) {
            String[] words = line.split("\\s+", -1);
            if (words[0].equals(field + ":")) {
                print("memory %s %s", name, words[1]);
            }
        }
    }

    /** The virtual machine's own start is among it. */
    private static double sinceStart() {
        long start = ManagementFactory.getRuntimeMXBean().getStartTime();
        return (System.currentTimeMillis() - start) / 1e3;
    }

    private static String javaVersion() {
        return System.getProperty("java.vm.name") + " " + System.getProperty("java.version");
    }

    private void print(String format, Object... values) {
        out.println(String.format(Locale.ROOT, format, values));
    }
}
