package io.github.baichuanreward.cpu;

import java.util.Arrays;

/**
 * A block of a matrix as lines of floats, {@code [depth][width]}, and its products with rows.
 *
 * <p>The innermost loop runs along the lines, which are arrays of their own and read at one index:
 * in this form, and in few others, the compiler vectorises it. Every sum adds the same products in
 * the same order, whatever the number of rows and the width asked for, and nothing is fused, so a
 * sum has the same bits on every processor.
 *
 * <p>Belongs to one thread at a time.
 */
final class Panel {

    /** Rows that meet a slice of the lines together, while it is in the first cache. */
    static final int BLOCK = 16;

    /** Lines of one slice; whole fours. */
    private static final int SLICE = 8;

    private final float[][] lines;

    Panel(int depth, int width) {
        this.lines = new float[depth][width];
    }

    /** Line {@code i}, to be filled by the caller. */
    float[] line(int i) {
        return lines[i];
    }

    /**
     * {@code sums[r][n] = sum over i < depth of x[at + r * stride + i] * line(i)[n]}.
     *
     * <p>Fours of lines are added up before they join the sum: where lines of zeros stand in for
     * missing ones, whole fours of them change no bit, but a shorter {@code depth} does.
     *
     * @param sums {@code [>= block][>= width]}, overwritten
     * @param block rows of {@code x}, at most {@link #BLOCK}
     */
    void multiply(float[][] sums, float[] x, int at, int stride, int block, int width, int depth) {
        for (int r = 0; r < block; r++) {
            Arrays.fill(sums[r], 0, width, 0);
        }
        for (int first = 0; first < depth; first += SLICE) {
            int end = Math.min(first + SLICE, depth);
            for (int r = 0; r < block; r++) {
                slice(sums[r], first, end, x, at + r * stride, width);
            }
        }
    }

    private void slice(float[] sum, int first, int end, float[] x, int at, int width) {
        int i = first;
        for (; i + 4 <= end; i += 4) {
            four(sum, i, x, at + i, width);
        }
        for (; i < end; i++) {
            float factor = x[at + i];
            float[] line = lines[i];
            for (int n = 0; n < width; n++) {
                sum[n] += factor * line[n];
            }
        }
    }

    /** Four at once save loads and stores of the sums; eight are too many for the compiler. */
    private void four(float[] sum, int i, float[] x, int at, int width) {
        float[] p0 = lines[i];
        float[] p1 = lines[i + 1];
        float[] p2 = lines[i + 2];
        float[] p3 = lines[i + 3];
        float x0 = x[at];
        float x1 = x[at + 1];
        float x2 = x[at + 2];
        float x3 = x[at + 3];
        for (int n = 0; n < width; n++) {
            sum[n] = sum[n] + ((x0 * p0[n] + x1 * p1[n]) + (x2 * p2[n] + x3 * p3[n]));
        }
    }
}
