package io.github.baichuanreward.batch;

import java.util.ArrayList;
import java.util.List;

/**
 * Chooses what is computed together: from waiting sequences, one batch after another.
 *
 * <p>The first in the list is always chosen; then whatever still fits, the earlier first. A
 * sequence takes along those behind it that share a prefix with it, which is then computed once. A
 * group that does not fit as a whole is divided where its prefix, which is then computed once more,
 * is short beside what goes with it; else it waits for a batch of its own.
 */
public final class BatchPlanner {

    /** A prefix is short beside so many times as many own tokens. */
    private static final int SHORT = 8;

    /** And so long that its group may be larger than a batch, from this part of a batch on. */
    private static final int LONG = 4;

    private BatchPlanner() {}

    /**
     * Chooses the next batch.
     *
     * @param waiting token ids, each with at least one; at least one sequence
     * @param tokenBudget most tokens of a batch; a longer sequence gets a batch of its own
     * @param groupBudget most tokens of sequences that share a prefix of at least a quarter of
     *     {@code tokenBudget}, which may be more: to divide them would cost that prefix once more
     * @return a batch that holds {@code waiting.get(0)}; its {@link PackedBatch#order} tells which
     *     others
     * @throws IllegalArgumentException if a budget is below 1
     */
    public static PackedBatch next(List<int[]> waiting, int tokenBudget, int groupBudget) {
        PackedBatch.requireBudget(tokenBudget);
        PackedBatch.requireBudget(groupBudget);
        PackedBatch.Builder batch = new PackedBatch.Builder(waiting);
        for (SharedPrefixes.Group group : SharedPrefixes.find(waiting)) {
            if (batch.tokens() == 0) {
                boolean isLong = group.prefix() >= tokenBudget / LONG;
                addFirst(batch, group, waiting, isLong ? groupBudget : tokenBudget);
            } else if (batch.tokens() < tokenBudget) {
                addBehind(batch, group, waiting, tokenBudget - batch.tokens());
            }
        }
        return batch.build();
    }

    /** Adds as much of a group as fits, and its first sequence in any case. */
    private static void addFirst(
            PackedBatch.Builder batch, SharedPrefixes.Group group, List<int[]> waiting, int room) {
        List<Integer> members = fitting(group, waiting, room);
        int first = group.sequences().get(0);
        batch.add(group.prefix(), members.contains(first) ? members : List.of(first));
    }

    private static void addBehind(
            PackedBatch.Builder batch, SharedPrefixes.Group group, List<int[]> waiting, int room) {
        List<Integer> members = fitting(group, waiting, room);
        boolean whole = members.size() == group.sequences().size();
        long own = 0;
        for (int sequence : members) {
            own += waiting.get(sequence).length - group.prefix();
        }
        if (!members.isEmpty() && (whole || (long) SHORT * group.prefix() <= own)) {
            batch.add(group.prefix(), members);
        }
    }

    /** The sequences of a group that go into some room, the earlier first. */
    private static List<Integer> fitting(
            SharedPrefixes.Group group, List<int[]> waiting, int room) {
        List<Integer> members = new ArrayList<>();
        long tokens = group.prefix();
        for (int sequence : group.sequences()) {
            int own = waiting.get(sequence).length - group.prefix();
            if (tokens + own <= room) {
                members.add(sequence);
                tokens += own;
            }
        }
        return members;
    }
}
