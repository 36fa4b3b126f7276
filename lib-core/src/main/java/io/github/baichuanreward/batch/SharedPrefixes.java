package io.github.baichuanreward.batch;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;

/**
 * Finds sequences that begin with the same ids, as answers to one prompt do.
 *
 * <p>Sorted by their ids, those that share a prefix stand side by side, and what neighbours share
 * makes a tree: a node is a prefix, and the sequences below it begin with it. A sequence can share
 * one prefix only. So every node, from the longest prefixes on, asks each group below it whether it
 * saves more as part of a larger one that shares the node's shorter prefix.
 */
final class SharedPrefixes {

    /** A shorter prefix is not worth a segment of its own. */
    static final int SHORTEST = 16;

    /**
     * Sequences that are computed together.
     *
     * @param prefix how many ids all begin with, fewer than any of them has; 0 for a sequence that
     *     shares nothing
     * @param sequences their indices, ascending
     */
    record Group(int prefix, List<Integer> sequences) {

        /** Tokens that need not be computed. */
        long saved() {
            return (sequences.size() - 1L) * prefix;
        }

        /** Tokens more that its sequences save in a group of others, with a shorter prefix. */
        long gain(int shorter) {
            return (long) sequences.size() * shorter - saved();
        }
    }

    /** A prefix of so many ids, and the groups of sequences that begin with it. */
    private record Node(int depth, List<Group> groups) {

        Node(int depth) {
            this(depth, new ArrayList<>());
        }

        /** Groups of all its sequences, once all are there. */
        List<Group> decided() {
            long gain = -depth; // which is computed for the group itself
            for (Group group : groups) {
                gain += Math.max(0, group.gain(depth));
            }
            if (depth < SHORTEST || gain <= 0) {
                return groups;
            }
            List<Group> decided = new ArrayList<>();
            List<Integer> joined = new ArrayList<>();
            for (Group group : groups) {
                if (group.gain(depth) > 0) {
                    joined.addAll(group.sequences);
                } else {
                    decided.add(group);
                }
            }
            joined.sort(Comparator.naturalOrder());
            decided.add(new Group(depth, joined));
            return decided;
        }
    }

    private SharedPrefixes() {}

    /**
     * Puts every sequence into one group.
     *
     * @param sequences token ids, each with at least one
     * @return groups in the order of their first sequences
     */
    static List<Group> find(List<int[]> sequences) {
        Integer[] order = new Integer[sequences.size()];
        Arrays.setAll(order, i -> i);
        Arrays.sort(order, (a, b) -> Arrays.compare(sequences.get(a), sequences.get(b)));

        Deque<Node> open = new ArrayDeque<>();
        open.push(new Node(0));
        int before = 0;
        for (int i = 0; i < order.length; i++) {
            int[] ids = sequences.get(order[i]);
            int after = i + 1 == order.length ? 0 : shared(ids, sequences.get(order[i + 1]));
            if (after > before) {
                open.push(new Node(after));
            }
            open.element().groups.add(new Group(0, List.of(order[i])));
            close(open, after);
            before = after;
        }
        List<Group> groups = new ArrayList<>(open.pop().decided());
        groups.sort(Comparator.comparing(group -> group.sequences.get(0)));
        return groups;
    }

    /** Ends the nodes whose prefix the next sequence does not have. */
    private static void close(Deque<Node> open, int depth) {
        while (open.element().depth > depth) {
            Node done = open.pop();
            if (open.element().depth < depth) {
                open.push(new Node(depth));
            }
            open.element().groups.addAll(done.decided());
        }
    }

    /** How many ids both begin with, so that each has one more. */
    private static int shared(int[] a, int[] b) {
        int shorter = Math.min(a.length, b.length);
        int mismatch = Arrays.mismatch(a, 0, shorter, b, 0, shorter);
        return mismatch < 0 ? shorter - 1 : Math.min(mismatch, shorter - 1);
    }
}
