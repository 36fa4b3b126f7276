package io.github.baichuanreward;

import io.github.baichuanreward.ScoringQueue.Caller;
import io.github.baichuanreward.ScoringQueue.Item;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Items that wait, in the order of fair shares: a caller's items follow one another by their
 * tokens, and a caller who comes later begins where the others are now, not behind what they have
 * waiting (start-time fair queueing; Goyal, Vin and Cheng, 1996).
 *
 * <p>Used by one thread at a time: all of it is guarded by the lock of the queue.
 */
final class FairOrder {

    /** Items that a batch is chosen from, where they are very short. */
    private static final int WINDOW_ITEMS = 4096;

    private final TreeSet<Item> items =
            new TreeSet<>(Comparator.<Item>comparingLong(i -> i.turn).thenComparingLong(i -> i.id));
    private final int batchTokens;
    private long tokens;
    private long present;
    private long ids;

    FairOrder(int batchTokens) {
        this.batchTokens = batchTokens;
    }

    boolean isEmpty() {
        return items.isEmpty();
    }

    /** Of all that waits. */
    long tokens() {
        return tokens;
    }

    /** How many have something here. */
    int callers() {
        return callers(items);
    }

    /** How many have something among some items. */
    static int callers(Iterable<Item> items) {
        Set<Caller> callers = new HashSet<>();
        items.forEach(item -> callers.add(item.caller));
        return callers.size();
    }

    /** Gives an item its turn. */
    void add(Item item) {
        item.turn = Math.max(present, item.caller.next);
        item.caller.next = item.turn + item.sequence.length;
        item.id = ++ids; // 0 has one that was never asked for
        items.add(item);
        tokens += item.sequence.length;
    }

    /** Whether it was here; then it is no longer. */
    boolean remove(Item item) {
        boolean removed = items.remove(item);
        if (removed) {
            tokens -= item.sequence.length;
        }
        return removed;
    }

    /** The first, which is then no longer here; null if there is none. */
    @Nullable Item poll() {
        Item first = items.pollFirst();
        if (first != null) {
            tokens -= first.sequence.length;
        }
        return first;
    }

    /** Those whose turn is next, of so many tokens at most, but one in any case. */
    List<Item> window(long most) {
        List<Item> window = new ArrayList<>();
        long sum = 0;
        for (Item item : items) {
            sum += item.sequence.length;
            boolean full = sum > most || window.size() == WINDOW_ITEMS;
            if (full && !window.isEmpty()) {
                break;
            }
            window.add(item);
        }
        return window;
    }

    /**
     * Takes the items of a batch out of those that wait. One that was withdrawn since is computed
     * all the same.
     *
     * @param order which of the window, in the order of the batch
     */
    List<Item> take(List<Item> window, int[] order) {
        List<Item> taken = new ArrayList<>(order.length);
        // Goes on by what each of those who wait is due; or those who keep coming for one item
        // each would hold it, and overtake everyone else for ever. But no further than a batch
        // beyond the first, or who comes now would be behind much of a list.
        long first = window.get(0).turn;
        long due = Math.max(1, batchTokens / Math.max(1, callers()));
        present = Math.max(present, Math.min(Math.max(present, first) + due, first + batchTokens));
        for (int index : order) {
            taken.add(window.get(index));
            remove(window.get(index));
        }
        return taken;
    }
}
