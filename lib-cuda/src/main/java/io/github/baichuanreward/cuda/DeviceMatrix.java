package io.github.baichuanreward.cuda;

import org.jspecify.annotations.Nullable;

/**
 * A weight on the device, row-major.
 *
 * @param buffer its numbers, half or, where there are scales, int8; a view
 * @param scales {@code [n]} float32, what the rows are to be multiplied with; null for halves
 * @param n rows
 * @param k columns
 */
record DeviceMatrix(DeviceBuffer buffer, @Nullable DeviceBuffer scales, int n, int k) {

    /** Of halves. */
    DeviceMatrix(DeviceBuffer buffer, int n, int k) {
        this(buffer, null, n, k);
    }

    /** The next piece of an arena. */
    static DeviceMatrix in(Arena arena, int n, int k, WeightForm form) {
        long count = (long) n * k;
        return switch (form) {
            case HALF -> new DeviceMatrix(arena.take(count * Short.BYTES), n, k);
            case INT8 -> new DeviceMatrix(arena.take(count), arena.take(n * 4L), n, k);
        };
    }
}
