package io.github.baichuanreward.benchmarks.peers;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Something that a contestant does in its turn. A folder has them in a file {@code tasks}, in
 * order, a line each: {@code KIND NAME REPEATS}; and in {@code NAME.ids} the token ids of its
 * sequences, a line each.
 *
 * @param name what results call it
 * @param repeats how often all sequences are computed
 */
record Task(Kind kind, String name, int repeats) {

    /** The file's name. */
    static final String FILE = "tasks";

    /** What is told of a task, beside the rewards. */
    enum Kind {
        /** Comes first: seconds from the start of the program to the reward. */
        LOAD,
        /** Nothing; no rewards either. */
        WARM,
        /** Seconds of each time that all sequences are computed. */
        SPEED,
        /** Milliseconds of each call with one sequence. */
        LONE;

        /** The name in files. */
        String id() {
            return name().toLowerCase(Locale.ROOT);
        }

        static Kind of(String id) {
            return valueOf(id.toUpperCase(Locale.ROOT));
        }
    }

    /**
     * Reads those of a folder.
     *
     * @throws IllegalArgumentException if a line is none; quotes it
     * @throws IOException if it cannot be read
     */
    static List<Task> read(Path folder) throws IOException {
        List<Task> read = new ArrayList<>();
        for (String line : Files.readAllLines(folder.resolve(FILE))) {
            String[] words = line.split(" ", 3);
            try {
                read.add(new Task(Kind.of(words[0]), words[1], Integer.parseInt(words[2])));
            } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
                throw new IllegalArgumentException("not a task: " + line, e);
            }
        }
        return read;
    }

    String line() {
        return "%s %s %d".formatted(kind.id(), name, repeats);
    }

    /** Where its token ids are. */
    Path ids(Path folder) {
        return folder.resolve(name + ".ids");
    }

    /** The token ids of its sequences. */
    List<int[]> sequences(Path folder) throws IOException {
        return Files.readAllLines(ids(folder)).stream().map(Task::ids).toList();
    }

    private static int[] ids(String line) {
        return Arrays.stream(line.split(" ", -1)).mapToInt(Integer::parseInt).toArray();
    }
}
