package io.github.baichuanreward.cpu;

/**
 * Products of float32 rows with mapped weights, {@code y = x W^T}.
 *
 * <p>A row's bits depend on the row and the weights alone: not on the other rows, their number, the
 * number of threads or who else computes. Used by one caller at a time.
 */
abstract class MatMul implements AutoCloseable {

    final Workers workers;

    MatMul(Workers workers) {
        this.workers = workers;
    }

    /**
     * {@code y = x W^T}.
     *
     * @param y {@code [rows, w.rows]}
     * @param x {@code [rows, w.columns]}
     */
    final void multiply(float[] y, float[] x, Matrix w, int rows) {
        multiply(y, x, w, rows, false);
    }

    /** {@code y += x W^T}: the residual is added once, after the product is complete. */
    final void multiplyAdd(float[] y, float[] x, Matrix w, int rows) {
        multiply(y, x, w, rows, true);
    }

    /**
     * What {@link #multiply} and {@link #multiplyAdd} have in common.
     *
     * @param add whether what is in {@code y} counts
     */
    abstract void multiply(float[] y, float[] x, Matrix w, int rows, boolean add);

    /**
     * {@code gated = silu(x G^T) * (x U^T)}: the two products meet while they are in a cache, and
     * neither is written out.
     *
     * @param gated {@code [rows, gate.rows]}
     * @param x {@code [rows, gate.columns]}
     * @param gate of the same shape as {@code up}
     */
    abstract void multiplyGated(float[] gated, float[] x, Matrix gate, Matrix up, int rows);

    /** The products of attention, for one thread. */
    abstract AttentionProducts attention(int headDim, int hidden);

    /** What computes, as a user reads it: {@code plain Java}. */
    abstract String description();

    /** Gives scratch memory back; idempotent. */
    @Override
    public abstract void close();

    /** {@code y = x W^T} with what adapters add to {@code W}. */
    void multiply(float[] y, float[] x, AdaptedMatrix w, int rows) {
        multiply(y, x, w.weight(), rows);
        addDeltas(y, x, w, rows);
    }

    /** {@code y += x W^T} with what adapters add to {@code W}. */
    void multiplyAdd(float[] y, float[] x, AdaptedMatrix w, int rows) {
        multiplyAdd(y, x, w.weight(), rows);
        addDeltas(y, x, w, rows);
    }

    /** {@code gated = silu(x G^T) * (x U^T)} with what adapters add to {@code G} and {@code U}. */
    void multiplyGated(float[] gated, float[] x, AdaptedMatrix gate, AdaptedMatrix up, int rows) {
        if (gate.deltas().isEmpty() && up.deltas().isEmpty()) {
            multiplyGated(gated, x, gate.weight(), up.weight(), rows);
            return;
        }
        int width = gate.weight().rows();
        float[] factors = new float[rows * width];
        multiply(gated, x, gate, rows);
        multiply(factors, x, up, rows);
        workers.rows(
                rows,
                width,
                (first, end) -> VectorOps.swiglu(gated, gated, factors, first, end, width));
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
