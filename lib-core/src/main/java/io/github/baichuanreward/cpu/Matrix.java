package io.github.baichuanreward.cpu;

import io.github.baichuanreward.checkpoint.CheckpointException;
import io.github.baichuanreward.checkpoint.DType;
import io.github.baichuanreward.checkpoint.Tensor;
import java.nio.ByteBuffer;
import java.util.List;

/**
 * A weight matrix {@code [rows, columns]} as it lies on disk, mapped and not converted.
 *
 * <p>Large matrices are mapped in bands of rows, because one mapping ends at 2 GiB. The mappings
 * live as long as this object.
 */
final class Matrix {

    /** Most bytes of one band. */
    private static final long BAND_BYTES = 1L << 30;

    /** Bands hold whole blocks of so many rows, so that a block lies in one piece. */
    static final int BLOCK = 64;

    /** Bytes that come from memory together. */
    private static final int LINE = 64;

    private final DType dtype;
    private final int rows;
    private final int columns;
    private final int bandRows;
    private final ByteBuffer[] bands;

    private Matrix(DType dtype, int rows, int columns, int bandRows, ByteBuffer[] bands) {
        this.dtype = dtype;
        this.rows = rows;
        this.columns = columns;
        this.bandRows = bandRows;
        this.bands = bands;
    }

    /** Maps a tensor of two dimensions. */
    static Matrix map(Tensor tensor) throws CheckpointException {
        return map(tensor, BAND_BYTES);
    }

    static Matrix map(Tensor tensor, long bandBytes) throws CheckpointException {
        int rows = Math.toIntExact(tensor.shape()[0]);
        int columns = Math.toIntExact(tensor.shape()[1]);
        long blockBytes = (long) BLOCK * columns * tensor.dtype().bytes();
        int bandRows = (int) (Math.max(1, bandBytes / blockBytes) * BLOCK);
        ByteBuffer[] bands = new ByteBuffer[(rows + bandRows - 1) / bandRows];
        for (int band = 0; band < bands.length; band++) {
            int first = band * bandRows;
            bands[band] = tensor.mapRows(first, Math.min(bandRows, rows - first));
        }
        return new Matrix(tensor.dtype(), rows, columns, bandRows, bands);
    }

    DType dtype() {
        return dtype;
    }

    int rows() {
        return rows;
    }

    int columns() {
        return columns;
    }

    /** The mapped bytes: bands of whole rows, all of one size but the last. */
    List<ByteBuffer> bands() {
        return List.of(bands);
    }

    /** Which of the {@link #bands} a row lies in. */
    int bandOf(int row) {
        return row / bandRows;
    }

    /** Bytes before a row in its band. */
    long offsetInBand(int row) {
        return (long) (row % bandRows) * columns * dtype.bytes();
    }

    /**
     * Converts part of a row to float32.
     *
     * @param destination receives {@code count} values from {@code offset}
     * @param row which row
     * @param firstColumn first column of that row
     */
    void toFloats(float[] destination, int offset, int row, int firstColumn, int count) {
        int first = row % bandRows * columns + firstColumn;
        dtype.toFloats(destination, offset, bands[row / bandRows], first, count);
    }

    /**
     * Brings rows into the cache by reading them one after another, which the processor sees ahead
     * of. oneDNN reads the rows of a block side by side, and would wait for each piece.
     *
     * @return the sum of some of the bytes
     */
    long readAhead(int row, int count) {
        ByteBuffer band = bands[bandOf(row)];
        int from = Math.toIntExact(offsetInBand(row));
        int end = from + count * columns * dtype.bytes();
        long sum = 0;
        for (int i = from; i < end; i += LINE) {
            sum += band.get(i);
        }
        return sum;
    }
}
