package io.github.baichuanreward.cpu;

/**
 * Operations of {@link CpuOps} in loops that the compiler vectorises, with the same arguments.
 *
 * <p>It vectorises loops over arrays that are all read and written at one index, so pieces of rows
 * are copied into small arrays of this kind and back; that costs little beside the arithmetic. A
 * value depends on its own row alone, not on the other rows or the split of them.
 */
final class VectorOps {

    private VectorOps() {}

    /**
     * {@link CpuOps#rmsNorm}. The sum runs in double, so a value is within 2 ulp of it.
     *
     * @param y {@code [rows, hidden]}; may be {@code x}
     * @param x {@code [rows, hidden]}
     * @param weight {@code [hidden]}
     */
    static void rmsNorm(float[] y, float[] x, float[] weight, int firstRow, int endRow, float eps) {
        int hidden = weight.length;
        float[] line = new float[hidden];
        for (int row = firstRow; row < endRow; row++) {
            System.arraycopy(x, row * hidden, line, 0, hidden);
            float scale = (float) (1 / Math.sqrt(sumOfSquares(line) / hidden + eps));
            scale(line, scale, weight);
            System.arraycopy(line, 0, y, row * hidden, hidden);
        }
    }

    /** Four sums at once do not wait for one another as one does. */
    private static double sumOfSquares(float[] line) {
        double sum0 = 0;
        double sum1 = 0;
        double sum2 = 0;
        double sum3 = 0;
        int c = 0;
        for (; c + 4 <= line.length; c += 4) {
            sum0 += (double) line[c] * line[c];
            sum1 += (double) line[c + 1] * line[c + 1];
            sum2 += (double) line[c + 2] * line[c + 2];
            sum3 += (double) line[c + 3] * line[c + 3];
        }
        for (; c < line.length; c++) {
            sum0 += (double) line[c] * line[c];
        }
        return (sum0 + sum1) + (sum2 + sum3);
    }

    private static void scale(float[] line, float scale, float[] weight) {
        for (int c = 0; c < line.length; c++) {
            line[c] = line[c] * scale * weight[c];
        }
    }

    /**
     * {@link CpuOps#swiglu}, within 4 ulp of it; results of a {@code silu} that is denormal in
     * float32 ({@code gate} below -91) within {@code 2e-43 * |up|}.
     *
     * @param gated {@code [rows, intermediate]}; may be {@code gate}
     * @param gate {@code [rows, intermediate]}
     * @param up {@code [rows, intermediate]}
     */
    static void swiglu(
            float[] gated, float[] gate, float[] up, int firstRow, int endRow, int intermediate) {
        Exponential exponential = new Exponential(Exponential.BLOCK);
        float[] zeros = new float[Exponential.BLOCK];
        float[] x = new float[Exponential.BLOCK];
        float[] e = new float[Exponential.BLOCK];
        float[] factors = new float[Exponential.BLOCK];
        int end = endRow * intermediate;
        for (int at = firstRow * intermediate; at < end; at += Exponential.BLOCK) {
            int block = Math.min(Exponential.BLOCK, end - at);
            System.arraycopy(gate, at, x, 0, block);
            System.arraycopy(up, at, factors, 0, block);
            negativeAbs(e, x, block);
            exponential.apply(e, zeros, block);
            silu(x, e, factors, block);
            System.arraycopy(x, 0, gated, at, block);
        }
    }

    private static void negativeAbs(float[] e, float[] x, int count) {
        for (int i = 0; i < count; i++) {
            e[i] = -Math.abs(x[i]);
        }
    }

    /**
     * {@code x[i] = silu(x[i]) * factors[i]} where {@code e[i] = exp(-|x[i]|)}.
     *
     * <p>{@code silu(x)} is {@code x / (1 + e)} above 0 and {@code x * e / (1 + e)} below; one of
     * the two parts of the sum is 0, which needs no branch.
     */
    private static void silu(float[] x, float[] e, float[] factors, int count) {
        for (int i = 0; i < count; i++) {
            float above = Math.max(x[i], 0);
            float below = Math.min(x[i], 0);
            x[i] = (above + below * e[i]) / (1 + e[i]) * factors[i];
        }
    }
}
