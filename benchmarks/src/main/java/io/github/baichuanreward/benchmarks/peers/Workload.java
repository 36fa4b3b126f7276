package io.github.baichuanreward.benchmarks.peers;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * Sequences that are scored at once, by their lengths, as a file of {@code benchmarks/workloads}
 * has them.
 *
 * @param about what they are, in a few words
 * @param groups at least one: a prompt with its answers
 */
record Workload(String about, List<Group> groups) {

    /** Smaller ids are control and byte tokens in the vocabulary made up for llama.cpp. */
    static final int FIRST_ID = GgufMetadata.FIRST_WORD;

    /** What make.py puts behind a comment. */
    private static final String MADE = "; made by make.py";

    /**
     * Answers to one prompt.
     *
     * @param prompt its tokens; 0 if there is none
     * @param answers tokens of each, positive
     */
    record Group(int prompt, List<Integer> answers) {

        /** Checks what a file may say. */
        Group {
            answers = List.copyOf(answers);
            if (prompt < 0 || answers.isEmpty() || answers.stream().anyMatch(n -> n < 1)) {
                throw new IllegalArgumentException(
                        "a group has a prompt of 0 or more tokens and answers of 1 or more, and at least one of those");
            }
        }

        long tokens() {
            return answers.stream().mapToLong(answer -> prompt + answer).sum();
        }
    }

    /** One sequence. */
    static Workload ofOne(String about, int length) {
        return new Workload(about, List.of(new Group(0, List.of(length))));
    }

    /**
     * Reads a file: what it is about in its first line, then the lengths of a prompt and of its
     * answers in a line each; {@code #} begins a comment.
     *
     * @throws IllegalArgumentException if it is none; names it, and the line
     * @throws IOException if it cannot be read
     */
    static Workload read(Path file) throws IOException {
        List<String> lines = Files.readAllLines(file);
        List<Group> groups = new ArrayList<>();
        for (String line : lines) {
            String lengths = line.replaceAll("#.*", "").strip();
            if (!lengths.isEmpty()) {
                groups.add(group(file, lengths));
            }
        }
        if (groups.isEmpty() || !lines.get(0).startsWith("# ")) {
            throw new IllegalArgumentException(
                    file + ": needed are a first line \"# what it is\", and groups");
        }
        return new Workload(lines.get(0).substring(2).replace(MADE, ""), groups);
    }

    private static Group group(Path file, String line) {
        try {
            List<Integer> lengths =
                    Arrays.stream(line.split("\\s+", -1)).map(Integer::valueOf).toList();
            return new Group(lengths.get(0), lengths.subList(1, lengths.size()));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    "%s: \"%s\": %s".formatted(file, line, e.getMessage()), e);
        }
    }

    /** The first groups, as many as have no more tokens together; one at least. */
    Workload atMost(long tokens) {
        int count = 1;
        long sum = groups.get(0).tokens();
        while (count < groups.size() && sum + groups.get(count).tokens() <= tokens) {
            sum += groups.get(count++).tokens();
        }
        return new Workload(about, groups.subList(0, count));
    }

    /** All, the prompt's counted with each of its answers. */
    long tokens() {
        return groups.stream().mapToLong(Group::tokens).sum();
    }

    int sequences() {
        return groups.stream().mapToInt(group -> group.answers().size()).sum();
    }

    /** How many groups are two answers to a prompt; 0 if any is something else. */
    int pairs() {
        boolean isPairs =
                groups.stream()
                        .allMatch(group -> group.prompt() > 0 && group.answers().size() == 2);
        return isPairs ? groups.size() : 0;
    }

    /**
     * Token ids of each sequence, always the same. Those of a group begin with the same prompt.
     * Beyond that no two begin alike, and so nobody who keeps beginnings gains by accident: every
     * prompt and every answer has a first id that no other has.
     *
     * @throws IllegalArgumentException if the vocabulary has too few ids for that
     */
    List<int[]> ids(int vocabulary) {
        Random random = new Random(1);
        List<int[]> sequences = new ArrayList<>();
        int first = FIRST_ID;
        for (Group group : groups) {
            int[] prompt = ids(group.prompt(), first++, vocabulary, random);
            for (int answer : group.answers()) {
                int[] sequence = Arrays.copyOf(prompt, prompt.length + answer);
                int[] own = ids(answer, first++, vocabulary, random);
                System.arraycopy(own, 0, sequence, prompt.length, answer);
                sequences.add(sequence);
            }
        }
        return sequences;
    }

    private static int[] ids(int length, int first, int vocabulary, Random random) {
        if (first >= vocabulary) {
            throw new IllegalArgumentException(
                    "a vocabulary of %d tokens is too small for so many prompts and answers"
                            .formatted(vocabulary));
        }
        int[] ids = new int[length];
        for (int i = 0; i < length; i++) {
            ids[i] = i == 0 ? first : FIRST_ID + random.nextInt(vocabulary - FIRST_ID);
        }
        return ids;
    }
}
