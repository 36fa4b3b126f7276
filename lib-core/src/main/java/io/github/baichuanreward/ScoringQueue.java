package io.github.baichuanreward;

import io.github.baichuanreward.backend.Backend;
import io.github.baichuanreward.batch.BatchPlanner;
import io.github.baichuanreward.batch.PackedBatch;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Many callers, full batches: what any number of threads ask for is computed by threads of this
 * queue, batch after batch. There are as many of them as the backend computes batches at a time.
 *
 * <p>A batch begins as soon as there are {@link WaitingItems} and a thread that computes nothing.
 * It is chosen from the first {@link #tokensOfCaller} of them in a {@link FairOrder}, the first
 * item always among it; so an item waits for no more batches than there are items before it, and
 * hardly for others that were asked for later. One thread at a time waits for items and chooses.
 * When it has taken its batch, the next one does, from what is left: no two take the same.
 */
final class ScoringQueue implements AutoCloseable {

    /** Batches' worth of tokens that one caller may have here, or more where that is too few. */
    static final int WINDOW_BATCHES = 16;

    /**
     * So many for each batch that is computed at a time. A caller takes rewards in order, and asks
     * for more when it has taken some: while one batch is computed, whose rewards are the next to
     * be taken, every other thread finds three more. So none is idle for want of items while no
     * batch takes more than three times as long as others.
     */
    private static final int WINDOW_BATCHES_EACH = 4;

    private static final AtomicInteger NUMBER = new AtomicInteger();
    private static final Logger LOG = LoggerFactory.getLogger(ScoringQueue.class);

    private final Backend backend;
    private final int concurrency;
    private final int batchTokens;
    private final LongSupplier clock;
    private final WaitingItems waiting;
    private final List<ScoringListener> listeners = new CopyOnWriteArrayList<>();

    /** Held by the thread that waits for items and chooses a batch. */
    private final ReentrantLock choosing = new ReentrantLock();

    /** Held by the thread that tells the listeners. */
    private final ReentrantLock telling = new ReentrantLock();

    private final List<Thread> threads = new CopyOnWriteArrayList<>();

    /** Threads that have not ended yet, also those to be started. The last closes the backend. */
    private final AtomicInteger running;

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

    /** A batch, when it was begun to be chosen and when it was there. */
    private record Chosen(PackedBatch batch, long begun, long planned) {}

    /** Owns {@code backend} from now on, until {@link #close}, and also if this fails. */
    ScoringQueue(Backend backend) {
        this(backend, Thread::new, System::nanoTime);
    }

    /**
     * With the threads and the clock of a test.
     *
     * @param clock in nanoseconds
     */
    ScoringQueue(Backend backend, ThreadFactory factory, LongSupplier clock) {
        this.backend = backend;
        this.concurrency = backend.concurrency();
        this.batchTokens = backend.batchTokens();
        this.clock = clock;
        this.waiting = new WaitingItems(batchTokens, clock);
        this.running = new AtomicInteger(concurrency);
        start(factory);
    }

    private void start(ThreadFactory factory) {
        String name = "reward-queue-" + NUMBER.incrementAndGet();
        int started = 0;
        try {
            while (started < concurrency) {
                Thread thread = factory.newThread(new Worker());
                thread.setName(concurrency == 1 ? name : name + "-" + (started + 1));
                // A model that was never closed must not keep the application alive.
                thread.setDaemon(true);
                threads.add(thread);
                thread.start();
                started++;
            }
        } catch (RuntimeException | Error e) { // there can be no more threads, say
            waiting.close(e);
            for (int missing = started; missing < concurrency; missing++) {
                end();
            }
            try {
                awaitEnd();
            } catch (RuntimeException | Error ofBackend) {
                e.addSuppressed(ofBackend);
            }
            throw e;
        }
    }

    /** See {@link RewardModel#addListener}. */
    void addListener(ScoringListener listener) {
        listeners.add(listener);
    }

    /** Tokens that one caller may have here, so that a list of any length takes little memory. */
    long tokensOfCaller() {
        return Math.max(WINDOW_BATCHES, (long) WINDOW_BATCHES_EACH * concurrency) * batchTokens;
    }

    /** Tokens of the items that wait, those of batches that are being computed not included. */
    long waitingTokens() {
        return waiting.tokens();
    }

    /**
     * Asks for rewards. How much may wait is a matter of those who ask.
     *
     * @param items of one caller, in their order
     * @throws IllegalStateException if this is closed, or on a thread of this queue
     */
    void ask(List<Item> items) {
        if (isOwnThread()) {
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
     * Ends the queue after the batches that are being computed: fails what waits, and closes the
     * backend. A second call only waits for the first. A thread of this queue, which would wait for
     * itself, does not wait.
     */
    @Override
    public void close() {
        waiting.close(new IllegalStateException(RewardModel.CLOSED));
        if (!isOwnThread()) {
            awaitEnd();
        }
    }

    private boolean isOwnThread() {
        return threads.contains(Thread.currentThread());
    }

    private void awaitEnd() {
        boolean interrupted = false;
        for (Thread thread : threads) {
            while (thread.isAlive()) {
                try {
                    thread.join();
                } catch (InterruptedException e) {
                    interrupted = true; // but the device is in use until the batch is done
                }
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

    /** One thread less. */
    private void end() {
        if (running.decrementAndGet() == 0) {
            try {
                backend.close();
            } catch (RuntimeException | Error e) {
                closeFailure = e;
            }
        }
    }

    /** What a thread of this queue does. */
    private final class Worker implements Runnable {

        /** The items of the batch at hand; none between two. */
        private List<Item> current = List.of();

        @Override
        public void run() {
            try {
                boolean open = true;
                while (open) {
                    open = computeNext();
                }
            } catch (RuntimeException | Error e) {
                // Not a batch failed, but this queue: without memory, say. Nobody may wait for it.
                fail(e);
                waiting.close(e);
                LOG.error("the queue of a model has ended", e);
            } finally {
                end();
            }
        }

        /** Whether there was something to compute; false at the end. */
        private boolean computeNext() {
            try {
                Chosen chosen = choose();
                if (chosen == null) {
                    return false;
                }
                float[] rewards = backend.score(chosen.batch);
                long ended = clock.getAsLong();
                expectCallers();
                for (int i = 0; i < rewards.length; i++) {
                    current.get(i).reward.complete(rewards[i]);
                }
                tell(chosen, ended);
            } catch (RuntimeException | Error e) {
                if (current.isEmpty()) {
                    throw e;
                }
                expectCallers();
                fail(e);
            }
            expectCallers(); // who have their rewards since now, if it took long to tell them
            current = List.of();
            return true;
        }

        /** Waits for items, and takes those of the next batch; null at the end. */
        private @Nullable Chosen choose() {
            choosing.lock();
            try {
                List<Item> window = waiting.await(tokensOfCaller());
                return window.isEmpty() ? null : choose(window);
            } finally {
                choosing.unlock();
            }
        }

        private @Nullable Chosen choose(List<Item> window) {
            try {
                long begun = clock.getAsLong();
                PackedBatch batch =
                        BatchPlanner.next(
                                window.stream().map(item -> item.sequence).toList(),
                                batchTokens,
                                backend.groupTokens());
                current = waiting.take(window, batch.order());
                return current.isEmpty() ? null : new Chosen(batch, begun, clock.getAsLong());
            } catch (RuntimeException | Error e) {
                if (current.isEmpty()) {
                    current = waiting.take(window, new int[1]); // or it would be the first for ever
                }
                throw e;
            }
        }

        /** Before they have their rewards and may come back: another thread may wait for items. */
        private void expectCallers() {
            waiting.expect(FairOrder.callers(current));
        }

        private void fail(Throwable reason) {
            current.forEach(item -> item.reward.completeExceptionally(reason));
        }

        private void tell(Chosen chosen, long ended) {
            if (listeners.isEmpty()) {
                return;
            }
            int computed = chosen.batch.tokens().length;
            long tokens = 0;
            long waited = 0;
            long longest = 0;
            for (Item item : current) {
                tokens += item.sequence.length;
                waited += chosen.begun - item.arrival;
                longest = Math.max(longest, chosen.begun - item.arrival);
            }
            tell(
                    new ScoredBatch(
                            current.size(),
                            tokens,
                            tokens - computed,
                            backend.rows(computed) - computed,
                            waited,
                            longest,
                            chosen.planned - chosen.begun,
                            ended - chosen.planned));
        }

        private void tell(ScoredBatch batch) {
            telling.lock();
            try {
                for (ScoringListener listener : listeners) {
                    try {
                        listener.scored(batch);
                    } catch (RuntimeException | Error e) {
                        LOG.warn("a listener failed", e);
                    }
                }
            } finally {
                telling.unlock();
            }
        }
    }
}
