package io.github.baichuanreward.benchmarks.peers;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * Writes what contestants do in their turns: the files that {@link Task} describes. Nobody else
 * makes token ids, and so all compute the same. Prints what {@link PeersLog} should know of each
 * task.
 */
final class Tasks {

    /** A sequence to have a first reward of. */
    private static final int SHORT = 32;

    /** Of a lone request. */
    private static final int LONE = 128;

    /** For Java's compiler, with a shared prompt and without; others need less. */
    private static final Workload WARM_UP =
            new Workload(
                    "to warm up",
                    List.of(
                            new Workload.Group(64, List.of(64, 48)),
                            new Workload.Group(0, List.of(128))));

    private final Path folder;
    private final int vocabulary;
    private final PrintStream out;
    private final List<Task> tasks = new ArrayList<>();

    private Tasks(Path folder, int vocabulary, PrintStream out) {
        this.folder = folder;
        this.vocabulary = vocabulary;
        this.out = out;
    }

    /**
     * Arguments: FOLDER WORKLOADS VOCABULARY LENGTHS REPEATS LIMITED LONE. FOLDER gets the files;
     * WORKLOADS is the folder of lists; LENGTHS are of sequences that are computed alone, with
     * spaces between; LIMITED are {@code NAME:TOKENS}, lists up to so many tokens, also; LONE is
     * the number of lone requests.
     */
    public static void main(String[] arguments) throws IOException {
        write(System.out, arguments);
    }

    /**
     * Writes and prints.
     *
     * @throws IllegalArgumentException if the arguments are not those above
     */
    static void write(PrintStream out, String... arguments) throws IOException {
        if (arguments.length != 7) {
            throw new IllegalArgumentException(
                    "needed: FOLDER WORKLOADS VOCABULARY LENGTHS REPEATS LIMITED LONE");
        }
        Tasks tasks = new Tasks(Path.of(arguments[0]), Integer.parseInt(arguments[2]), out);
        tasks.first();
        tasks.lengths(words(arguments[3]), Integer.parseInt(arguments[4]));
        tasks.limited(Path.of(arguments[1]), words(arguments[5]));
        tasks.lone(Integer.parseInt(arguments[6]));
        Files.write(tasks.folder.resolve(Task.FILE), tasks.tasks.stream().map(Task::line).toList());
    }

    private void first() throws IOException {
        Files.createDirectories(folder);
        String about = "one sequence of %d tokens".formatted(SHORT);
        add(Task.Kind.LOAD, "first", Workload.ofOne(about, SHORT), 1);
        add(Task.Kind.WARM, "warm-up", WARM_UP, 1);
    }

    private void lengths(List<String> lengths, int repeats) throws IOException {
        for (String each : lengths) {
            Workload workload = Workload.ofOne("one sequence", Integer.parseInt(each));
            add(Task.Kind.SPEED, each, workload, repeats);
        }
    }

    private void limited(Path workloads, List<String> limited) throws IOException {
        for (String each : limited) {
            String[] words = each.split(":", 2);
            if (words.length < 2 || !words[1].matches("[1-9][0-9]{0,8}")) {
                throw new IllegalArgumentException(
                        "\"%s\" is not a workload's name, a colon and a number of tokens"
                                .formatted(each));
            }
            Workload workload = Workload.read(workloads.resolve(words[0] + ".txt"));
            add(Task.Kind.SPEED, words[0], workload.atMost(Long.parseLong(words[1])), 1);
        }
    }

    private void lone(int requests) throws IOException {
        String about = "one sequence of %d tokens, %d times in a turn".formatted(LONE, requests);
        add(Task.Kind.LONE, "lone", Workload.ofOne(about, LONE), requests);
    }

    private void add(Task.Kind kind, String name, Workload workload, int repeats)
            throws IOException {
        Task task = new Task(kind, name, repeats);
        if (tasks.stream().anyMatch(other -> other.name().equals(name))) {
            throw new IllegalArgumentException("two tasks are called " + name);
        }
        tasks.add(task);
        Files.write(task.ids(folder), workload.ids(vocabulary).stream().map(Tasks::line).toList());
        out.printf(
                Locale.ROOT,
                "task %s %s %d %d %d %s%n",
                kind.id(),
                name,
                workload.sequences(),
                workload.tokens(),
                workload.pairs(),
                workload.about());
    }

    private static String line(int[] ids) {
        return Arrays.stream(ids).mapToObj(Integer::toString).collect(Collectors.joining(" "));
    }

    private static List<String> words(String text) {
        return Arrays.stream(text.split(" ")).filter(word -> !word.isEmpty()).toList();
    }
}
