package io.github.baichuanreward.cpu;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.checkpoint.DType;
import io.github.baichuanreward.checkpoint.Tensor;
import io.github.baichuanreward.cpu.OneDnn.Product;
import io.github.baichuanreward.cpu.OneDnn.Shape;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import org.bytedeco.javacpp.BytePointer;

/**
 * Products of float32 rows with mapped weights, {@code y = x W^T}, by oneDNN on the weights as they
 * lie on disk.
 *
 * <p>A product is cut into blocks of {@link #COLUMNS} output columns, which threads share, and each
 * block into tiles of at most {@link #TILE} rows: few shapes, each compiled once. The inner
 * dimension is never cut here, and every call runs on one thread, so what oneDNN adds up does not
 * depend on the batch or on the number of threads. That it adds in one order for every number of
 * rows but one (where it takes other code) is its own affair: no call has fewer than {@link
 * #FEWEST} rows, and a shape is used only after it gave, on its first rows and its last, the bits
 * that {@link #FEWEST} rows alone give.
 *
 * <p>Rows are copied to native memory, {@link #STRIP} at a time, and so are the results back to the
 * heap: that costs a few hundredths of a product.
 */
final class OneDnnMatMul extends MatMul {

    /** oneDNN takes other code for a single row, which rounds otherwise. */
    static final int FEWEST = 2;

    /** Most rows of one call: enough to make the packing of weights cheap. */
    static final int TILE = 256;

    /** Output columns of one call: they stay in the second cache while all rows meet them. */
    static final int COLUMNS = Matrix.BLOCK;

    /** Rows in native memory at a time. */
    static final int STRIP = 1024;

    private final OneDnn oneDnn;
    private final DType input;
    private final OneDnnLane[] lanes;
    private final Map<Shape, Product> products = new ConcurrentHashMap<>();
    private final Map<Shape, Product> proven = new ConcurrentHashMap<>();
    private final Map<Matrix, long[]> bands = new ConcurrentHashMap<>();
    private final NativeFloats packed = new NativeFloats();
    private final List<OneDnnAttention> attentions = new ArrayList<>();
    private final String description;
    private boolean closed;

    /**
     * Compiles a product for each kind of weight, so that what oneDNN does not have is known before
     * anything is computed.
     *
     * @param input what rows are rounded to where the weights have the same type: {@code FLOAT32},
     *     which keeps them, or {@code BFLOAT16}
     * @param weights all that will be multiplied with
     * @param headDim width of a head in attention
     * @throws BackendException if oneDNN has no fast product for a kind of weights on this CPU
     */
    OneDnnMatMul(Workers workers, OneDnn oneDnn, DType input, List<Tensor> weights, int headDim) {
        super(workers);
        this.oneDnn = oneDnn;
        this.input = input;
        this.lanes = new OneDnnLane[workers.count()];
        for (int w = 0; w < lanes.length; w++) {
            lanes[w] = new OneDnnLane(oneDnn);
        }
        try {
            this.description =
                    "%s (%s)"
                            .formatted(
                                    oneDnn.version(),
                                    workers.lead(() -> compile(weights, headDim)));
        } catch (BackendException e) {
            close();
            throw e;
        }
    }

    /** The code that will run, as oneDNN calls it. */
    private String compile(List<Tensor> weights, int headDim) {
        lanes[0].enter();
        Set<String> names = new TreeSet<>();
        for (Tensor w : weights) {
            int columns = (int) w.shape()[0];
            int inner = (int) w.shape()[1];
            for (int width : new int[] {Math.min(COLUMNS, columns), columns % COLUMNS}) {
                // Other numbers of rows take the code of one of these two.
                for (int rows : new int[] {FEWEST, TILE}) {
                    if (width > 0) {
                        names.add(compiled(shape(w.dtype(), inner, rows, width)).name());
                    }
                }
            }
        }
        // oneDNN takes bfloat16 on any processor with AVX-512, and widens it where it must.
        if (input == DType.BFLOAT16 && names.stream().anyMatch(n -> n.startsWith("gemm:jit"))) {
            throw new BackendException(
                    "this processor has no bfloat16 instructions; oneDNN would emulate them");
        }
        OneDnnAttention.shapes(headDim, input).forEach(this::compiled);
        return String.join(", ", names);
    }

    @Override
    void multiplyGated(float[] gated, float[] x, Matrix gate, Matrix up, int count) {
        tiles(
                x,
                gate,
                count,
                (lane, row, rows, from, column, width) -> {
                    multiply(lane, gate, rows, from, column, width);
                    lane.keepGate(rows * width);
                    multiply(lane, up, rows, from, column, width);
                    lane.gatedResult(gated, row * gate.rows() + column, gate.rows(), rows, width);
                });
    }

    @Override
    void multiply(float[] y, float[] x, Matrix w, int count, boolean add) {
        tiles(
                x,
                w,
                count,
                (lane, row, rows, from, column, width) -> {
                    multiply(lane, w, rows, from, column, width);
                    lane.result(y, row * w.rows() + column, w.rows(), rows, width, add);
                });
    }

    /** Some rows and output columns: what one call computes. */
    private interface Tile {
        /**
         * Computes it.
         *
         * @param row first row of {@code x} and {@code y}
         * @param from address of that row in native memory
         */
        void run(OneDnnLane lane, int row, int rows, long from, int column, int width);
    }

    /** Packs the rows of {@code x}, a strip at a time, and runs all tiles of a strip. */
    private void tiles(float[] x, Matrix w, int count, Tile tile) {
        if (closed) {
            throw new IllegalStateException("these products are closed");
        }
        int blocks = (w.rows() + COLUMNS - 1) / COLUMNS;
        long rowBytes = (long) w.columns() * inputFor(w.dtype()).bytes();
        for (int strip = 0; strip < count; strip += STRIP) {
            int first = strip;
            int size = Math.min(STRIP, count - strip);
            pack(x, first, size, w);
            workers.run(
                    blocks,
                    (worker, block) -> {
                        int column = block * COLUMNS;
                        int width = Math.min(COLUMNS, w.rows() - column);
                        for (int row = 0; row < size; row += TILE) {
                            tile.run(
                                    lanes[worker],
                                    first + row,
                                    Math.min(TILE, size - row),
                                    packed.address() + row * rowBytes,
                                    column,
                                    width);
                        }
                    });
        }
    }

    /** Leaves a tile's product with the lane. */
    private void multiply(OneDnnLane lane, Matrix w, int rows, long from, int column, int width) {
        long[] addresses = bands.computeIfAbsent(w, OneDnnMatMul::addresses);
        long weights = addresses[w.bandOf(column)] + w.offsetInBand(column);
        lane.seen += w.readAhead(column, width);
        lane.run(
                product(shape(w.dtype(), w.columns(), rounded(rows), width), lane, from, weights),
                from,
                weights);
    }

    /**
     * Copies rows to native memory, in the type that the product takes, and behind them the first
     * ones once more, to fill up the last tile: what earlier products left there might be slow
     * (denormal), and would make the comparison of bits one of zeros.
     */
    private void pack(float[] x, int first, int size, Matrix w) {
        int inner = w.columns();
        DType type = inputFor(w.dtype());
        int last = (size - 1) / TILE * TILE; // where the last tile begins
        int whole = last + rounded(size - last);
        packed.reserve((long) whole * inner);
        int pieces = Math.min(workers.count(), size);
        workers.run(
                pieces,
                (worker, piece) -> {
                    OneDnnLane lane = lanes[worker];
                    int from = (int) ((long) size * piece / pieces);
                    int to = (int) ((long) size * (piece + 1) / pieces);
                    lane.pack(packed, from, x, first + from, to - from, inner, type);
                    if (piece == 0 && whole > size) {
                        lane.pack(packed, size, x, first, whole - size, inner, type);
                    }
                });
    }

    /** Numbers of rows that are compiled: a power of two, from 16 on a multiple of 16. */
    static int rounded(int rows) {
        if (rows > 16) {
            return (rows + 15) / 16 * 16;
        }
        return rows <= FEWEST ? FEWEST : Integer.highestOneBit(rows - 1) * 2;
    }

    /** A product for so many rows that gives a row the bits that the smallest gives it. */
    private Product product(Shape shape, OneDnnLane lane, long input, long weights) {
        Product known = proven.get(shape);
        if (known != null) {
            return known;
        }
        Product fresh = compiled(shape);
        if (shape.rows() > FEWEST) {
            Product few = compiled(shape(shape.weights(), shape.inner(), FEWEST, shape.columns()));
            lane.requireSameBits(fresh, few, input, weights);
        }
        proven.put(shape, fresh);
        return fresh;
    }

    private Product compiled(Shape shape) {
        Product known = products.get(shape);
        return known != null ? known : products.computeIfAbsent(shape, oneDnn::product);
    }

    private Shape shape(DType weights, int inner, int rows, int columns) {
        return Shape.of(rows, columns, inner, inputFor(weights), weights);
    }

    /** Adapters may come in another type than the weights; they are met with float32 rows. */
    private DType inputFor(DType weights) {
        return weights == input ? input : DType.FLOAT32;
    }

    private static long[] addresses(Matrix w) {
        List<ByteBuffer> buffers = w.bands();
        long[] addresses = new long[buffers.size()];
        for (int band = 0; band < addresses.length; band++) {
            addresses[band] = new BytePointer(buffers.get(band)).address();
        }
        return addresses;
    }

    @Override
    AttentionProducts attention(int headDim, int hidden) {
        OneDnnAttention products =
                new OneDnnAttention(oneDnn, this::compiled, input, headDim, hidden);
        attentions.add(products);
        return products;
    }

    @Override
    String description() {
        return description;
    }

    @Override
    public void close() {
        closed = true;
        packed.close();
        for (OneDnnLane lane : lanes) {
            lane.close();
        }
        attentions.forEach(OneDnnAttention::close);
        proven.clear();
        products.values().forEach(Product::close);
        products.clear();
        bands.clear();
    }
}
