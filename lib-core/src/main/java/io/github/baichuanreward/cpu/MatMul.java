package io.github.baichuanreward.cpu;

/**
 * Products of float32 rows with mapped weights, {@code y = x W^T}.
 *
 * <p>A row's bits depend on the row and the weights alone: not on the other rows, their number, the
 * number of threads or who else computes. Used by one caller at a time.
 */
interface MatMul extends AutoCloseable {

    /**
     * {@code y = x W^T}.
     *
     * @param y {@code [rows, w.rows]}
     * @param x {@code [rows, w.columns]}
     */
    void multiply(float[] y, float[] x, Matrix w, int rows);

    /** {@code y += x W^T}: the residual is added once, after the product is complete. */
    void multiplyAdd(float[] y, float[] x, Matrix w, int rows);

    /** The products of attention, for one thread. */
    AttentionProducts attention(int headDim, int hidden);

    /** What computes, as a user reads it: {@code plain Java}. */
    String description();

    /** Gives scratch memory back; idempotent. */
    @Override
    void close();

    /** {@code y = x W^T} with what adapters add to {@code W}. */
    default void multiply(float[] y, float[] x, AdaptedMatrix w, int rows) {
        multiply(y, x, w.weight(), rows);
        addDeltas(y, x, w, rows);
    }

    /** {@code y += x W^T} with what adapters add to {@code W}. */
    default void multiplyAdd(float[] y, float[] x, AdaptedMatrix w, int rows) {
        multiplyAdd(y, x, w.weight(), rows);
        addDeltas(y, x, w, rows);
    }

    /** {@code y += scale * (x A^T) B^T}: exact without a merged copy of the weight, and cheap. */
    private void addDeltas(float[] y, float[] x, AdaptedMatrix w, int rows) {
        for (AdaptedMatrix.Delta delta : w.deltas()) {
            int elements = rows * delta.a().rows();
            float[] low = new float[elements];
            multiply(low, x, delta.a(), rows);
            for (int i = 0; i < elements; i++) {
                low[i] *= delta.scale();
            }
            multiplyAdd(y, low, delta.b(), rows);
        }
    }
}
