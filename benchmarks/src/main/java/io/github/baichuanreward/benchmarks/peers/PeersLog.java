package io.github.baichuanreward.benchmarks.peers;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What a run of {@code benchmarks/cpu-peers} wrote down. Its lines:
 *
 * <pre>
 * run KEY TEXT                                      about the run: date, commit, machine and so on
 * task KIND NAME SEQUENCES TOKENS PAIRS ABOUT       a {@link Task}; PAIRS is 0 where groups are none
 * turn CONTESTANT ROUND LINE                        what a contestant printed; see {@link ScoringTurn}
 * </pre>
 */
final class PeersLog {

    /** A task of a turn. */
    record Described(
            Task.Kind kind, String name, int sequences, long tokens, int pairs, String about) {

        /** The name for people: a length has its unit. */
        String title() {
            return name.matches("[0-9]+") ? name + " tokens" : name;
        }
    }

    private final Map<String, String> run = new HashMap<>();
    private final List<Described> tasks = new ArrayList<>();
    private final Map<Contestant, String> about = new EnumMap<>(Contestant.class);
    private final Map<Contestant, String> unavailable = new EnumMap<>(Contestant.class);

    /** Rewards by contestant, task and sequence; one of each turn that told them. */
    private final Map<Contestant, Map<String, SortedMap<Integer, List<Double>>>> rewards =
            new EnumMap<>(Contestant.class);

    /** What was measured, by contestant, what it is and round. */
    private final Map<Contestant, Map<String, SortedMap<Integer, List<Double>>>> measured =
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

    /** What was asked of all, in order. */
    List<Described> tasks() {
        return tasks;
    }

    /** Those of a kind. */
    List<Described> tasks(Task.Kind kind) {
        return tasks.stream().filter(task -> task.kind() == kind).toList();
    }

    /** The rewards of a task's sequences, by their index; several if several turns told them. */
    SortedMap<Integer, List<Double>> rewards(Contestant contestant, String task) {
        return rewards.getOrDefault(contestant, Map.of()).getOrDefault(task, new TreeMap<>());
    }

    /**
     * Numbers by round.
     *
     * @param what {@code loaded}, {@code lone}, {@code memory peak}, {@code memory anonymous}, or
     *     {@code seconds} and the name of a task
     * @return empty if there are none
     */
    SortedMap<Integer, List<Double>> measured(Contestant contestant, String what) {
        return measured.getOrDefault(contestant, Map.of()).getOrDefault(what, new TreeMap<>());
    }

    private void add(String line) {
        String[] words = line.split(" ", 4);
        switch (words[0]) {
            case "run" -> run.put(words[1], line.split(" ", 3)[2]);
            case "task" -> tasks.add(task(line.split(" ", 7)));
            case "turn" -> addTurn(Contestant.of(words[1]), Integer.parseInt(words[2]), words[3]);
            default -> throw new IllegalArgumentException(words[0]);
        }
    }

    private static Described task(String[] words) {
        return new Described(
                Task.Kind.of(words[1]),
                words[2],
                Integer.parseInt(words[3]),
                Long.parseLong(words[4]),
                Integer.parseInt(words[5]),
                words[6]);
    }

    private void addTurn(Contestant contestant, int round, String line) {
        List<String> words = Arrays.asList(line.split(" ", -1));
        switch (words.get(0)) {
            case "about" -> about.put(contestant, line.split(" ", 2)[1]);
            case "unavailable" -> unavailable.put(contestant, line.split(" ", 2)[1]);
            case "reward" ->
                    add(
                            rewards,
                            contestant,
                            words.get(1),
                            Integer.parseInt(words.get(2)),
                            words.get(3));
            case "loaded", "lone" -> add(measured, contestant, words.get(0), round, words.get(1));
            case "seconds", "memory" ->
                    add(
                            measured,
                            contestant,
                            words.get(0) + " " + words.get(1),
                            round,
                            words.get(2));
            default -> throw new IllegalArgumentException(words.get(0));
        }
    }

    private static void add(
            Map<Contestant, Map<String, SortedMap<Integer, List<Double>>>> to,
            Contestant contestant,
            String what,
            int number,
            String value) {
        to.computeIfAbsent(contestant, key -> new HashMap<>())
                .computeIfAbsent(what, key -> new TreeMap<>())
                .computeIfAbsent(number, key -> new ArrayList<>())
                .add(Double.parseDouble(value));
    }
}
