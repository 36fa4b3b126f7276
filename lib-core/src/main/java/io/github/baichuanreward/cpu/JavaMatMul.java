package io.github.baichuanreward.cpu;

import java.util.Arrays;

/**
 * Products of float32 rows with mapped weights, {@code y = x W^T}, in plain Java.
 *
 * <p>Weights are widened panel by panel: some output columns by {@link #DEPTH} values of the inner
 * dimension, transposed so that the innermost loop runs over output columns, where the compiler
 * vectorises it. Every {@code y[m, n]} adds the same products in the same order, whatever the
 * number of rows, the width of a panel and the number of threads: a row's bits do not depend on its
 * batch. Sums of {@link #DEPTH} products are added up one after another, which also keeps the
 * rounding error small. Products and sums are rounded one by one, never fused, so that every
 * processor gives the same bits.
 */
final class JavaMatMul extends MatMul {

    /** Most output columns of one panel; a panel is the unit of work of one thread. */
    private static final int WIDEST = 256;

    /** Panels are whole vectors wide, as far as the matrix goes. */
    private static final int VECTOR = 16;

    /** Values of the inner dimension of one panel, so that it stays in the second cache. */
    private static final int DEPTH = 256;

    /** Rows of weights that are transposed together. */
    private static final int ROWS = 4;

    private final Scratch[] scratch;

    JavaMatMul(Workers workers) {
        super(workers);
        this.scratch = new Scratch[workers.count()];
        for (int w = 0; w < scratch.length; w++) {
            scratch[w] = new Scratch();
        }
    }

    @Override
    AttentionProducts attention(int headDim, int hidden) {
        return new PanelProducts(headDim, hidden);
    }

    @Override
    String description() {
        return "plain Java";
    }

    @Override
    public void close() {
        // Its scratch memory is on the heap.
    }

    @Override
    void multiplyGated(float[] gated, float[] x, Matrix gate, Matrix up, int rows) {
        panels(
                gate.rows(),
                (own, first, width) ->
                        own.multiplyGatedPanel(gated, x, gate, up, rows, first, width));
    }

    @Override
    void multiply(float[] y, float[] x, Matrix w, int rows, boolean add) {
        panels(
                w.rows(),
                (own, first, width) -> own.multiplyPanel(y, x, w, rows, first, width, add));
    }

    /** One panel of output columns. */
    private interface PanelTask {
        void run(Scratch own, int first, int width);
    }

    private void panels(int columns, PanelTask task) {
        int share = (columns + workers.count() - 1) / workers.count();
        int panel = Math.min(WIDEST, (share + VECTOR - 1) / VECTOR * VECTOR);
        workers.run(
                (columns + panel - 1) / panel,
                (worker, index) -> {
                    int first = index * panel;
                    task.run(scratch[worker], first, Math.min(panel, columns - first));
                });
    }

    /** What one thread needs to compute one panel of output columns. */
    private static final class Scratch {

        private final float[][] rows = new float[ROWS][DEPTH];

        private final Panel panel = new Panel(DEPTH, WIDEST);
        private final float[][] sums = new float[Panel.BLOCK][WIDEST];
        private float[] total = new float[0];
        private float[] gateTotal = new float[0];

        void multiplyPanel(
                float[] y, float[] x, Matrix w, int rows, int first, int width, boolean add) {
            total = sized(total, rows * width);
            products(total, x, w, rows, first, width);
            for (int m = 0; m < rows; m++) {
                int to = m * w.rows() + first;
                for (int n = 0; n < width; n++) {
                    float product = total[m * width + n];
                    y[to + n] = add ? y[to + n] + product : product;
                }
            }
        }

        void multiplyGatedPanel(
                float[] gated, float[] x, Matrix gate, Matrix up, int rows, int first, int width) {
            total = sized(total, rows * width);
            gateTotal = sized(gateTotal, rows * width);
            products(gateTotal, x, gate, rows, first, width);
            products(total, x, up, rows, first, width);
            VectorOps.swiglu(total, gateTotal, total, 0, rows, width);
            for (int m = 0; m < rows; m++) {
                System.arraycopy(total, m * width, gated, m * gate.rows() + first, width);
            }
        }

        private static float[] sized(float[] array, int elements) {
            return array.length < elements ? new float[elements] : array;
        }

        /** {@code sums[m, n] = x[m] . w[first + n]}. */
        private void products(float[] to, float[] x, Matrix w, int rows, int first, int width) {
            int inner = w.columns();
            Arrays.fill(to, 0, rows * width, 0);
            for (int k = 0; k < inner; k += DEPTH) {
                int depth = Math.min(DEPTH, inner - k);
                widen(w, first, width, k, depth);
                for (int m = 0; m < rows; m += Panel.BLOCK) {
                    int block = Math.min(Panel.BLOCK, rows - m);
                    panel.multiply(sums, x, m * inner + k, inner, block, width, depth);
                    for (int r = 0; r < block; r++) {
                        add(to, (m + r) * width, sums[r], width);
                    }
                }
            }
        }

        /** {@code panel.line(i)[n] = w[first + n, k + i]}. */
        private void widen(Matrix w, int first, int width, int k, int depth) {
            int n = 0;
            for (; n + ROWS <= width; n += ROWS) {
                for (int r = 0; r < ROWS; r++) {
                    w.toFloats(rows[r], 0, first + n + r, k, depth);
                }
                transpose(n, depth);
            }
            for (; n < width; n++) {
                w.toFloats(rows[0], 0, first + n, k, depth);
                for (int i = 0; i < depth; i++) {
                    panel.line(i)[n] = rows[0][i];
                }
            }
        }

        private void transpose(int n, int depth) {
            float[] r0 = rows[0];
            float[] r1 = rows[1];
            float[] r2 = rows[2];
            float[] r3 = rows[3];
            for (int i = 0; i < depth; i++) {
                float[] line = panel.line(i);
                line[n] = r0[i];
                line[n + 1] = r1[i];
                line[n + 2] = r2[i];
                line[n + 3] = r3[i];
            }
        }

        private static void add(float[] total, int offset, float[] sum, int width) {
            for (int n = 0; n < width; n++) {
                total[offset + n] += sum[n];
            }
        }
    }
}
