package io.github.baichuanreward.batch;

import java.util.ArrayList;
import java.util.List;

/**
 * Chooses what is computed together: from waiting sequences, one batch after another.
 *
 * <p>The first in the list is always chosen; then whatever still fits, the earlier first. A
 * sequence takes along those behind it that share a prefix with it, which is then computed once. A
 * group that one batch cannot hold is divided; its prefix is computed in each of those batches.
 */
public final class BatchPlanner {

    private BatchPlanner() {}

    /**
     * Chooses the next batch.
     *
     * @param waiting token ids, each with at least one; at least one sequence
     * @param tokenBudget most tokens of a batch; a longer sequence gets a batch of its own
     * @param groupBudget most tokens of sequences that share a prefix, which may be more: to divide
     *     them costs their prefix once more
     * @return a batch that holds {@code waiting.get(0)}; its {@link PackedBatch#order} tells which
     *     others
     * @throws IllegalArgumentException if a budget is below 1
     */
    public static PackedBatch next(List<int[]> waiting, int tokenBudget, int groupBudget) {
        PackedBatch.requireBudget(tokenBudget);
        PackedBatch.requireBudget(groupBudget);
        PackedBatch.Builder batch = new PackedBatch.Builder(waiting);
        for (SharedPrefixes.Group group : SharedPrefixes.find(waiting)) {
            boolean first = batch.tokens() == 0;
            int room = (first ? groupBudget : tokenBudget) - batch.tokens();
            if (room <= 0) {
                break;
            }
            add(batch, group, waiting, room);
        }
        return batch.build();
    }

    /**
     * Adds the beginning of a group: all of it if it fits into the room that is left. Else, a group
     * that fits into no batch fills an empty one; any other waits for a batch that holds it whole.
     */
    private static void add(
            PackedBatch.Builder batch, SharedPrefixes.Group group, List<int[]> waiting, int room) {
        List<Integer> members = fitting(group, waiting, room);
        boolean whole = members.size() == group.sequences().size();
        if (!whole && batch.tokens() > 0) {
            return;
        }
        if (members.size() > 1) {
            batch.add(group.prefix(), members);
        } else if (batch.tokens() == 0 || !members.isEmpty()) {
            batch.add(group.sequences().get(0));
        }
    }

    /** The first sequences of a group that go into some room. */
    private static List<Integer> fitting(
            SharedPrefixes.Group group, List<int[]> waiting, int room) {
        List<Integer> members = new ArrayList<>();
        long tokens = group.prefix();
        for (int sequence : group.sequences()) {
            tokens += waiting.get(sequence).length - group.prefix();
            if (tokens > room) {
                break;
            }
            members.add(sequence);
        }
        return members;
    }
}
