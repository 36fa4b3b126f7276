package io.github.baichuanreward.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * Where a tensor's elements lie in a file.
 *
 * <p>Immutable, for use by many threads, and holds nothing native: every call of {@link #map} opens
 * the file, maps and closes it again. A mapping lives until its buffer is garbage. Contiguous
 * tensors are mapped without a copy, at any offset, aligned or not; strided views of PyTorch files
 * are copied into row-major order, in direct memory.
 *
 * <p>The file must not change while the tensor is in use. A file whose length has changed since it
 * was opened is refused; one that is cut while it is mapped makes the JVM throw {@link
 * InternalError} at the access.
 */
public final class Tensor {
    /** The most that {@link FileChannel#map} and a buffer can hold. */
    private static final long MAX_MAP_BYTES = Integer.MAX_VALUE;

    private final String name;
    private final DType dtype;
    private final long[] shape;
    private final long[] strides;
    private final long elements;
    private final boolean rowMajor;
    private final Path file;
    private final long fileBytes;
    private final long offset;

    /**
     * Takes over the arrays. All numbers have been checked against the file by the reader of its
     * format.
     *
     * @param strides in elements, not negative
     * @param fileBytes length of the file when it was examined
     * @param offset of element 0, in bytes from the start of the file
     */
    Tensor(
            String name,
            DType dtype,
            long[] shape,
            long[] strides,
            Path file,
            long fileBytes,
            long offset) {
        this.name = name;
        this.dtype = dtype;
        this.shape = shape;
        this.strides = strides;
        this.elements = elementsOf(shape);
        this.rowMajor = elements == 0 || isRowMajor(shape, strides);
        this.file = file;
        this.fileBytes = fileBytes;
        this.offset = offset;
    }

    /**
     * A window into a file that has no header to say what it holds. Windows may overlap.
     *
     * @param shape slowest dimension first; copied
     * @param offset of element 0, in bytes from the start of the file
     * @throws CheckpointException if the file cannot be read, or ends before the window does
     */
    public static Tensor window(String name, DType dtype, long[] shape, Path file, long offset)
            throws CheckpointException {
        try (SourceFile source = SourceFile.open(file)) {
            long bytes = Math.multiplyExact(elementsOf(shape), dtype.bytes());
            if (offset < 0 || bytes > source.size() - offset) {
                throw source.error(
                        "tensor %s: %d bytes at %d do not lie inside the file of %d bytes"
                                .formatted(
                                        CheckpointException.quote(name),
                                        bytes,
                                        offset,
                                        source.size()));
            }
            long[] sizes = shape.clone();
            return new Tensor(
                    name, dtype, sizes, rowMajorStrides(sizes), file, source.size(), offset);
        }
    }

    /** The tensor's name in the checkpoint, such as {@code model.norm.weight}. */
    public String name() {
        return name;
    }

    /** The type of its elements. */
    public DType dtype() {
        return dtype;
    }

    /** Its sizes, slowest dimension first; empty for a scalar. A copy. */
    public long[] shape() {
        return shape.clone();
    }

    /** The product of its sizes; 1 for a scalar. */
    public long elements() {
        return elements;
    }

    /** Bytes of its elements, without gaps. */
    public long bytes() {
        return elements * dtype.bytes();
    }

    /** The file that holds the elements: one shard where there are several. */
    public Path file() {
        return file;
    }

    /**
     * All elements, row-major.
     *
     * @return read-only, little-endian, direct, element 0 at position 0
     * @throws CheckpointException if the tensor is above 2 GiB (use {@link #mapRows}), or if the
     *     file cannot be read or has changed its length since the checkpoint was opened (open it
     *     again)
     */
    public ByteBuffer map() throws CheckpointException {
        if (bytes() > MAX_MAP_BYTES) {
            throw error(
                    bytes()
                            + " bytes are more than one mapping holds ("
                            + MAX_MAP_BYTES
                            + "); use mapRows");
        }
        return map(offset, shape);
    }

    /**
     * Some slices of the first dimension, row-major.
     *
     * @return read-only, little-endian, direct, element 0 of row {@code firstRow} at position 0
     * @throws IllegalArgumentException if the tensor is a scalar or has no such rows
     * @throws CheckpointException as for {@link #map}; ask for fewer rows where they are above 2
     *     GiB
     */
    public ByteBuffer mapRows(long firstRow, int rows) throws CheckpointException {
        if (shape.length == 0) {
            throw new IllegalArgumentException("tensor " + name + " is a scalar; it has no rows");
        }
        if (firstRow < 0 || rows < 0 || firstRow > shape[0] - rows) {
            throw new IllegalArgumentException(
                    "tensor "
                            + name
                            + " has "
                            + shape[0]
                            + " rows; asked for "
                            + rows
                            + " from row "
                            + firstRow);
        }
        long[] sizes = shape.clone();
        sizes[0] = rows;
        long rowBytes = shape[0] == 0 ? 0 : bytes() / shape[0];
        if (rows > 0 && rowBytes > MAX_MAP_BYTES / rows) {
            throw error(
                    rows
                            + " rows of "
                            + rowBytes
                            + " bytes are more than one mapping holds ("
                            + MAX_MAP_BYTES
                            + ")");
        }
        return map(offset + firstRow * strides[0] * dtype.bytes(), sizes);
    }

    /**
     * All elements as floats, row-major; for small tensors such as norms and the value head.
     *
     * @throws CheckpointException if the tensor is of no float type, and as for {@link #map}
     */
    public float[] toFloats() throws CheckpointException {
        if (!dtype.isFloat()) {
            throw error("is of type " + dtype + " where FLOAT32, FLOAT16 or BFLOAT16 is needed");
        }
        ByteBuffer source = map();
        float[] values = new float[(int) elements];
        dtype.toFloats(values, 0, source, 0, values.length);
        return values;
    }

    /**
     * Looks whether the file has the length that it had when the checkpoint was opened: whoever
     * reads a mapping of a file that is cut meanwhile may read anything.
     *
     * @throws CheckpointException if it has another one, or cannot be found
     */
    public void requireWhole() throws CheckpointException {
        try {
            requireLength(Files.size(file));
        } catch (CheckpointException e) {
            throw e;
        } catch (IOException e) {
            throw unreadable(e);
        }
    }

    /** Name, type, shape and file, for messages. */
    @Override
    public String toString() {
        return name + " " + dtype + " " + Arrays.toString(shape) + " in " + file;
    }

    /**
     * The product of sizes.
     *
     * @throws ArithmeticException if it is above 2^63 - 1
     */
    static long elementsOf(long[] shape) {
        long product = 1;
        for (long size : shape) {
            product = Math.multiplyExact(product, size);
        }
        return product;
    }

    /** Strides of a tensor without gaps, in elements. */
    static long[] rowMajorStrides(long[] shape) {
        long[] strides = new long[shape.length];
        long stride = 1;
        for (int d = shape.length - 1; d >= 0; d--) {
            strides[d] = stride;
            // A tensor with a size of 0 has no elements and so no use for strides; the others'
            // products fit.
            stride *= Math.max(shape[d], 1);
        }
        return strides;
    }

    /**
     * Whether elements follow each other without gaps; the stride of a dimension of size 1 says
     * nothing.
     */
    private static boolean isRowMajor(long[] shape, long[] strides) {
        long[] expected = rowMajorStrides(shape);
        for (int d = 0; d < shape.length; d++) {
            if (shape[d] != 1 && strides[d] != expected[d]) {
                return false;
            }
        }
        return true;
    }

    private ByteBuffer map(long start, long[] sizes) throws CheckpointException {
        int count = Math.toIntExact(elementsOf(sizes) * dtype.bytes());
        try (FileChannel channel = SourceFile.openChannel(file)) {
            // Touching a mapping beyond the end of its file kills the process on some systems.
            requireLength(channel.size());
            if (count == 0) {
                return ByteBuffer.allocateDirect(0)
                        .asReadOnlyBuffer()
                        .order(ByteOrder.LITTLE_ENDIAN);
            }
            if (rowMajor) {
                return channel.map(FileChannel.MapMode.READ_ONLY, start, count)
                        .order(ByteOrder.LITTLE_ENDIAN);
            }
            ByteBuffer copy = ByteBuffer.allocateDirect(count).order(ByteOrder.LITTLE_ENDIAN);
            new StridedCopy(channel, start, sizes, strides, dtype.bytes()).into(copy);
            return copy.flip().asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN);
        } catch (CheckpointException e) {
            throw e;
        } catch (IOException e) {
            throw unreadable(e);
        }
    }

    private void requireLength(long bytes) throws CheckpointException {
        if (bytes != fileBytes) {
            throw error(
                    "the file had "
                            + fileBytes
                            + " bytes when it was opened and has "
                            + bytes
                            + " now");
        }
    }

    private CheckpointException unreadable(IOException e) {
        return new CheckpointException(
                file + ": tensor " + CheckpointException.quote(name) + ": " + e, e);
    }

    private CheckpointException error(String message) {
        return new CheckpointException(
                file + ": tensor " + CheckpointException.quote(name) + ": " + message);
    }
}
