package io.github.baichuanreward;

import io.github.baichuanreward.backend.Backend;
import io.github.baichuanreward.batch.BatchPlanner;
import io.github.baichuanreward.batch.PackedBatch;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Many callers, full batches: what any number of threads ask for is computed by one thread of this
 * queue, batch after batch.
 *
 * <p>Items wait in a {@link FairOrder}. A batch is chosen from the first {@link #WINDOW_BATCHES}
 * batches' worth of them, the first item always among it; so an item waits for no more batches than
 * there are items before it, and hardly for others that were asked for later.
 *
 * <p>A batch begins as soon as the device is free and something waits. Only right after a batch,
 * whose callers may be about to come back, is there a wait of at most {@link #RETURN_NANOS}, until
 * as many callers are there or a batch is full: without it they would fall into a batch of the
 * first and a batch of the rest.
 */
final class ScoringQueue implements AutoCloseable {

    /** Batches' worth of tokens that a batch is chosen from, and that one caller may have here. */
    static final int WINDOW_BATCHES = 16;

    /** How long the callers of the last batch may take to come back. */
    static final long RETURN_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

    private static final AtomicInteger NUMBER = new AtomicInteger();
    private static final Logger LOG = LoggerFactory.getLogger(ScoringQueue.class);

    private final Backend backend;
    private final int batchTokens;
    private final List<ScoringListener> listeners = new CopyOnWriteArrayList<>();
    private final Thread worker;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition arrived = lock.newCondition();

    // Guarded by the lock.
    private final FairOrder waiting;
    private boolean closed;

    // The worker's.
    private List<Item> current = List.of();
    private int callersOfLast;
    private long endOfLast = System.nanoTime();

    private volatile @Nullable Throwable closeFailure;

    /** Somebody's turn in the order of fair shares; used by one thread at a time. */
    static final class Caller {

        /** Where the next item stands, in tokens; {@link FairOrder}'s. */
        long next;
    }

    /** A sequence that waits for its reward. */
    static final class Item {

        final int[] sequence;
        final CompletableFuture<Float> reward = new CompletableFuture<>();
        final Caller caller;
        private long arrival;

        // FairOrder's.
        long turn;
        long id;

        Item(int[] sequence, Caller caller) {
            this.sequence = sequence;
            this.caller = caller;
        }
    }

    /** Owns {@code backend} from now on, until {@link #close}. */
    ScoringQueue(Backend backend) {
        this.backend = backend;
        this.batchTokens = backend.batchTokens();
        this.waiting = new FairOrder(batchTokens);
        this.worker = new Thread(this::work, "reward-queue-" + NUMBER.incrementAndGet());
        // A model that was never closed must not keep the application alive.
        worker.setDaemon(true);
        worker.start();
    }

    /** See {@link RewardModel#addListener}. */
    void addListener(ScoringListener listener) {
        listeners.add(listener);
    }

    /** Tokens that one caller may have here, so that a list of any length takes little memory. */
    long tokensOfCaller() {
        return (long) WINDOW_BATCHES * batchTokens;
    }

    /** Tokens of the items that wait, those of the batch that is being computed not included. */
    long waitingTokens() {
        lock.lock();
        try {
            return waiting.tokens();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Asks for rewards. How much may wait is a matter of those who ask.
     *
     * @param items of one caller, in their order
     * @throws IllegalStateException if this is closed, or on the queue's own thread
     */
    void ask(List<Item> items) {
        if (Thread.currentThread() == worker) {
            throw new IllegalStateException(
                    "a ScoringListener asked for a score, for which the queue would have to wait"
                            + " for itself; ask on another thread");
        }
        lock.lock();
        try {
            requireOpen();
            long now = System.nanoTime();
            for (Item item : items) {
                item.arrival = now;
                waiting.add(item);
            }
            arrived.signal();
        } finally {
            lock.unlock();
        }
    }

    /** Takes back items that nobody wants any longer; those of a begun batch are computed. */
    void withdraw(Iterable<Item> items) {
        List<Item> withdrawn = new ArrayList<>();
        lock.lock();
        try {
            for (Item item : items) {
                if (waiting.remove(item)) {
                    withdrawn.add(item);
                }
            }
        } finally {
            lock.unlock();
        }
        withdrawn.forEach(item -> item.reward.cancel(false)); // somebody may wait all the same
    }

    /**
     * Ends the queue after the batch that is being computed: fails what waits, and closes the
     * backend. A second call only waits for the first.
     */
    @Override
    public void close() {
        failWaiting(new IllegalStateException(RewardModel.CLOSED));
        if (Thread.currentThread() != worker) {
            awaitEnd();
        }
    }

    /** Lets nobody in any more, and fails those who are; needs no memory, which may be missing. */
    private void failWaiting(Throwable reason) {
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
            return waiting.poll();
        } finally {
            lock.unlock();
        }
    }

    private void awaitEnd() {
        boolean interrupted = false;
        while (worker.isAlive()) {
            try {
                worker.join();
            } catch (InterruptedException e) {
                interrupted = true; // but the device is in use until the batch is done
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        if (closeFailure instanceof RuntimeException failure) {
            throw failure;
        }
        if (closeFailure instanceof Error failure) {
            throw failure;
        }
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException(RewardModel.CLOSED);
        }
    }

    // The worker.

    private void work() {
        try {
            while (awaitItems()) {
                computeNext();
            }
        } catch (RuntimeException | Error e) {
            // Not a batch failed, but this queue: without memory, say. Nobody may wait for it.
            LOG.error("the queue of a model has ended", e);
            current.forEach(item -> item.reward.completeExceptionally(e));
            failWaiting(e);
        } finally {
            try {
                backend.close();
            } catch (RuntimeException | Error e) {
                closeFailure = e;
            }
        }
    }

    /** Whether there is something to compute; false at the end. */
    private boolean awaitItems() {
        lock.lock();
        try {
            while (waiting.isEmpty() && !closed) {
                arrived.awaitUninterruptibly();
            }
            long wait = endOfLast + RETURN_NANOS - System.nanoTime();
            while (!closed && wait > 0 && waiting.tokens() < batchTokens && isAwaitingCallers()) {
                wait = arrived.awaitNanos(wait);
            }
            return !closed;
        } catch (InterruptedException e) {
            return !closed; // by whom ever: nobody has this thread to interrupt
        } finally {
            lock.unlock();
        }
    }

    private boolean isAwaitingCallers() {
        return callersOfLast > 1 && waiting.callers() < callersOfLast;
    }

    private void computeNext() {
        List<Item> window = window();
        if (window.isEmpty()) {
            return; // withdrawn meanwhile
        }
        try {
            long begun = System.nanoTime();
            PackedBatch batch =
                    BatchPlanner.next(
                            window.stream().map(item -> item.sequence).toList(),
                            batchTokens,
                            backend.groupTokens());
            current = taken(window, batch.order());
            long planned = System.nanoTime();
            float[] rewards = backend.score(batch);
            long ended = System.nanoTime();
            for (int i = 0; i < rewards.length; i++) {
                current.get(i).reward.complete(rewards[i]);
            }
            tell(batch, begun, planned, ended);
        } catch (RuntimeException | Error e) {
            if (current.isEmpty()) {
                current = taken(window, new int[1]); // or it would be the first for ever
            }
            current.forEach(item -> item.reward.completeExceptionally(e));
        }
        callersOfLast = FairOrder.callers(current);
        current = List.of();
        endOfLast = System.nanoTime();
    }

    /** The items whose turn is next. */
    private List<Item> window() {
        lock.lock();
        try {
            return waiting.window(tokensOfCaller());
        } finally {
            lock.unlock();
        }
    }

    private List<Item> taken(List<Item> window, int[] order) {
        lock.lock();
        try {
            return waiting.take(window, order);
        } finally {
            lock.unlock();
        }
    }

    private void tell(PackedBatch batch, long begun, long planned, long ended) {
        if (listeners.isEmpty()) {
            return;
        }
        int computed = batch.tokens().length;
        long tokens = 0;
        long waited = 0;
        long longest = 0;
        for (Item item : current) {
            tokens += item.sequence.length;
            waited += begun - item.arrival;
            longest = Math.max(longest, begun - item.arrival);
        }
        ScoredBatch scored =
                new ScoredBatch(
                        current.size(),
                        tokens,
                        tokens - computed,
                        backend.rows(computed) - computed,
                        waited,
                        longest,
                        planned - begun,
                        ended - planned);
        for (ScoringListener listener : listeners) {
            try {
                listener.scored(scored);
            } catch (RuntimeException | Error e) {
                LOG.warn("a listener failed", e);
            }
        }
    }
}
