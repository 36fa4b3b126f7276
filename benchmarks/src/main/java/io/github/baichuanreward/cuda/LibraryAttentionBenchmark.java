package io.github.baichuanreward.cuda;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.checkpoint.DType;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Attention of one layer on a GPU: this library's kernel against attention made of libraries, from
 * the same buffer of queries, keys and values into the same buffer of results. Microseconds.
 *
 * <p>Both are compared with float64 first. Where there is no GPU, no cuBLAS or no cuDNN, the
 * exception says so, and JMH goes on with the next.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
// The GPU's clock rises meanwhile.
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 7, time = 1)
// Scores of 4096 tokens are made on the host.
@Fork(value = 1, jvmArgsAppend = "-Xmx3g")
@State(Scope.Benchmark)
@SuppressWarnings("NullAway.Init") // JMH sets parameters and calls open() first
public class LibraryAttentionBenchmark {

    /** As a forward pass queues its layers: what starting and waiting cost is shared by these. */
    static final int CALLS = 16;

    /** The system property that names the folder of CUDA's libraries. */
    static final String LIBRARIES = "cuda.libraries";

    /** Who computes it. */
    @Param({"KERNEL", "LIBRARIES"})
    public AttentionWay way;

    /** Length of each sequence. */
    @Param({"128", "512", "2048", "4096"})
    public int tokens;

    /** Tokens of all sequences together, of which there is at least one. */
    @Param("4096")
    public int batchTokens;

    /** Heads: Baichuan-13B's. */
    @Param("40")
    public int heads;

    /** Width of a head. */
    @Param("128")
    public int headDim;

    /** Type of queries, keys and values. */
    @Param({"BFLOAT16"})
    public DType half;

    private CudaDevice device;
    private AttentionWay.Attention attention;
    private double error;

    /** Draws the numbers, and checks the result. */
    @Setup(Level.Trial)
    public void open() {
        String problem = problem(way, libraries());
        if (problem != null) {
            throw new Unavailable(problem);
        }
        device = CudaDevice.open(DeviceChoice.of(List.of(0)).devices().get(0));
        try {
            device.within(this::prepare);
            System.err.printf(
                    Locale.ROOT,
                    "# %s; relative error of a row up to %.1e, at most %.1e allowed%n",
                    attention.description(),
                    error,
                    way.tolerance(half));
        } catch (BackendException | IllegalStateException e) {
            device.closeAfter(e);
            throw e;
        }
    }

    /**
     * Why a way cannot be measured, and what to do; null if it can.
     *
     * @param libraries where CUDA's libraries are, or null for the usual places
     */
    static @Nullable String problem(AttentionWay way, @Nullable Path libraries) {
        String problem = DeviceChoice.of(List.of(0)).problem();
        if (problem == null && way == AttentionWay.LIBRARIES) {
            problem = CudaLibraries.cublas(libraries).problem();
            if (problem == null) {
                problem = CudnnLibrary.problem(libraries);
            }
        }
        return problem;
    }

    private AttentionTask prepare() {
        int sequences = Math.max(1, batchTokens / tokens);
        AttentionTask task =
                new AttentionTask(
                        device, new AttentionTask.Shape(half, sequences, tokens, heads, headDim));
        attention = way.open(task);
        attention.enqueue();
        error = new AttentionReference(task).require(task.read(), way.tolerance(half));
        return task;
    }

    private static @Nullable Path libraries() {
        String folder = System.getProperty(LIBRARIES);
        return folder == null ? null : Path.of(folder);
    }

    /** The largest relative error of a row that was compared. */
    double error() {
        return error;
    }

    /** With versions, for people. */
    String description() {
        return attention.description();
    }

    /** Computes it, and waits once. */
    @Benchmark
    @OperationsPerInvocation(CALLS)
    public void attend() {
        device.within(
                () -> {
                    for (int call = 0; call < CALLS; call++) {
                        attention.enqueue();
                    }
                    device.awaitCompute();
                    return CALLS;
                });
    }

    /** Gives everything back. */
    @TearDown(Level.Trial)
    public void close() {
        device.close();
    }

    /** What JMH prints is one sentence: a trace would hide it. */
    private static final class Unavailable extends RuntimeException {

        private static final long serialVersionUID = 1;

        Unavailable(String problem) {
            super("not measured: " + problem, null, false, false);
        }
    }
}
