package io.github.baichuanreward.batch;

import java.util.ArrayList;
import java.util.List;

/**
 * Some sequences of token ids, one behind the other, without padding.
 *
 * <p>A backend reads {@link #tokens} and {@link #starts}; {@link #scatter} brings its rewards back
 * to the places that the sequences had in the list they came from. Immutable as long as nobody
 * writes to the arrays that it hands out, which are not copies.
 */
public final class PackedBatch {

    private final int[] tokens;
    private final int[] starts;
    private final int[] order;

    private PackedBatch(int[] tokens, int[] starts, int[] order) {
        this.tokens = tokens;
        this.starts = starts;
        this.order = order;
    }

    /**
     * Packs sequences in their order into batches of at most {@code tokenBudget} tokens.
     *
     * @param sequences token ids, each with at least one; may be empty
     * @param tokenBudget most tokens of one batch; a longer sequence gets a batch of its own
     * @return batches that hold every sequence once
     * @throws IllegalArgumentException if the budget is below 1 or a sequence is empty; names its
     *     index
     */
    public static List<PackedBatch> pack(List<int[]> sequences, int tokenBudget) {
        if (tokenBudget < 1) {
            throw new IllegalArgumentException("token budget is " + tokenBudget + "; at least 1");
        }
        List<PackedBatch> batches = new ArrayList<>();
        int first = 0;
        long length = 0;
        for (int s = 0; s < sequences.size(); s++) {
            int next = sequences.get(s).length;
            if (next == 0) {
                throw new IllegalArgumentException("sequence " + s + " is empty");
            }
            if (s > first && length + next > tokenBudget) {
                batches.add(of(sequences, first, s));
                first = s;
                length = 0;
            }
            length += next;
        }
        if (first < sequences.size()) {
            batches.add(of(sequences, first, sequences.size()));
        }
        return batches;
    }

    /** All ids, {@code [tokens]}. */
    public int[] tokens() {
        return tokens;
    }

    /**
     * Where each sequence starts in {@link #tokens}, {@code [sequences + 1]}: sequence {@code s} is
     * {@code starts[s] <= i < starts[s + 1]}.
     */
    public int[] starts() {
        return starts;
    }

    /** How many sequences there are. */
    public int sequences() {
        return order.length;
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

    private static PackedBatch of(List<int[]> sequences, int first, int end) {
        int[] starts = new int[end - first + 1];
        int[] order = new int[end - first];
        for (int s = first; s < end; s++) {
            starts[s - first + 1] = starts[s - first] + sequences.get(s).length;
            order[s - first] = s;
        }
        int[] tokens = new int[starts[end - first]];
        for (int s = first; s < end; s++) {
            int[] sequence = sequences.get(s);
            System.arraycopy(sequence, 0, tokens, starts[s - first], sequence.length);
        }
        return new PackedBatch(tokens, starts, order);
    }
}
