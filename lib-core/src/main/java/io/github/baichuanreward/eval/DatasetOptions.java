package io.github.baichuanreward.eval;

import org.jspecify.annotations.Nullable;

/**
 * How comparisons are read. Start from {@link #defaults} and change what matters.
 *
 * @param maxSamples most comparisons that are read, counted over all files; 0 for all
 * @param subsetColumn field whose text or number becomes {@link Comparison#subset}; every row must
 *     have it. Null for none
 * @param skipBadRows whether bad rows are passed over and counted, instead of ending the reading
 */
public record DatasetOptions(long maxSamples, @Nullable String subsetColumn, boolean skipBadRows) {

    /**
     * Checks the number.
     *
     * @throws IllegalArgumentException if {@code maxSamples} is negative
     */
    public DatasetOptions {
        if (maxSamples < 0) {
            throw new IllegalArgumentException(
                    "maxSamples is " + maxSamples + "; give a positive number, or 0 for all");
        }
    }

    /** All comparisons, without subsets; a bad row ends the reading. */
    public static DatasetOptions defaults() {
        return new DatasetOptions(0, null, false);
    }

    /** The same with at most so many comparisons. */
    public DatasetOptions withMaxSamples(long maxSamples) {
        return new DatasetOptions(maxSamples, subsetColumn, skipBadRows);
    }

    /** The same with subsets that this field names. */
    public DatasetOptions withSubsetColumn(@Nullable String subsetColumn) {
        return new DatasetOptions(maxSamples, subsetColumn, skipBadRows);
    }

    /** The same, passing over bad rows or not. */
    public DatasetOptions withSkipBadRows(boolean skipBadRows) {
        return new DatasetOptions(maxSamples, subsetColumn, skipBadRows);
    }
}
