package io.github.baichuanreward.cpu;

import io.github.baichuanreward.checkpoint.DType;
import io.github.baichuanreward.checkpoint.Tensor;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Products of rows with mapped weights, {@code y = x W^T}: oneDNN's and those in plain Java, with
 * everything that a forward pass pays for them (rows to native memory and results back).
 *
 * <p>Read {@code gigaflops}: billions of additions and multiplications a second, {@code 2 * rows *
 * inner * columns} a product.
 */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
// The check before has warmed up both; what is left is the compiler's last word on plain Java.
@Warmup(iterations = 3, time = 500, timeUnit = TimeUnit.MILLISECONDS)
// A large product takes longer than that, and is then measured once an iteration.
@Measurement(iterations = 5, time = 300, timeUnit = TimeUnit.MILLISECONDS)
// There are many settings; -f 3 shows by how much JVMs differ.
@Fork(value = 1, jvmArgsAppend = "-Xmx1g")
@State(Scope.Benchmark)
@SuppressWarnings("NullAway.Init") // JMH sets parameters and calls open() first
public class MatMulBenchmark {

    /** Whose product it is. */
    @Param public Products products;

    /**
     * {@code inner x columns}: W_pack, gate, and down of a model of 788 million parameters, W_pack
     * and down of Baichuan-13B.
     */
    @Param({"1280x3840", "1280x3424", "3424x1280", "5120x15360", "13696x5120"})
    public String shape;

    /** Rows of {@code x}: tokens of a batch. */
    @Param({"1", "32", "128", "512"})
    public int rows;

    /** How the weights are stored: also FLOAT32 and FLOAT16. */
    @Param("BFLOAT16")
    public DType weights;

    /** Threads; 0 means one for each core. */
    @Param("0")
    public int threads;

    private Workers workers;
    private MatMul matMul;
    private Matrix matrix;
    private float[] x;
    private float[] y;

    /** Billions of operations of all products; JMH reports them per second. */
    @AuxCounters(AuxCounters.Type.OPERATIONS)
    @State(Scope.Thread)
    public static class Operations {
        public double gigaflops;
    }

    /** Draws the numbers and checks the product. */
    @Setup(Level.Trial)
    public void open() throws IOException {
        if (products == Products.ONEDNN_BFLOAT16 && weights != DType.BFLOAT16) {
            throw new IllegalArgumentException(
                    "rows are rounded to bfloat16 for weights in bfloat16, not in " + weights);
        }
        String[] sizes = shape.split("x", -1);
        int inner = Integer.parseInt(sizes[0]);
        int columns = Integer.parseInt(sizes[1]);
        Tensor tensor = RandomWeights.matrix(weights, columns, inner);
        matrix = Matrix.map(tensor);
        x = RandomWeights.floats(rows * inner);
        y = new float[rows * columns];
        workers = Products.workers(threads);
        matMul = products.open(workers, List.of(tensor));
        matMul.multiply(y, x, matrix, rows);

        float[] expected = new float[rows * columns];
        try (MatMul other = products.other().open(workers, List.of(tensor))) {
            other.multiply(expected, x, matrix, rows);
        }
        // What float32 may lose in sums of so many products, as in the tests.
        Difference.require(y, expected, 1e-7f * inner);
    }

    /** Multiplies, as the first of the workers does that lead a forward pass. */
    @Benchmark
    public float[] multiply(Operations counter) {
        matMul.multiply(y, x, matrix, rows);
        counter.gigaflops += 2e-9 * rows * matrix.rows() * matrix.columns();
        return y;
    }

    /** Ends the threads. */
    @TearDown(Level.Trial)
    public void close() {
        matMul.close();
        workers.close();
    }
}
