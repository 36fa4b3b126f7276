package io.github.baichuanreward;

import io.github.baichuanreward.ScoringQueue.Item;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * What waits in a queue, between many threads that ask and those that compute.
 *
 * <p>There are items for a thread that computes as soon as one waits. Only right after a batch,
 * whose callers may be about to come back, is there a wait of at most {@link #RETURN_NANOS}, until
 * as many callers are there or a batch is full: without it they would fall into a batch of the
 * first and a batch of the rest.
 */
final class WaitingItems {

    /** How long the callers of the last batch may take to come back. */
    static final long RETURN_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

    private final int batchTokens;
    private final LongSupplier clock;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition arrived = lock.newCondition();

    // Guarded by the lock.
    private final FairOrder order;
    private boolean closed;
    private int callersOfLast;
    private long endOfLast;

    /**
     * Begins empty.
     *
     * @param clock in nanoseconds
     */
    WaitingItems(int batchTokens, LongSupplier clock) {
        this.batchTokens = batchTokens;
        this.clock = clock;
        this.order = new FairOrder(batchTokens);
        this.endOfLast = clock.getAsLong();
    }

    /** Tokens of all that waits. */
    long tokens() {
        lock.lock();
        try {
            return order.tokens();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Lets items in.
     *
     * @throws IllegalStateException if this is closed
     */
    void add(List<Item> items) {
        lock.lock();
        try {
            if (closed) {
                throw new IllegalStateException(RewardModel.CLOSED);
            }
            long now = clock.getAsLong();
            for (Item item : items) {
                item.arrival = now;
                order.add(item);
            }
            arrived.signal();
        } finally {
            lock.unlock();
        }
    }

    /** Lets items out again; returns those that were still here. */
    List<Item> withdraw(Iterable<Item> items) {
        List<Item> withdrawn = new ArrayList<>();
        lock.lock();
        try {
            for (Item item : items) {
                if (order.remove(item)) {
                    withdrawn.add(item);
                }
            }
        } finally {
            lock.unlock();
        }
        return withdrawn;
    }

    /** Lets nobody in any more, and fails those who are; needs no memory, which may be missing. */
    void close(Throwable reason) {
        lock.lock();
        try {
            closed = true;
            arrived.signalAll();
        } finally {
            lock.unlock();
        }
        for (Item left = poll(); left != null; left = poll()) {
            left.reward.completeExceptionally(reason);
        }
    }

    private @Nullable Item poll() {
        lock.lock();
        try {
            return order.poll();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Waits until there is something to compute. For one thread at a time, or several would get the
     * same items.
     *
     * @param most tokens, but one item in any case
     * @return the items whose turn is next, which wait on until they are taken; none at the end
     */
    List<Item> await(long most) {
        lock.lock();
        try {
            do {
                while (order.isEmpty() && !closed) {
                    arrived.awaitUninterruptibly();
                }
                awaitReturn();
            } while (order.isEmpty() && !closed); // withdrawn meanwhile
            return closed ? List.of() : order.window(most);
        } finally {
            lock.unlock();
        }
    }

    /** Waits for the callers of the last batch; one that ends meanwhile makes it no longer. */
    private void awaitReturn() {
        int callers = callersOfLast;
        long end = endOfLast + RETURN_NANOS;
        try {
            long wait = end - clock.getAsLong();
            while (!closed && wait > 0 && order.tokens() < batchTokens && isAwaiting(callers)) {
                arrived.awaitNanos(wait);
                wait = end - clock.getAsLong();
            }
        } catch (InterruptedException e) {
            return; // by whom ever: nobody has these threads to interrupt
        }
    }

    private boolean isAwaiting(int callers) {
        return callers > 1 && order.callers() < callers;
    }

    /**
     * Takes the items of a batch.
     *
     * @param window what {@link #await} returned; an item that was withdrawn since is taken all the
     *     same
     * @param indices which of them, in the order of the batch
     * @return the items; none at the end
     */
    List<Item> take(List<Item> window, int[] indices) {
        lock.lock();
        try {
            return closed ? List.of() : order.take(window, indices);
        } finally {
            lock.unlock();
        }
    }

    /** Has the callers of a batch that has just ended expected back. */
    void expect(int callers) {
        lock.lock();
        try {
            callersOfLast = callers;
            endOfLast = clock.getAsLong();
        } finally {
            lock.unlock();
        }
    }
}
