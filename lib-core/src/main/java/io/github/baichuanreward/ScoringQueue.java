package io.github.baichuanreward;

import io.github.baichuanreward.backend.Backend;
import io.github.baichuanreward.batch.BatchPlanner;
import io.github.baichuanreward.batch.PackedBatch;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Many callers, full batches: what any number of threads ask for is computed by one thread of this
 * queue, batch after batch.
 *
 * <p>A batch begins as soon as there are {@link WaitingItems} and the thread computes nothing. It
 * is chosen from the first {@link #WINDOW_BATCHES} batches' worth of them in a {@link FairOrder},
 * the first item always among it; so an item waits for no more batches than there are items before
 * it, and hardly for others that were asked for later.
 */
final class ScoringQueue implements AutoCloseable {

    /** Batches' worth of tokens that a batch is chosen from, and that one caller may have here. */
    static final int WINDOW_BATCHES = 16;

    private static final AtomicInteger NUMBER = new AtomicInteger();
    private static final Logger LOG = LoggerFactory.getLogger(ScoringQueue.class);

    private final Backend backend;
    private final int batchTokens;
    private final List<ScoringListener> listeners = new CopyOnWriteArrayList<>();
    private final Thread worker;

    private final WaitingItems waiting;

    // The worker's.
    private List<Item> current = List.of();

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

        /** When it was asked for, set by {@link WaitingItems}. */
        long arrival;

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
        this.waiting = new WaitingItems(batchTokens, System::nanoTime);
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
        return waiting.tokens();
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
        waiting.add(items);
    }

    /** Takes back items that nobody wants any longer; those of a begun batch are computed. */
    void withdraw(Iterable<Item> items) {
        // Somebody may wait for them all the same.
        waiting.withdraw(items).forEach(item -> item.reward.cancel(false));
    }

    /**
     * Ends the queue after the batch that is being computed: fails what waits, and closes the
     * backend. A second call only waits for the first.
     */
    @Override
    public void close() {
        waiting.close(new IllegalStateException(RewardModel.CLOSED));
        if (Thread.currentThread() != worker) {
            awaitEnd();
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

    // The worker.

    private void work() {
        try {
            List<Item> window = waiting.await(tokensOfCaller());
            while (!window.isEmpty()) {
                compute(window);
                window = waiting.await(tokensOfCaller());
            }
        } catch (RuntimeException | Error e) {
            // Not a batch failed, but this queue: without memory, say. Nobody may wait for it.
            current.forEach(item -> item.reward.completeExceptionally(e));
            waiting.close(e);
            LOG.error("the queue of a model has ended", e);
        } finally {
            try {
                backend.close();
            } catch (RuntimeException | Error e) {
                closeFailure = e;
            }
        }
    }

    /** Computes one batch of some items. */
    private void compute(List<Item> window) {
        try {
            long begun = System.nanoTime();
            PackedBatch batch =
                    BatchPlanner.next(
                            window.stream().map(item -> item.sequence).toList(),
                            batchTokens,
                            backend.groupTokens());
            current = waiting.take(window, batch.order());
            if (current.isEmpty()) {
                return; // closed meanwhile
            }
            long planned = System.nanoTime();
            float[] rewards = backend.score(batch);
            long ended = System.nanoTime();
            for (int i = 0; i < rewards.length; i++) {
                current.get(i).reward.complete(rewards[i]);
            }
            tell(batch, begun, planned, ended);
        } catch (RuntimeException | Error e) {
            if (current.isEmpty()) {
                current = waiting.take(window, new int[1]); // or it would be the first for ever
            }
            current.forEach(item -> item.reward.completeExceptionally(e));
        }
        waiting.expect(FairOrder.callers(current));
        current = List.of();
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
