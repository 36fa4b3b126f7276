package io.github.baichuanreward.cpu;

import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DST;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_FROM;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SCRATCHPAD;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SRC;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_TO;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_WEIGHTS;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.checkpoint.DType;
import io.github.baichuanreward.cpu.OneDnn.Address;
import io.github.baichuanreward.cpu.OneDnn.Product;
import io.github.baichuanreward.cpu.OneDnn.Shape;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.Map;
import org.bytedeco.dnnl.IntMemoryMap;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.reorder;
import org.bytedeco.dnnl.stream;
import org.jspecify.annotations.Nullable;

/**
 * What one thread needs to run oneDNN's products: native memory for their results and for scratch,
 * and a call for each product that it has run.
 *
 * <p>Products belong to whoever compiled them, and are closed after all lanes that ran them.
 */
final class OneDnnLane implements AutoCloseable {

    /** Rows that are rounded together. */
    private static final int ROUNDING = 16;

    private final OneDnn oneDnn;
    private final stream order;
    private final Address at = new Address();
    private final IdentityHashMap<Product, Call> calls = new IdentityHashMap<>();
    private final Map<Integer, Rounding> roundings = new HashMap<>();
    private final NativeFloats output = new NativeFloats();
    private final NativeFloats scratch = new NativeFloats();
    private final NativeFloats unrounded = new NativeFloats();

    /** What reading ahead has read, so that the compiler does not leave it out. */
    long seen;

    private float[] line = new float[0];
    private float[] gate = new float[0];
    private float[] up = new float[0];
    private @Nullable Thread thread;

    OneDnnLane(OneDnn oneDnn) {
        this.oneDnn = oneDnn;
        this.order = new stream(oneDnn.engine());
    }

    /** Before anything is compiled or run on the calling thread. */
    void enter() {
        if (thread != Thread.currentThread()) {
            thread = Thread.currentThread();
            oneDnn.enter();
        }
    }

    /** The arguments of a product, pointed to where they lie before each run. */
    private record Call(
            IntMemoryMap arguments, memory input, memory weights, memory output, memory scratch) {

        void close() {
            arguments.deallocate();
            input.deallocate();
            weights.deallocate();
            output.deallocate();
            scratch.deallocate();
        }
    }

    /** Rounds so many rows to bfloat16. */
    private record Rounding(reorder primitive, IntMemoryMap arguments, memory from, memory to) {

        void close() {
            primitive.deallocate();
            arguments.deallocate();
            from.deallocate();
            to.deallocate();
        }
    }

    /**
     * Copies {@code count} rows of {@code x}, those from {@code from} on, to native memory.
     *
     * @param rows receives them from row {@code row} on
     * @param type {@code FLOAT32}, or {@code BFLOAT16} to round to the nearest
     */
    void pack(NativeFloats rows, int row, float[] x, int from, int count, int inner, DType type) {
        enter();
        if (type == DType.FLOAT32) {
            rows.buffer().put(row * inner, x, from * inner, count * inner);
            return;
        }
        unrounded.reserve((long) ROUNDING * inner);
        for (int done = 0; done < count; done += ROUNDING) {
            int part = Math.min(ROUNDING, count - done);
            unrounded.buffer().put(0, x, (from + done) * inner, part * inner);
            long to = rows.address() + (long) (row + done) * inner * type.bytes();
            round(unrounded.address(), to, part * inner); // it moves when it grows
        }
    }

    /**
     * Rounds floats to the nearest in bfloat16.
     *
     * @param from address of the floats
     * @param to address of as many bfloat16
     */
    void round(long from, long to, int elements) {
        Rounding rounding = roundings.computeIfAbsent(elements, this::rounding);
        point(rounding.to(), to);
        point(rounding.from(), from);
        rounding.primitive().execute(order, rounding.arguments());
    }

    private Rounding rounding(int elements) {
        at.set(0);
        memory from =
                new memory(OneDnn.rowMajor(1, elements, memory.data_type.f32), oneDnn.engine(), at);
        memory to =
                new memory(
                        OneDnn.rowMajor(1, elements, memory.data_type.bf16), oneDnn.engine(), at);
        IntMemoryMap arguments = new IntMemoryMap();
        arguments.put(DNNL_ARG_FROM, from);
        arguments.put(DNNL_ARG_TO, to);
        return new Rounding(new reorder(from, to), arguments, from, to);
    }

    /**
     * Runs a product, whose result this lane keeps.
     *
     * @param input address of {@code [rows, inner]}
     * @param weights address of the columns
     */
    void run(Product product, long input, long weights) {
        output.reserve((long) OneDnnMatMul.TILE * OneDnnMatMul.COLUMNS);
        run(product, input, weights, output.address());
    }

    /**
     * Runs a product.
     *
     * @param input address of {@code [rows, inner]}
     * @param weights address of the right-hand matrix
     * @param output address of {@code [rows, columns]}
     */
    void run(Product product, long input, long weights, long output) {
        enter();
        scratch.reserve(product.scratchBytes() / Float.BYTES + 1);
        Call call = calls.computeIfAbsent(product, this::call);
        point(call.input(), input);
        point(call.weights(), weights);
        point(call.output(), output);
        point(call.scratch(), scratch.address()); // it moves when it grows
        product.primitive().execute(order, call.arguments());
    }

    private void point(memory argument, long address) {
        at.set(address);
        argument.set_data_handle(at);
    }

    private Call call(Product product) {
        at.set(0);
        memory input = new memory(product.description().src_desc(), oneDnn.engine(), at);
        memory weights = new memory(product.description().weights_desc(), oneDnn.engine(), at);
        memory result = new memory(product.description().dst_desc(), oneDnn.engine(), at);
        memory pad = new memory(product.description().scratchpad_desc(), oneDnn.engine(), at);
        IntMemoryMap arguments = new IntMemoryMap();
        arguments.put(DNNL_ARG_SRC, input);
        arguments.put(DNNL_ARG_WEIGHTS, weights);
        arguments.put(DNNL_ARG_DST, result);
        arguments.put(DNNL_ARG_SCRATCHPAD, pad);
        return new Call(arguments, input, weights, result, pad);
    }

    /**
     * Takes the result of the last product.
     *
     * @param y receives {@code rows} rows of {@code width}, from {@code offset} on, {@code stride}
     *     apart
     * @param add whether what is in {@code y} counts
     */
    void result(float[] y, int offset, int stride, int rows, int width, boolean add) {
        if (!add) {
            for (int row = 0; row < rows; row++) {
                output.buffer().get(row * width, y, offset + row * stride, width);
            }
            return;
        }
        if (line.length < width) {
            line = new float[width];
        }
        for (int row = 0; row < rows; row++) {
            output.buffer().get(row * width, line, 0, width);
            add(y, offset + row * stride, line, width);
        }
    }

    /** Keeps the result of the last product as the gate of the next. */
    void keepGate(int elements) {
        if (gate.length < elements) {
            gate = new float[elements];
            up = new float[elements];
        }
        output.buffer().get(0, gate, 0, elements);
    }

    /** {@link #result} of {@code silu(gate) * up}, with the gate that was kept. */
    void gatedResult(float[] y, int offset, int stride, int rows, int width) {
        output.buffer().get(0, up, 0, rows * width);
        VectorOps.swiglu(up, gate, up, 0, rows, width);
        for (int row = 0; row < rows; row++) {
            System.arraycopy(up, row * width, y, offset + row * stride, width);
        }
    }

    private static void add(float[] y, int offset, float[] line, int width) {
        for (int n = 0; n < width; n++) {
            y[offset + n] += line[n];
        }
    }

    /**
     * Compares the first rows of a product and its last with those of the smallest product.
     *
     * @throws BackendException if a bit differs: a score would depend on its batch
     */
    void requireSameBits(Product product, Product few, long input, long weights) {
        Shape shape = product.shape();
        int elements = few.shape().rows() * shape.columns();
        int last = shape.rows() - few.shape().rows();
        float[] firstRows = new float[elements];
        float[] lastRows = new float[elements];
        float[] alone = new float[elements];
        run(product, input, weights);
        output.buffer().get(0, firstRows);
        output.buffer().get(last * shape.columns(), lastRows);

        run(few, input, weights);
        output.buffer().get(0, alone);
        requireSame(firstRows, alone, shape);
        run(few, input + (long) last * shape.inner() * shape.input().bytes(), weights);
        output.buffer().get(0, alone);
        requireSame(lastRows, alone, shape);
    }

    private void requireSame(float[] among, float[] alone, Shape shape) {
        for (int i = 0; i < among.length; i++) {
            if (Float.floatToIntBits(among[i]) != Float.floatToIntBits(alone[i])) {
                throw new BackendException(
                        ("cpu: on this processor %s gives other bits to a row among %d than alone"
                                        + " (%s; %s and %s), and scores would depend on their batch;"
                                        + " take org.bytedeco:dnnl off the class path to compute in"
                                        + " plain Java")
                                .formatted(
                                        oneDnn.version(), shape.rows(), shape, among[i], alone[i]));
            }
        }
    }

    @Override
    public void close() {
        calls.values().forEach(Call::close);
        calls.clear();
        roundings.values().forEach(Rounding::close);
        roundings.clear();
        output.close();
        scratch.close();
        unrounded.close();
    }
}
