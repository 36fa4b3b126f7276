package io.github.baichuanreward;

/**
 * What one batch was and how long it took.
 *
 * <p>Of {@code tokens - sharedTokens + padding} rows that the device computed, {@code tokens -
 * sharedTokens} were needed. Where several batches are computed at a time, their times overlap.
 *
 * @param items sequences
 * @param tokens of all of them, each counted as if it were alone
 * @param sharedTokens those that were not computed, because they are a prefix that another sequence
 *     of the batch has, too
 * @param padding rows that the device computed for nobody, because it works in blocks
 * @param waitedNanos from when they were asked for until the batch was begun, all items together
 * @param longestWaitNanos the same of the item that waited longest
 * @param planNanos it took to choose and to pack the batch
 * @param deviceNanos it took to compute it, the way to the device and back included
 */
public record ScoredBatch(
        int items,
        long tokens,
        long sharedTokens,
        int padding,
        long waitedNanos,
        long longestWaitNanos,
        long planNanos,
        long deviceNanos) {}
