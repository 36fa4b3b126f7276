package io.github.baichuanreward.benchmarks.peers;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * What a run of {@code benchmarks/cpu-peers} wrote down. Its lines:
 *
 * <pre>
 * run KEY TEXT                    about the run: date, commit, machine and so on
 * turn CONTESTANT ROUND LINE      what a contestant printed; see {@link ScoringTurn}
 * </pre>
 */
final class PeersLog {

    private final Map<String, String> run = new HashMap<>();
    private final Map<Contestant, String> about = new EnumMap<>(Contestant.class);
    private final Map<Contestant, String> unavailable = new EnumMap<>(Contestant.class);
    private final Map<Contestant, Map<Integer, Double>> rewards = new EnumMap<>(Contestant.class);

    /** Tokens a second by contestant, length and round. */
    private final Map<Contestant, Map<Integer, SortedMap<Integer, List<Double>>>> rates =
            new EnumMap<>(Contestant.class);

    private PeersLog() {}

    /**
     * Reads the lines of a run.
     *
     * @throws IllegalArgumentException if a line is of no known kind; quotes it
     */
    static PeersLog parse(List<String> lines) {
        PeersLog log = new PeersLog();
        for (String line : lines) {
            try {
                log.add(line);
            } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
                throw new IllegalArgumentException("not a line of a run: " + line, e);
            }
        }
        return log;
    }

    /**
     * What the run says under a key.
     *
     * @throws IllegalArgumentException if it says nothing there
     */
    String run(String key) {
        String text = run.get(key);
        if (text == null) {
            throw new IllegalArgumentException("the run does not say its " + key);
        }
        return text;
    }

    /** What ran, by contestant, of those that did. */
    Map<Contestant, String> about() {
        return about;
    }

    /** Why not, by contestant, of those that did not run. */
    Map<Contestant, String> unavailable() {
        return unavailable;
    }

    /** The lengths that were measured. */
    SortedSet<Integer> lengths() {
        SortedSet<Integer> lengths = new TreeSet<>();
        rates.values().forEach(byLength -> lengths.addAll(byLength.keySet()));
        return lengths;
    }

    /** The reward of the sequence of that length, or null. */
    @Nullable Double reward(Contestant contestant, int length) {
        return rewards.getOrDefault(contestant, Map.of()).get(length);
    }

    /** Tokens a second by round, each the median of the round's calls; empty if there are none. */
    SortedMap<Integer, Double> rates(Contestant contestant, int length) {
        SortedMap<Integer, Double> medians = new TreeMap<>();
        rates.getOrDefault(contestant, Map.of())
                .getOrDefault(length, new TreeMap<>())
                .forEach((round, calls) -> medians.put(round, median(calls)));
        return medians;
    }

    /** The middle one, or the mean of the two in the middle. */
    static double median(Iterable<Double> values) {
        List<Double> sorted = new ArrayList<>();
        values.forEach(sorted::add);
        sorted.sort(null);
        int upper = sorted.size() / 2;
        int lower = (sorted.size() - 1) / 2;
        return (sorted.get(lower) + sorted.get(upper)) / 2;
    }

    private void add(String line) {
        List<String> words = Arrays.asList(line.split(" ", 5));
        switch (words.get(0)) {
            case "run" -> run.put(words.get(1), line.split(" ", 3)[2]);
            case "turn" -> {
                int round = Integer.parseInt(words.get(2));
                addTurn(Contestant.of(words.get(1)), round, words.get(3), words.get(4));
            }
            default -> throw new IllegalArgumentException(words.get(0));
        }
    }

    private void addTurn(Contestant contestant, int round, String kind, String rest) {
        switch (kind) {
            case "about" -> about.put(contestant, rest);
            case "unavailable" -> unavailable.put(contestant, rest);
            case "reward" -> {
                Measured measured = Measured.of(rest);
                rewards.computeIfAbsent(contestant, key -> new HashMap<>())
                        .put(measured.length(), measured.value());
            }
            case "rate" -> {
                Measured measured = Measured.of(rest);
                rates.computeIfAbsent(contestant, key -> new HashMap<>())
                        .computeIfAbsent(measured.length(), key -> new TreeMap<>())
                        .computeIfAbsent(round, key -> new ArrayList<>())
                        .add(measured.value());
            }
            default -> throw new IllegalArgumentException(kind);
        }
    }

    /** A number that belongs to a length. */
    private record Measured(int length, double value) {

        static Measured of(String text) {
            String[] words = text.split(" ", 2);
            return new Measured(Integer.parseInt(words[0]), Double.parseDouble(words[1]));
        }
    }
}
