package io.github.baichuanreward.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;

/**
 * Copies a strided view of a file into row-major order.
 *
 * <p>The file is mapped in windows of 1 GiB, all at once, so that views of storages above 2 GiB
 * need no special case. Windows are counted from element 0, so no element lies in two of them.
 */
final class StridedCopy {
    private static final int WINDOW_BITS = 30;
    private static final long WINDOW_BYTES = 1L << WINDOW_BITS;

    private final ByteBuffer[] windows;
    private final long[] shape;
    private final long[] strideBytes;
    private final int elementBytes;

    /**
     * @param start byte of element 0 in the file
     * @param shape at least one dimension, no size of 0
     * @param strides in elements, not negative; every element lies inside the file
     */
    StridedCopy(FileChannel file, long start, long[] shape, long[] strides, int elementBytes)
            throws IOException {
        this.shape = shape;
        this.elementBytes = elementBytes;
        strideBytes = new long[shape.length];
        long span = elementBytes;
        for (int d = 0; d < shape.length; d++) {
            strideBytes[d] = strides[d] * elementBytes;
            span += (shape[d] - 1) * strideBytes[d];
        }
        windows = new ByteBuffer[Math.toIntExact(((span - 1) >> WINDOW_BITS) + 1)];
        for (int w = 0; w < windows.length; w++) {
            long position = w * WINDOW_BYTES;
            long length = Math.min(WINDOW_BYTES, span - position);
            windows[w] =
                    file.map(FileChannel.MapMode.READ_ONLY, start + position, length)
                            .order(ByteOrder.LITTLE_ENDIAN);
        }
    }

    /** Puts all elements at the position of a little-endian buffer, which moves behind them. */
    void into(ByteBuffer destination) {
        int last = shape.length - 1;
        long[] index = new long[last];
        long position = 0;
        while (true) {
            copyRun(destination, position, shape[last], strideBytes[last]);
            int d = last - 1;
            while (d >= 0 && ++index[d] == shape[d]) {
                position -= (shape[d] - 1) * strideBytes[d];
                index[d--] = 0;
            }
            if (d < 0) {
                return;
            }
            position += strideBytes[d];
        }
    }

    private void copyRun(ByteBuffer destination, long position, long count, long step) {
        if (step == elementBytes) {
            copyBytes(destination, position, count * elementBytes);
            return;
        }
        for (long i = 0; i < count; i++) {
            ByteBuffer window = windows[(int) (position >> WINDOW_BITS)];
            int at = (int) (position & (WINDOW_BYTES - 1));
            switch (elementBytes) {
                case 1 -> destination.put(window.get(at));
                case 2 -> destination.putShort(window.getShort(at));
                case 4 -> destination.putInt(window.getInt(at));
                default -> destination.putLong(window.getLong(at));
            }
            position += step;
        }
    }

    private void copyBytes(ByteBuffer destination, long position, long count) {
        while (count > 0) {
            ByteBuffer window = windows[(int) (position >> WINDOW_BITS)];
            int at = (int) (position & (WINDOW_BYTES - 1));
            int length = (int) Math.min(count, window.limit() - at);
            destination.put(destination.position(), window, at, length);
            destination.position(destination.position() + length);
            position += length;
            count -= length;
        }
    }
}
