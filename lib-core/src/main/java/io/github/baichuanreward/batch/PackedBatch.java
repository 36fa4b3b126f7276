package io.github.baichuanreward.batch;

import java.util.ArrayList;
import java.util.List;

/**
 * Some sequences of token ids, one behind the other, without padding; what several of them begin
 * with is there once.
 *
 * <p>A backend reads {@link #tokens} and {@link #segments} and gives a reward for every scored
 * segment; {@link #scatter} brings them to the places that the sequences had in the list they came
 * from. Immutable as long as nobody writes to the arrays that it hands out, which are not copies.
 */
public final class PackedBatch {

    private final int[] tokens;
    private final List<Segment> segments;
    private final int[] order;

    private PackedBatch(int[] tokens, List<Segment> segments, int[] order) {
        this.tokens = tokens;
        this.segments = List.copyOf(segments);
        this.order = order;
    }

    /**
     * Packs sequences in their order into batches of at most {@code tokenBudget} tokens, each
     * sequence for itself. {@link BatchPlanner} fills batches better and shares prefixes.
     *
     * @param sequences token ids, each with at least one; may be empty
     * @param tokenBudget most tokens of one batch; a longer sequence gets a batch of its own
     * @return batches that hold every sequence once
     * @throws IllegalArgumentException if the budget is below 1 or a sequence is empty; names its
     *     index
     */
    public static List<PackedBatch> pack(List<int[]> sequences, int tokenBudget) {
        requireBudget(tokenBudget);
        List<PackedBatch> batches = new ArrayList<>();
        Builder batch = new Builder(sequences);
        for (int s = 0; s < sequences.size(); s++) {
            int next = sequences.get(s).length;
            if (next == 0) {
                throw new IllegalArgumentException("sequence " + s + " is empty");
            }
            if (batch.tokens > 0 && (long) batch.tokens + next > tokenBudget) {
                batches.add(batch.build());
                batch = new Builder(sequences);
            }
            batch.add(s);
        }
        if (batch.tokens > 0) {
            batches.add(batch.build());
        }
        return batches;
    }

    static void requireBudget(int tokenBudget) {
        if (tokenBudget < 1) {
            throw new IllegalArgumentException("token budget is " + tokenBudget + "; at least 1");
        }
    }

    /** All ids, {@code [tokens]}: one row each. */
    public int[] tokens() {
        return tokens;
    }

    /** Which rows belong together; in the order of their rows, which they cover. */
    public List<Segment> segments() {
        return segments;
    }

    /** How many sequences there are, each of which ends in a scored segment. */
    public int sequences() {
        return order.length;
    }

    /** The place in the list they came from of each sequence, {@code [sequences]}. */
    public int[] order() {
        return order;
    }

    /**
     * Writes each sequence's reward to the place that the sequence had in the packed list.
     *
     * @param all one entry for each sequence that was packed
     * @param rewards {@code [sequences]}, in the order of this batch
     */
    public void scatter(float[] all, float[] rewards) {
        for (int s = 0; s < order.length; s++) {
            all[order[s]] = rewards[s];
        }
    }

    /** Puts segments one behind the other. */
    static final class Builder {

        private final List<int[]> sequences;
        private final List<Segment> segments = new ArrayList<>();
        private final List<Integer> members = new ArrayList<>();

        /** Which sequence each segment's ids are from; a prefix's are its first member's. */
        private final List<Integer> sources = new ArrayList<>();

        private int tokens;

        Builder(List<int[]> sequences) {
            this.sequences = sequences;
        }

        /** Tokens so far. */
        int tokens() {
            return tokens;
        }

        /** Adds a sequence that shares nothing. */
        void add(int sequence) {
            add(Segment.of(tokens, sequences.get(sequence).length), sequence);
            members.add(sequence);
        }

        /**
         * Adds sequences that begin with the same ids; one alone shares nothing.
         *
         * @param prefix how many ids they share; fewer than any of them has
         */
        void add(int prefix, List<Integer> group) {
            if (group.size() == 1) {
                add(group.get(0));
                return;
            }
            int prefixStart = tokens;
            add(new Segment(prefixStart, prefix, 0, 0, false), group.get(0));
            for (int sequence : group) {
                int own = sequences.get(sequence).length - prefix;
                add(new Segment(tokens, own, prefixStart, prefix, true), sequence);
                members.add(sequence);
            }
        }

        private void add(Segment segment, int source) {
            segments.add(segment);
            sources.add(source);
            tokens = Math.addExact(tokens, segment.length());
        }

        PackedBatch build() {
            int[] ids = new int[tokens];
            for (int s = 0; s < segments.size(); s++) {
                Segment segment = segments.get(s);
                System.arraycopy(
                        sequences.get(sources.get(s)),
                        segment.prefixLength(),
                        ids,
                        segment.start(),
                        segment.length());
            }
            return new PackedBatch(
                    ids, segments, members.stream().mapToInt(Integer::intValue).toArray());
        }
    }
}
