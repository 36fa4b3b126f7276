package io.github.baichuanreward;

import io.github.baichuanreward.text.EncodedAnswer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Scores as futures. A thread of its own completes them, so that what depends on them does not keep
 * the device from its next batch.
 */
final class AsyncScores implements AutoCloseable {

    /** How many callers' worth of tokens may be outstanding before those who ask have to wait. */
    private static final int CAPACITY = 4;

    private final ScoringQueue queue;
    private final String device;
    private final ExecutorService delivery = Executors.newSingleThreadExecutor(this::daemon);

    /** One for each thread, so that a thread's many requests are behind one another. */
    private final ThreadLocal<ScoringQueue.Caller> caller =
            ThreadLocal.withInitial(ScoringQueue.Caller::new);

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition room = lock.newCondition();
    private final long capacity;

    /** Of items whose futures are not completed, what depends on them included. */
    private long undelivered; // guarded by the lock

    private volatile @Nullable Thread deliverer;

    /** An item that is in the queue, and what its caller has. */
    private record Asked(
            int index,
            EncodedAnswer answer,
            ScoringQueue.Item item,
            CompletableFuture<Score> future) {}

    AsyncScores(ScoringQueue queue, String device) {
        this.queue = queue;
        this.device = device;
        this.capacity = CAPACITY * queue.tokensOfCaller();
    }

    private Thread daemon(Runnable task) {
        Thread thread = new Thread(task, "reward-delivery");
        thread.setDaemon(true);
        deliverer = thread;
        return thread;
    }

    /**
     * Asks for the scores of some items, in portions, each when there is room.
     *
     * @return a future for each; one that cannot be asked for has failed
     */
    <T> List<CompletableFuture<Score>> ask(
            List<? extends T> items, OrderedScores.Encoder<T> encoder) {
        List<CompletableFuture<Score>> futures = new ArrayList<>(items.size());
        List<Asked> portion = new ArrayList<>();
        long tokens = 0;
        for (int i = 0; i < items.size(); i++) {
            CompletableFuture<Score> future = new CompletableFuture<>();
            futures.add(future);
            try {
                EncodedAnswer answer = encoder.encode(i, items.get(i));
                ScoringQueue.Item item = new ScoringQueue.Item(answer.ids(), caller.get());
                portion.add(new Asked(i, answer, item, future));
                tokens += answer.ids().length;
            } catch (RuntimeException e) {
                future.completeExceptionally(e);
            }
            if (tokens >= queue.tokensOfCaller()) {
                ask(portion, tokens);
                portion.clear();
                tokens = 0;
            }
        }
        if (!portion.isEmpty()) {
            ask(portion, tokens);
        }
        return futures;
    }

    @SuppressWarnings("FutureReturnValueIgnored") // what follows from a reward is in the future
    private void ask(List<Asked> portion, long tokens) {
        try {
            awaitRoom(tokens);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            CancellationException cancelled =
                    new CancellationException("interrupted while too many scores are outstanding");
            portion.forEach(asked -> asked.future.completeExceptionally(cancelled));
            return;
        }
        for (Asked asked : portion) {
            asked.item.reward.whenComplete(
                    (reward, failure) -> deliver(() -> complete(asked, reward, failure)));
            asked.future.whenComplete(
                    (score, failure) -> {
                        release(asked.answer.ids().length);
                        if (asked.future.isCancelled()) {
                            queue.withdraw(List.of(asked.item));
                        }
                    });
        }
        try {
            queue.ask(portion.stream().map(Asked::item).toList());
        } catch (IllegalStateException e) {
            portion.forEach(asked -> asked.future.completeExceptionally(e));
        }
    }

    private void awaitRoom(long tokens) throws InterruptedException {
        lock.lockInterruptibly();
        try {
            // What depends on a score may ask for more: it would wait for itself.
            while (undelivered >= capacity && Thread.currentThread() != deliverer) {
                room.await();
            }
            undelivered += tokens;
        } finally {
            lock.unlock();
        }
    }

    private void release(int tokens) {
        lock.lock();
        try {
            undelivered -= tokens;
            if (undelivered < capacity) {
                room.signalAll();
            }
        } finally {
            lock.unlock();
        }
    }

    private void deliver(Runnable completion) {
        try {
            delivery.execute(completion);
        } catch (RejectedExecutionException | OutOfMemoryError e) {
            // The model is closed, and no device waits for this; or there can be no more threads.
            completion.run();
        }
    }

    private void complete(Asked asked, @Nullable Float reward, @Nullable Throwable failure) {
        try {
            if (failure != null) {
                asked.future.completeExceptionally(failure);
            } else if (reward != null) {
                asked.future.complete(
                        OrderedScores.score(asked.index, reward, asked.answer, device));
            }
        } catch (ItemException e) {
            asked.future.completeExceptionally(e);
        }
    }

    /** Completes what has its reward, and ends the thread. */
    @Override
    public void close() {
        delivery.shutdown();
    }
}
