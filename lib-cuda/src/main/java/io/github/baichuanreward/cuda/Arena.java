package io.github.baichuanreward.cuda;

/**
 * Hands out pieces of one buffer, one behind the other, each where a device likes it to begin.
 *
 * <p>An arena over nothing measures: what takes its pieces from it says afterwards how much it
 * needs.
 */
final class Arena {

    private static final long ALIGNMENT = 256;

    private final DeviceBuffer memory;
    private long used;

    Arena(DeviceBuffer memory) {
        this.memory = memory;
    }

    /** An arena that only counts. */
    static Arena measuring() {
        return new Arena(DeviceBuffer.nowhere(Long.MAX_VALUE));
    }

    /** The next piece. */
    DeviceBuffer take(long bytes) {
        DeviceBuffer piece = memory.view(used, bytes);
        used = (used + bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        return piece;
    }

    /** Bytes that were taken, and lie between. */
    long used() {
        return used;
    }
}
