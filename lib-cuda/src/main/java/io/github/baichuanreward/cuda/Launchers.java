package io.github.baichuanreward.cuda;

import io.github.baichuanreward.cuda.Kernel.Kind;
import java.util.List;

/**
 * A launcher for each kernel, which checks sizes and knows the grid. Arguments stand in the order
 * of {@code kernels.h}; what only the grid depends on stands behind them.
 *
 * <p>A launch is put into the device's queue; what goes wrong in a kernel is reported when the
 * queue is waited for. Where there are no rows nothing is launched. What a kernel needs of its
 * arguments is in its {@code .cu} file; a size that breaks it is this library's fault and an {@link
 * AssertionError}.
 */
final class Launchers {

    private static final int FLOAT = 4;
    private static final int HALF = 2;
    private static final int INT = 4;
    private static final int BYTE = 1;

    /** Bytes of a {@code Segment}. */
    static final int SEGMENT_BYTES = 16;

    /** Bytes of an {@code AttentionTile}. */
    static final int TILE_BYTES = 8;

    /** Where launches go. */
    interface Queue {
        /** Puts a launch behind those before. Arguments are buffers, integers and floats. */
        void launch(Kernel kernel, int gridX, int gridY, List<Object> arguments);
    }

    private final Queue queue;

    Launchers(Queue queue) {
        this.queue = queue;
    }

    /** {@code residual[t] = table[ids[t]]}. */
    void embedding(
            DeviceBuffer residual, DeviceBuffer ids, DeviceBuffer table, int hidden, int tokens) {
        requireWidth(hidden);
        require(residual, tokens, hidden, FLOAT);
        require(ids, tokens, 1, INT);
        launch(Kernel.EMBEDDING, tokens, 1, residual, ids, table, hidden);
    }

    /** {@code y[t] = half(x[t] * rsqrt(mean(x[t]^2) + eps) * weight)}. */
    void rmsNorm(
            DeviceBuffer y, DeviceBuffer x, DeviceBuffer weight, int hidden, float eps, int rows) {
        requireWidth(hidden);
        require(y, rows, hidden, HALF);
        require(x, rows, hidden, FLOAT);
        require(weight, 1, hidden, HALF);
        launch(Kernel.RMS_NORM, rows, 1, y, x, weight, hidden, eps);
    }

    /** Causal attention with ALiBi, of the rows that {@code tiles} lists, of {@code tokens}. */
    void alibiAttention(
            DeviceBuffer context,
            DeviceBuffer qkv,
            DeviceBuffer segments,
            DeviceBuffer tiles,
            DeviceBuffer slopes,
            int headDim,
            float scale,
            int heads,
            int tileCount,
            int tokens) {
        requireWidth(headDim);
        require(context, tokens, (long) heads * headDim, HALF);
        require(qkv, tokens, 3L * heads * headDim, HALF);
        require(slopes, heads, 1, FLOAT);
        require(tiles, tileCount, 1, TILE_BYTES);
        boolean narrow = headDim <= 64;
        if (headDim > 128) {
            throw new AssertionError("a head of " + headDim);
        }
        launch(
                narrow ? Kernel.ALIBI_ATTENTION_D64 : Kernel.ALIBI_ATTENTION_D128,
                tileCount,
                heads,
                context,
                qkv,
                segments,
                tiles,
                slopes,
                headDim,
                scale);
    }

    /** {@code gated = half(silu(gate) * up)}. */
    void swiglu(DeviceBuffer gated, DeviceBuffer gateUp, int intermediate, int rows) {
        requireWidth(intermediate);
        require(gated, rows, intermediate, HALF);
        require(gateUp, rows, 2L * intermediate, HALF);
        int columns = ceilDiv(intermediate, Geometry.SWIGLU_COLUMNS);
        launch(Kernel.SWIGLU, rows, columns, gated, gateUp, intermediate);
    }

    /** {@code rewards[r] = bias + weight . (x[r] * rsqrt(mean(x[r]^2) + eps) * normWeight)}. */
    void valueHead(
            DeviceBuffer rewards,
            DeviceBuffer x,
            DeviceBuffer normWeight,
            DeviceBuffer weight,
            int hidden,
            float bias,
            float eps,
            int rows) {
        requireWidth(hidden);
        require(rewards, rows, 1, FLOAT);
        require(x, rows, hidden, FLOAT);
        require(normWeight, 1, hidden, HALF);
        require(weight, 1, hidden, FLOAT);
        launch(Kernel.VALUE_HEAD, rows, 1, rewards, x, normWeight, weight, hidden, bias, eps);
    }

    /** {@code y = half(x w^T)}. */
    void gemm(DeviceBuffer y, DeviceBuffer x, DeviceBuffer w, int rows, int n, int k) {
        require(y, rows, n, HALF);
        requireProduct(x, w, rows, n, k);
        launch(Kernel.GEMM, gemmGrid(rows, n), 1, y, x, w, rows, n, k);
    }

    /** {@code y += x w^T}, in float32. */
    void gemmAdd(DeviceBuffer y, DeviceBuffer x, DeviceBuffer w, int rows, int n, int k) {
        require(y, rows, n, FLOAT);
        requireProduct(x, w, rows, n, k);
        launch(Kernel.GEMM_ADD, gemmGrid(rows, n), 1, y, x, w, rows, n, k);
    }

    /** {@code gated = half(silu(x gate^T) * (x up^T))}. */
    void gemmSwiglu(
            DeviceBuffer gated,
            DeviceBuffer x,
            DeviceBuffer gateUpW,
            int rows,
            int intermediate,
            int k) {
        require(gated, rows, intermediate, HALF);
        requireProduct(x, gateUpW, rows, 2 * intermediate, k);
        requireWidth(intermediate);
        launch(
                Kernel.GEMM_SWIGLU,
                gemmGrid(rows, 2 * intermediate),
                1,
                gated,
                x,
                gateUpW,
                rows,
                intermediate,
                k);
    }

    /** {@code y[i] = x[rows[i]]}. */
    void gatherRows(DeviceBuffer y, DeviceBuffer x, DeviceBuffer rows, int rowBytes, int count) {
        if (rowBytes % 16 != 0) {
            throw new AssertionError("rows of " + rowBytes + " bytes");
        }
        require(y, count, rowBytes, 1);
        require(rows, count, 1, INT);
        launch(Kernel.GATHER_ROWS, count, 1, y, x, rows, rowBytes);
    }

    /** {@code w[n] = half(q[n] * scales[n])}. */
    void dequantize(DeviceBuffer w, DeviceBuffer q, DeviceBuffer scales, int k, int n) {
        requireWidth(k);
        require(w, n, k, HALF);
        require(q, n, k, BYTE);
        require(scales, n, 1, FLOAT);
        int columns = ceilDiv(k, Geometry.DEQUANTIZE_COLUMNS);
        launch(Kernel.DEQUANTIZE, n, columns, w, q, scales, k);
    }

    private void launch(Kernel kernel, int gridX, int gridY, Object... arguments) {
        List<Kind> kinds = kernel.kinds();
        if (arguments.length != kinds.size()) {
            throw new AssertionError(kernel + " takes " + kinds + ", not " + List.of(arguments));
        }
        for (int i = 0; i < arguments.length; i++) {
            Class<?> type =
                    switch (kinds.get(i)) {
                        case POINTER -> DeviceBuffer.class;
                        case INT -> Integer.class;
                        case FLOAT -> Float.class;
                    };
            if (!type.isInstance(arguments[i])) {
                throw new AssertionError(kernel + ", argument " + i + ": " + arguments[i]);
            }
        }
        if (gridX > 0) {
            queue.launch(kernel, gridX, gridY, List.of(arguments));
        }
    }

    private static void requireProduct(DeviceBuffer x, DeviceBuffer w, int rows, int n, int k) {
        requireWidth(n);
        requireWidth(k);
        require(x, rows, k, HALF);
        require(w, n, k, HALF);
    }

    private static int gemmGrid(int rows, int n) {
        return Math.multiplyExact(
                ceilDiv(rows, Geometry.GEMM_ROWS), ceilDiv(n, Geometry.GEMM_COLUMNS));
    }

    private static void requireWidth(int columns) {
        if (columns <= 0 || columns % 8 != 0) {
            throw new AssertionError(columns + " columns are not a positive multiple of 8");
        }
    }

    private static void require(DeviceBuffer buffer, long rows, long columns, long bytes) {
        if (rows < 0 || rows * columns * bytes > buffer.bytes()) {
            throw new AssertionError(
                    "%d x %d x %d bytes in a buffer of %d"
                            .formatted(rows, columns, bytes, buffer.bytes()));
        }
    }

    private static int ceilDiv(int a, int b) {
        return (a + b - 1) / b;
    }
}
