package io.github.baichuanreward.cuda;

import io.github.baichuanreward.checkpoint.CheckpointException;
import io.github.baichuanreward.checkpoint.DType;
import io.github.baichuanreward.checkpoint.LoraCheckpoint;
import io.github.baichuanreward.checkpoint.Tensor;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * Rows of a stored weight and where they go in a {@link WeightBlock}: converted to the device's
 * half type or to 8 bits, with what adapters add, and with zeros between groups of columns.
 *
 * @param tensor of one dimension (rows of one element) or two
 * @param deltas each adds {@code scale * b a}; summed in float32 and rounded once
 * @param firstRow of the tensor
 * @param rows how many
 * @param columns of the tensor, and what they become
 * @param offset in the block of {@code [rows, columns.padded]} half or int8
 * @param scales offset in the block of {@code [rows]} float32; {@link #NO_SCALES} for halves
 */
record WeightBand(
        Tensor tensor,
        List<LoraCheckpoint.Delta> deltas,
        long firstRow,
        int rows,
        Columns columns,
        long offset,
        long scales) {

    /** Of halves. */
    static final long NO_SCALES = -1;

    /** The largest magnitude of an int8 weight. */
    private static final float MOST = 127;

    /**
     * Columns in groups, each filled up with zeros.
     *
     * @param groups how many
     * @param width of a group in the tensor
     * @param paddedWidth of a group on the device
     */
    record Columns(int groups, int width, int paddedWidth) {

        /** Columns that stay as they are. */
        static Columns of(int count) {
            return new Columns(1, count, count);
        }

        int source() {
            return groups * width;
        }

        int padded() {
            return groups * paddedWidth;
        }
    }

    /** Elements that are converted at a time: they stay in the cache. */
    private static final int PIECE = 1 << 16;

    /** The band in parts of at most so many bytes, or of one row. */
    List<WeightBand> split(int bytes) {
        int most = Math.max(1, bytes / rowBytes());
        List<WeightBand> parts = new ArrayList<>();
        for (int row = 0; row < rows; row += most) {
            int count = Math.min(most, rows - row);
            parts.add(
                    new WeightBand(
                            tensor,
                            deltas,
                            firstRow + row,
                            count,
                            columns,
                            offset + (long) row * rowBytes(),
                            isQuantized() ? scales + (long) row * Float.BYTES : NO_SCALES));
        }
        return parts;
    }

    /** Bytes of a row on the device. */
    int rowBytes() {
        return columns.padded() * (isQuantized() ? Byte.BYTES : Short.BYTES);
    }

    private boolean isQuantized() {
        return scales != NO_SCALES;
    }

    /** Where scales begin in what {@link #fill} fills: behind the numbers. */
    private int scalesStart() {
        return (rows * rowBytes() + Float.BYTES - 1) / Float.BYTES * Float.BYTES;
    }

    /** Bytes that {@link #fill} fills. */
    int bytes() {
        return isQuantized() ? scalesStart() + rows * Float.BYTES : rows * rowBytes();
    }

    /**
     * A part of what {@link #fill} has filled, and where it goes.
     *
     * @param from in the buffer
     * @param to in the block
     * @param bytes how many
     */
    record Piece(int from, long to, int bytes) {}

    /** What goes where. */
    List<Piece> pieces() {
        Piece numbers = new Piece(0, offset, rows * rowBytes());
        return isQuantized()
                ? List.of(numbers, new Piece(scalesStart(), scales, rows * Float.BYTES))
                : List.of(numbers);
    }

    /** Whether its bytes go to the device as they are. */
    boolean isCopied(DType half) {
        return !isQuantized()
                && tensor.dtype() == half
                && deltas.isEmpty()
                && columns.source() == columns.padded();
    }

    /**
     * What {@link #fill} reads, mapped.
     *
     * @param rows of the tensor
     * @param a of each delta, {@code [rank, columns]}
     * @param b of each delta, {@code [rows, rank]}
     */
    record Source(ByteBuffer rows, List<ByteBuffer> a, List<ByteBuffer> b) {}

    /**
     * Maps what is to be read, for {@link #fill} in another thread.
     *
     * @throws CheckpointException if a file cannot be read, or was cut
     */
    Source map() throws CheckpointException {
        List<ByteBuffer> a = new ArrayList<>();
        List<ByteBuffer> b = new ArrayList<>();
        for (LoraCheckpoint.Delta delta : deltas) {
            a.add(delta.a().map());
            b.add(delta.b().mapRows(firstRow, rows));
        }
        return new Source(tensor.mapRows(firstRow, rows), a, b);
    }

    /**
     * Fills a buffer with what goes into the block. Opens no file: where compiled code meets a page
     * that is not there, it goes on with other data, and Java throws {@link InternalError} some
     * time later, maybe behind the end of this method. Inside a channel that is being closed it
     * would leave the thread waiting for ever. So the files' lengths are asked for at the end, too.
     *
     * @throws CheckpointException if a file has been cut
     */
    void fill(ByteBuffer destination, DType half, Source source) throws CheckpointException {
        convert(destination, half, source);
        tensor.requireWhole();
        for (LoraCheckpoint.Delta delta : deltas) {
            delta.a().requireWhole();
            delta.b().requireWhole();
        }
    }

    private void convert(ByteBuffer destination, DType half, Source source) {
        if (isCopied(half)) {
            destination.put(0, source.rows(), 0, rows * rowBytes());
            return;
        }
        List<Delta> added = new ArrayList<>();
        for (int d = 0; d < deltas.size(); d++) {
            added.add(Delta.read(deltas.get(d), source.a().get(d), source.b().get(d)));
        }
        int width = columns.source();
        int most = Math.max(1, PIECE / width);
        float[] values = new float[Math.min(most, rows) * width];
        for (int row = 0; row < rows; row += most) {
            int count = Math.min(most, rows - row);
            tensor.dtype().toFloats(values, 0, source.rows(), row * width, count * width);
            for (Delta delta : added) {
                delta.add(values, row, count, width);
            }
            if (isQuantized()) {
                quantize(destination, values, row, count);
            } else {
                write(destination, half, values, row, count);
            }
        }
    }

    /** Row by row; a row of zeros, or one that is not finite, has no scale that would help. */
    void quantize(ByteBuffer destination, float[] values, int first, int count) {
        int source = columns.source();
        for (int row = 0; row < count; row++) {
            float largest = 0;
            for (int c = 0; c < source; c++) {
                largest = Math.max(largest, Math.abs(values[row * source + c]));
            }
            float scale = largest / MOST;
            destination.putFloat(scalesStart() + (first + row) * Float.BYTES, scale);
            int at = (first + row) * columns.padded();
            for (int group = 0; group < columns.groups(); group++) {
                for (int c = 0; c < columns.paddedWidth(); c++) {
                    float value =
                            c < columns.width()
                                    ? values[row * source + group * columns.width() + c]
                                    : 0;
                    destination.put(at++, scale == 0 ? 0 : quantized(value / scale));
                }
            }
        }
    }

    /** Clamped, since the scales of the smallest numbers are coarse. */
    private static byte quantized(float value) {
        return (byte) Math.max(-MOST, Math.min(MOST, Math.rint(value)));
    }

    private void write(ByteBuffer destination, DType half, float[] values, int first, int count) {
        int width = columns.width();
        int padded = columns.paddedWidth();
        if (width == padded) {
            int elements = count * columns.source();
            half.fromFloats(destination, first * columns.padded(), values, 0, elements);
            return;
        }
        for (int group = 0; group < count * columns.groups(); group++) {
            int at = (first * columns.groups() + group) * padded;
            half.fromFloats(destination, at, values, group * width, width);
            for (int c = width; c < padded; c++) {
                destination.putShort((at + c) * Short.BYTES, (short) 0);
            }
        }
    }

    /**
     * What an adapter adds to these rows.
     *
     * @param a {@code [rank, columns]}
     * @param b {@code [rows, rank]}, scaled
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Delta(float[] a, float[] b, int rank) {

        static Delta read(LoraCheckpoint.Delta delta, ByteBuffer mappedA, ByteBuffer mappedB) {
            float[] a = floats(delta.a(), mappedA);
            float[] b = floats(delta.b(), mappedB);
            for (int i = 0; i < b.length; i++) {
                b[i] *= delta.scale();
            }
            return new Delta(a, b, delta.rank());
        }

        private static float[] floats(Tensor tensor, ByteBuffer mapped) {
            float[] values = new float[mapped.capacity() / tensor.dtype().bytes()];
            tensor.dtype().toFloats(values, 0, mapped, 0, values.length);
            return values;
        }

        void add(float[] values, int firstRow, int count, int width) {
            for (int row = 0; row < count; row++) {
                for (int r = 0; r < rank; r++) {
                    float factor = b[(firstRow + row) * rank + r];
                    for (int c = 0; c < width; c++) {
                        values[row * width + c] += factor * a[r * width + c];
                    }
                }
            }
        }
    }
}
