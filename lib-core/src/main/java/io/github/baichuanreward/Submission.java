package io.github.baichuanreward;

import io.github.baichuanreward.backend.BackendException;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.ExecutionException;

/**
 * One caller's sequences on their way through a queue; rewards come back in the order of asking. As
 * many are computed ahead as a caller may have in the queue.
 *
 * <p>Used by one thread at a time, except {@link #close}, which takes back what has not been waited
 * for, and frees who waits for it.
 */
final class Submission implements AutoCloseable {

    private final ScoringQueue queue;
    private final ScoringQueue.Caller caller = new ScoringQueue.Caller();

    /** Not yet in the queue: sequences that share a prefix should come into it together. */
    private final List<ScoringQueue.Item> added = new ArrayList<>();

    private final Deque<ScoringQueue.Item> outstanding = new ConcurrentLinkedDeque<>();
    private long tokens;

    Submission(ScoringQueue queue) {
        this.queue = queue;
    }

    /** Whether more may be added before the next reward is taken. */
    boolean hasRoom() {
        return tokens < queue.tokensOfCaller();
    }

    /** Asks for another reward, with the next call of {@link #next} at the latest. */
    void add(int[] sequence) {
        ScoringQueue.Item item = new ScoringQueue.Item(sequence, caller);
        added.add(item);
        outstanding.add(item);
        tokens += sequence.length;
    }

    /**
     * Waits for the reward that has not been taken for longest.
     *
     * @return the reward, which may not be finite
     * @throws CancellationException if the thread is interrupted, which it then still is, or if
     *     another thread closes this
     * @throws IllegalStateException if the model is closed
     * @throws BackendException if the device fails
     */
    float next() {
        ScoringQueue.Item item = outstanding.element();
        try {
            queue.ask(added);
            added.clear();
            float reward = item.reward.get();
            outstanding.remove();
            tokens -= item.sequence.length;
            return reward;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw interrupted(e);
        } catch (ExecutionException e) {
            throw failure(Objects.requireNonNullElse(e.getCause(), e));
        }
    }

    private static CancellationException interrupted(InterruptedException e) {
        CancellationException cancelled =
                new CancellationException("interrupted while waiting for a reward");
        cancelled.initCause(e);
        return cancelled;
    }

    /** What the worker met, as this thread's own: several threads may get it. */
    private static RuntimeException failure(Throwable cause) {
        if (cause instanceof Error error) {
            throw error;
        }
        String message = String.valueOf(cause.getMessage());
        if (cause instanceof BackendException) {
            return new BackendException(message, cause);
        }
        boolean foreseen = cause instanceof IllegalStateException;
        return new IllegalStateException(foreseen ? message : cause.toString(), cause);
    }

    @Override
    public void close() {
        if (!outstanding.isEmpty()) {
            queue.withdraw(outstanding);
        }
    }
}
