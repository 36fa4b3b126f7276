package io.github.baichuanreward.benchmarks.peers;

import io.github.baichuanreward.LoadOptions;
import io.github.baichuanreward.ModelShape;
import io.github.baichuanreward.RewardModel;
import io.github.baichuanreward.Score;
import io.github.baichuanreward.backend.Precision;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * This library's side of {@code benchmarks/gpu-peers}: a process that keeps a model loaded and
 * takes its turn whenever it is told to. Reads a line, obeys it and prints one:
 *
 * <pre>
 * load PRECISION BACKEND MODEL   a directory, or a shape's name      about TEXT
 * score FILE                     a sequence of ids a line            scored SECONDS REWARD...
 * </pre>
 *
 * or {@code failed TEXT}. Ends with its input. One device: the peers have only one, too.
 */
final class GpuTurn implements AutoCloseable {

    private @Nullable RewardModel model;

    private GpuTurn() {}

    public static void main(String[] arguments) throws IOException {
        BufferedReader in =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        take(new PrintStream(System.out, true, StandardCharsets.UTF_8), in);
    }

    static void take(PrintStream out, BufferedReader in) throws IOException {
        try (GpuTurn turn = new GpuTurn()) {
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                out.println(turn.obey(line));
            }
        }
    }

    /** Fails with a line, not with an end: the peers can go on without. */
    private String obey(String line) {
        String[] words = line.split(" ", 2);
        try {
            return switch (words[0]) {
                case "load" -> load(words[1].split(" ", 3));
                case "score" -> score(Path.of(words[1]));
                default -> throw new IllegalArgumentException("not a line to obey: " + line);
            };
        } catch (IOException | RuntimeException e) {
            return "failed " + String.valueOf(e.getMessage()).replace('\n', ' ');
        }
    }

    private String load(String[] words) throws IOException {
        close();
        LoadOptions options =
                LoadOptions.defaults()
                        .withPrecision(Precision.valueOf(words[0].toUpperCase(Locale.ROOT)))
                        .withBackend(words[1])
                        .withDevices(words[1].equals("cuda") ? List.of(0) : List.of());
        ModelShape shape = ModelShape.named().get(words[2]);
        RewardModel loaded =
                shape == null
                        ? RewardModel.load(Path.of(words[2]), options)
                        : RewardModel.random(shape, options);
        model = loaded;
        return "about " + loaded.backend();
    }

    private String score(Path file) throws IOException {
        if (model == null) {
            throw new IllegalStateException("no model is loaded");
        }
        List<int[]> sequences = Files.readAllLines(file).stream().map(GpuTurn::ids).toList();
        long began = System.nanoTime();
        List<Score> scores = model.scoreIds(sequences);
        double seconds = (System.nanoTime() - began) / 1e9;
        return String.format(Locale.ROOT, "scored %.6f ", seconds)
                + scores.stream()
                        .map(score -> Float.toString(score.reward()))
                        .collect(Collectors.joining(" "));
    }

    private static int[] ids(String line) {
        return Arrays.stream(line.split(" ", -1)).mapToInt(Integer::parseInt).toArray();
    }

    @Override
    public void close() {
        if (model != null) {
            model.close();
            model = null;
        }
    }
}
