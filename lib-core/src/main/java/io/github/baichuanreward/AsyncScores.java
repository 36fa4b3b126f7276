package io.github.baichuanreward;

import io.github.baichuanreward.text.EncodedAnswer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;

/**
 * Scores as futures. A thread of its own completes them, so that what depends on them does not keep
 * the device from its next batch.
 */
final class AsyncScores implements AutoCloseable {

    private final ScoringQueue queue;
    private final String device;
    private final ExecutorService delivery =
            Executors.newSingleThreadExecutor(
                    task -> {
                        Thread thread = new Thread(task, "reward-delivery");
                        thread.setDaemon(true);
                        return thread;
                    });

    /** An item that is in the queue, and what its caller has. */
    private record Asked(
            int index,
            EncodedAnswer answer,
            ScoringQueue.Item item,
            CompletableFuture<Score> future) {}

    AsyncScores(ScoringQueue queue, String device) {
        this.queue = queue;
        this.device = device;
    }

    /**
     * Asks for the scores of some items, in portions that the queue takes one after another.
     *
     * @return a future for each; one that cannot be asked for has failed
     */
    <T> List<CompletableFuture<Score>> ask(
            List<? extends T> items, OrderedScores.Encoder<T> encoder) {
        List<CompletableFuture<Score>> futures = new ArrayList<>(items.size());
        ScoringQueue.Caller caller = new ScoringQueue.Caller();
        List<Asked> portion = new ArrayList<>();
        long tokens = 0;
        for (int i = 0; i < items.size(); i++) {
            CompletableFuture<Score> future = new CompletableFuture<>();
            futures.add(future);
            try {
                EncodedAnswer answer = encoder.encode(i, items.get(i));
                ScoringQueue.Item item = new ScoringQueue.Item(answer.ids(), caller);
                portion.add(new Asked(i, answer, item, future));
                tokens += answer.ids().length;
            } catch (RuntimeException e) {
                future.completeExceptionally(e);
            }
            if (tokens >= queue.tokensOfCaller()) {
                ask(portion);
                portion.clear();
                tokens = 0;
            }
        }
        ask(portion);
        return futures;
    }

    @SuppressWarnings("FutureReturnValueIgnored") // what follows from a reward is in the future
    private void ask(List<Asked> portion) {
        for (Asked asked : portion) {
            asked.item.reward.whenComplete(
                    (reward, failure) -> deliver(() -> complete(asked, reward, failure)));
            asked.future.whenComplete(
                    (score, failure) -> {
                        if (asked.future.isCancelled()) {
                            queue.withdraw(List.of(asked.item));
                        }
                    });
        }
        try {
            queue.ask(portion.stream().map(Asked::item).toList());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            CancellationException cancelled =
                    new CancellationException("interrupted while the queue was full");
            portion.forEach(asked -> asked.future.completeExceptionally(cancelled));
        } catch (IllegalStateException e) {
            portion.forEach(asked -> asked.future.completeExceptionally(e));
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

    private void complete(Asked asked, float reward) {
        try {
            asked.future.complete(OrderedScores.score(asked.index, reward, asked.answer, device));
        } catch (ItemException e) {
            asked.future.completeExceptionally(e);
        }
    }

    private void complete(Asked asked, @Nullable Float reward, @Nullable Throwable failure) {
        if (reward != null) {
            complete(asked, reward);
        } else if (failure != null) {
            asked.future.completeExceptionally(failure);
        }
    }

    /** Completes what has its reward, and ends the thread. */
    @Override
    public void close() {
        delivery.shutdown();
    }
}
