package io.github.baichuanreward.backend;

import io.github.baichuanreward.batch.PackedBatch;

/**
 * A model on a device, ready to score.
 *
 * <p>A sequence's reward has the same bits whatever else is in the batch, wherever in it the
 * sequence stands. Owns its device memory until {@link #close}.
 *
 * <p>Threads: {@link #score} by as many at once as {@link #concurrency} says, {@link #close} by one
 * when none of them is left. What the others return does not change; any thread may ask.
 */
public interface Backend extends AutoCloseable {

    /**
     * Scores every sequence of a batch at its last token.
     *
     * @param batch ids inside the vocabulary, sequences not longer than the model allows: checked
     *     by the caller
     * @return {@code [sequences]}; a reward that is not finite is returned as it is
     * @throws BackendException if a device fails; this backend is then unusable, unless only memory
     *     for a long sequence was missing, or other devices go on, as further calls show
     */
    float[] score(PackedBatch batch);

    /** Most tokens that a batch should have; a single longer sequence is allowed. */
    int batchTokens();

    /**
     * Most tokens that a batch should have of sequences that share a prefix, which to divide would
     * cost its prefix once more; at least {@link #batchTokens}.
     */
    default int groupTokens() {
        return batchTokens();
    }

    /**
     * How many batches it computes at a time: so many threads may call {@link #score} at once. At
     * least 1.
     */
    default int concurrency() {
        return 1;
    }

    /** Rows that are computed for a batch of so many tokens: more, where it works in blocks. */
    default int rows(int tokens) {
        return tokens;
    }

    /** Device, precision and threads, in one line for people. */
    String description();

    /** Frees what this backend holds; a second call does nothing. */
    @Override
    void close();
}
