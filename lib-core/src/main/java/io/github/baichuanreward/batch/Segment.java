package io.github.baichuanreward.batch;

/**
 * Rows of a {@link PackedBatch} that stand one behind the other: a whole sequence, a prefix that
 * several sequences share, or what one of those has of its own.
 *
 * <p>A sequence's positions count from its prefix on: position {@code p} is row {@code prefixStart
 * + p} below {@code prefixLength}, and {@code start + p - prefixLength} from there.
 *
 * @param start first own row
 * @param length own rows, at least 1
 * @param prefixStart first row of the prefix, which is a segment without a prefix
 * @param prefixLength 0 without a prefix
 * @param scored whether a sequence ends here, whose reward is asked for
 */
public record Segment(int start, int length, int prefixStart, int prefixLength, boolean scored) {

    /** A sequence that shares nothing. */
    public static Segment of(int start, int length) {
        return new Segment(start, length, 0, 0, true);
    }

    /** The row behind the last own one. */
    public int end() {
        return start + length;
    }

    /** Positions up to the last own row. */
    public int positions() {
        return prefixLength + length;
    }

    /** The row of a position. */
    public int row(int position) {
        return position < prefixLength ? prefixStart + position : start + position - prefixLength;
    }
}
