package io.github.baichuanreward;

import io.github.baichuanreward.backend.Backend;
import io.github.baichuanreward.batch.PackedBatch;
import io.github.baichuanreward.batch.Segment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * A backend for tests of what feeds it: computes a batch when a test lets it, and keeps what it was
 * given. A sequence's reward is {@link #reward}.
 */
class HeldBackend implements Backend {

    private static final int PATIENCE = 20;

    private final int batchTokens;
    private final int concurrency;
    private final Semaphore begun = new Semaphore(0);
    private final Semaphore allowed = new Semaphore(0);
    private final Map<Integer, CountDownLatch> held = new ConcurrentHashMap<>();

    /** The batches so far, as they were put together. */
    final List<PackedBatch> batches = new CopyOnWriteArrayList<>();

    /** Thrown by the next batch. */
    volatile @Nullable Throwable failure;

    final AtomicInteger closed = new AtomicInteger();

    /** Whether a batch was computed when it was closed, or after, or too many at once. */
    volatile boolean misused;

    private final AtomicInteger computing = new AtomicInteger();

    HeldBackend(int batchTokens) {
        this(batchTokens, 1);
    }

    HeldBackend(int batchTokens, int concurrency) {
        this.batchTokens = batchTokens;
        this.concurrency = concurrency;
    }

    /** One that computes at once. */
    static HeldBackend free(int batchTokens) {
        HeldBackend backend = new HeldBackend(batchTokens);
        backend.allowed.release(1 << 30);
        return backend;
    }

    /** What a sequence gets. */
    static float reward(int[] sequence) {
        return Arrays.hashCode(sequence) % (1 << 20);
    }

    /** Waits until the next batch is on the device. */
    void awaitBegun() throws InterruptedException {
        if (!begun.tryAcquire(PATIENCE, TimeUnit.SECONDS)) {
            throw new AssertionError("no batch has begun");
        }
    }

    /** Lets so many batches be computed. */
    void allow(int count) {
        allowed.release(count);
    }

    /** Has the batch of a sequence that begins so wait, though others may be computed. */
    void hold(int firstId) {
        held.put(firstId, new CountDownLatch(1));
    }

    /** Lets it go on, if a batch is allowed. */
    void release(int firstId) {
        Objects.requireNonNull(held.get(firstId)).countDown();
    }

    /** The sequences of a batch, in its order. */
    static List<int[]> sequences(PackedBatch batch) {
        List<int[]> sequences = new ArrayList<>();
        for (Segment segment : batch.segments()) {
            if (segment.scored()) {
                int[] sequence = new int[segment.positions()];
                Arrays.setAll(sequence, p -> batch.tokens()[segment.row(p)]);
                sequences.add(sequence);
            }
        }
        return sequences;
    }

    /** The first ids of the sequences of a batch. */
    List<Integer> firstIds(int batch) {
        return sequences(batches.get(batch)).stream().map(ids -> ids[0]).toList();
    }

    @Override
    public float[] score(PackedBatch batch) {
        if (computing.incrementAndGet() > concurrency || closed.get() > 0) {
            misused = true;
        }
        batches.add(batch);
        begun.release();
        try {
            if (!awaitRelease(batch) || !allowed.tryAcquire(PATIENCE, TimeUnit.SECONDS)) {
                throw new AssertionError("no batch was allowed");
            }
        } catch (InterruptedException e) {
            throw new AssertionError("the device was interrupted", e);
        }
        computing.decrementAndGet();
        Throwable thrown = failure;
        failure = null;
        if (thrown instanceof RuntimeException e) {
            throw e;
        }
        if (thrown instanceof Error e) {
            throw e;
        }
        List<int[]> sequences = sequences(batch);
        float[] rewards = new float[sequences.size()];
        for (int s = 0; s < rewards.length; s++) {
            rewards[s] = reward(sequences.get(s));
        }
        return rewards;
    }

    private boolean awaitRelease(PackedBatch batch) throws InterruptedException {
        for (int[] sequence : sequences(batch)) {
            CountDownLatch release = held.get(sequence[0]);
            if (release != null && !release.await(PATIENCE, TimeUnit.SECONDS)) {
                return false;
            }
        }
        return true;
    }

    @Override
    public int batchTokens() {
        return batchTokens;
    }

    @Override
    public int concurrency() {
        return concurrency;
    }

    @Override
    public int rows(int tokens) {
        return (tokens + 63) / 64 * 64;
    }

    @Override
    public String description() {
        return "held";
    }

    @Override
    public void close() {
        if (computing.get() > 0) {
            misused = true;
        }
        closed.incrementAndGet();
    }
}
