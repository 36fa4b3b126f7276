package io.github.baichuanreward.cpu;

import io.github.baichuanreward.batch.Segment;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
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
 * Attention of one layer on one sequence, all rows asking: heads of 128, as Baichuan-13B has.
 *
 * <p>Milliseconds; the two products of the part that the causal mask leaves are {@code 2 * heads *
 * 128 * tokens^2} operations, of which those with keys that have no weight are left out.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 2, time = 500, timeUnit = TimeUnit.MILLISECONDS)
// The longest takes longer than that, and is then measured once an iteration.
@Measurement(iterations = 3, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(value = 1, jvmArgsAppend = "-Xmx2g")
@State(Scope.Benchmark)
@SuppressWarnings("NullAway.Init") // JMH sets parameters and calls open() first
public class AttentionBenchmark {

    private static final int HEAD_DIM = 128;

    /** What is left of a difference after float32's roundings of scores and weights. */
    private static final float TOLERANCE = 1e-5f;

    /** And after bfloat16's. */
    private static final float BFLOAT16_TOLERANCE = 0.05f;

    /** Whose products it uses. */
    @Param({"ONEDNN_FLOAT32", "ONEDNN_BFLOAT16", "PLAIN_JAVA"})
    public Products products;

    /** Length of the sequence. */
    @Param({"128", "512", "4096"})
    public int tokens;

    /** Heads: of a model of 788 million parameters, and of Baichuan-13B. */
    @Param({"10", "40"})
    public int heads;

    /**
     * What queries are multiplied with; a power of two. Scores spread by as much, and the more they
     * do, the more keys keep a weight; with 1024 no tile is left out.
     */
    @Param({"1", "8", "1024"})
    public float queries;

    /** Threads; 0 means one for each core. */
    @Param("0")
    public int threads;

    private Workers workers;
    private MatMul matMul;
    private TiledAttention attention;
    private float[] qkv;
    private float[] context;
    private float[] slopes;
    private List<Segment> segments = List.of();
    private int[] starts;

    /** Draws the numbers and checks the result. */
    @Setup(Level.Trial)
    public void open() {
        int hidden = heads * HEAD_DIM;
        SplittableRandom random = new SplittableRandom(tokens);
        qkv = new float[tokens * 3 * hidden];
        for (int i = 0; i < qkv.length; i++) {
            // Of variance 1, as norms leave it; bfloat16 holds it, so that only weights are
            // rounded.
            qkv[i] = Math.round(random.nextDouble(-1.7, 1.7) * 128) / 128f;
            if (i % (3 * hidden) < hidden) {
                qkv[i] *= queries;
            }
        }
        slopes = new float[heads];
        for (int head = 0; head < heads; head++) {
            slopes[head] = (float) Math.pow(2, -8.0 * (head + 1) / heads);
        }
        segments = List.of(Segment.of(0, tokens));
        starts = new int[] {0, tokens};
        context = new float[tokens * hidden];
        workers = Products.workers(threads);
        matMul = products.open(workers, List.of());
        attention = attention(matMul);
        attend();

        float[] expected = new float[context.length];
        try (MatMul other = products.other().open(workers, List.of())) {
            attention(other).run(expected, qkv, slopes, segments, starts);
        }
        boolean rounded = products == Products.ONEDNN_BFLOAT16;
        Difference.require(
                context, expected, (rounded ? BFLOAT16_TOLERANCE : 0) + TOLERANCE * queries);
    }

    private TiledAttention attention(MatMul products) {
        int hidden = heads * HEAD_DIM;
        return new TiledAttention(
                workers, () -> products.attention(HEAD_DIM, hidden), HEAD_DIM, hidden);
    }

    /** Computes it, as the first of the workers does that lead a forward pass. */
    @Benchmark
    public float[] attend() {
        attention.run(context, qkv, slopes, segments, starts);
        return context;
    }

    /** Ends the threads. */
    @TearDown(Level.Trial)
    public void close() {
        matMul.close();
        workers.close();
    }
}
