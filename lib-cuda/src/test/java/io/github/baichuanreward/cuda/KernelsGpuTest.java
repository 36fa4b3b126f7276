package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.batch.PackedBatch;
import io.github.baichuanreward.checkpoint.DType;
import io.github.baichuanreward.cuda.DeviceData.Numbers;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Random;
import java.util.function.IntToDoubleFunction;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Every kernel through its launcher, against the same in float64, at the sizes of Baichuan-13B; on
 * the fake GPU at smaller ones. Awkward sizes are tried in C++, where the kernels live.
 */
@ExtendWith(Gpu.class)
class KernelsGpuTest {

    private static final float EPS = 1e-6f;

    /** As {@code check.h} has them: of all elements together, for one rounding of the result. */
    private static final double BFLOAT16 = 2e-3;

    private static final double FLOAT16 = 3e-4;
    private static final double FLOAT32 = 2e-6;

    private final boolean fake = Gpu.isFake();
    private final int hidden = fake ? 320 : 5120;
    private final int intermediate = fake ? 856 : 13_696;
    private final int heads = fake ? 3 : 40;
    private final int rows = fake ? 130 : 1300;

    /** A test's body, on a device that is entered. */
    private interface Body {
        void run(Launchers kernels, DeviceData data);
    }

    private static void on(DType half, Body body) {
        CudaDevice device = CudaDevice.open(Gpu.properties());
        try {
            device.within(
                    () -> {
                        body.run(new Launchers(Kernels.load(device, half)), new DeviceData(device));
                        return true;
                    });
        } catch (BackendException | AssertionError e) {
            device.closeAfter(e);
            throw e;
        }
        device.close();
    }

    @ParameterizedTest
    @EnumSource(names = {"BFLOAT16", "FLOAT16"})
    void embedding(DType half) {
        int vocabulary = 1000;
        on(
                half,
                (kernels, data) -> {
                    Numbers table = data.normal(half, vocabulary * hidden, 0, 1);
                    int[] ids = new Random(5).ints(rows, 0, vocabulary).toArray();
                    DeviceBuffer residual = data.unwritten(DType.FLOAT32, rows * hidden);
                    kernels.embedding(residual, data.integers(ids), table.buffer(), hidden, rows);
                    assertClose(
                            data.read(DType.FLOAT32, residual, rows * hidden),
                            i -> table.values()[ids[i / hidden] * hidden + i % hidden],
                            0);
                });
    }

    @ParameterizedTest
    @EnumSource(names = {"BFLOAT16", "FLOAT16"})
    void rmsNorm(DType half) {
        on(
                half,
                (kernels, data) -> {
                    Numbers x = data.normal(DType.FLOAT32, rows * hidden, 0.1, 3);
                    Numbers weight = data.normal(half, hidden, 1, 0.2);
                    DeviceBuffer y = data.unwritten(half, rows * hidden);
                    kernels.rmsNorm(y, x.buffer(), weight.buffer(), hidden, EPS, rows);
                    double[] normed = normed(x, weight, rows);
                    assertClose(data.read(half, y, rows * hidden), i -> normed[i], tolerance(half));
                });
    }

    @ParameterizedTest
    @EnumSource(names = {"BFLOAT16", "FLOAT16"})
    void swiglu(DType half) {
        on(
                half,
                (kernels, data) -> {
                    Numbers gateUp = data.normal(half, rows * 2 * intermediate, 0, 2);
                    DeviceBuffer gated = data.unwritten(half, rows * intermediate);
                    kernels.swiglu(gated, gateUp.buffer(), intermediate, rows);
                    assertClose(
                            data.read(half, gated, rows * intermediate),
                            i -> {
                                int gate = i / intermediate * 2 * intermediate + i % intermediate;
                                float[] values = gateUp.values();
                                return silu(values[gate]) * values[gate + intermediate];
                            },
                            tolerance(half));
                });
    }

    @ParameterizedTest
    @EnumSource(names = {"BFLOAT16", "FLOAT16"})
    void valueHead(DType half) {
        on(
                half,
                (kernels, data) -> {
                    Numbers x = data.normal(DType.FLOAT32, rows * hidden, 0.1, 3);
                    Numbers norm = data.normal(half, hidden, 1, 0.2);
                    Numbers weight = data.normal(DType.FLOAT32, hidden, 0, 0.02);
                    DeviceBuffer rewards = data.unwritten(DType.FLOAT32, rows);
                    kernels.valueHead(
                            rewards,
                            x.buffer(),
                            norm.buffer(),
                            weight.buffer(),
                            hidden,
                            0.25f,
                            EPS,
                            rows);
                    double[] normed = normed(x, norm, rows);
                    assertClose(
                            data.read(DType.FLOAT32, rewards, rows),
                            r -> {
                                double sum = 0.25;
                                for (int c = 0; c < hidden; c++) {
                                    sum += normed[r * hidden + c] * weight.values()[c];
                                }
                                return sum;
                            },
                            FLOAT32);
                });
    }

    @ParameterizedTest
    @EnumSource(names = {"BFLOAT16", "FLOAT16"})
    void gatherRows(DType half) {
        on(
                half,
                (kernels, data) -> {
                    Numbers x = data.normal(DType.FLOAT32, rows * hidden, 0, 1);
                    int[] chosen = new Random(6).ints(40, 0, rows).toArray();
                    DeviceBuffer y = data.unwritten(DType.FLOAT32, chosen.length * hidden);
                    kernels.gatherRows(
                            y,
                            x.buffer(),
                            data.integers(chosen),
                            hidden * Float.BYTES,
                            chosen.length);
                    assertClose(
                            data.read(DType.FLOAT32, y, chosen.length * hidden),
                            i -> x.values()[chosen[i / hidden] * hidden + i % hidden],
                            0);
                });
    }

    /** Of any size the bits that Java's own product has, rounded to float and then to half. */
    @ParameterizedTest
    @EnumSource(names = {"BFLOAT16", "FLOAT16"})
    void dequantize(DType half) {
        int n = 17;
        Random random = new Random(9);
        on(
                half,
                (kernels, data) -> {
                    for (int k : new int[] {8, 24, 1000, hidden, 5128, 13_696}) {
                        byte[] q = new byte[n * k];
                        random.nextBytes(q);
                        float[] scales = new float[n];
                        for (int row = 0; row < n; row++) {
                            scales[row] = (float) (Math.exp(2 * random.nextGaussian()) * 1e-5);
                        }
                        float[] products = new float[n * k];
                        for (int i = 0; i < products.length; i++) {
                            products[i] = q[i] * scales[i / k];
                        }
                        DeviceBuffer w = data.unwritten(half, n * k);
                        kernels.dequantize(
                                w,
                                data.signedBytes(q),
                                data.numbers(DType.FLOAT32, scales).buffer(),
                                k,
                                n);
                        assertThat(data.read(half, w, n * k))
                                .as("%d columns", k)
                                .isEqualTo(data.numbers(half, products).values());
                    }
                });
    }

    @ParameterizedTest
    @EnumSource(names = {"BFLOAT16", "FLOAT16"})
    void products(DType half) {
        on(
                half,
                (kernels, data) -> {
                    int n = 3 * hidden;
                    double deviation = 1 / Math.sqrt(hidden);
                    Numbers x = data.normal(half, rows * hidden, 0, 1);
                    Numbers w = data.normal(half, n * hidden, 0, deviation);
                    Numbers residual = data.normal(DType.FLOAT32, rows * n, 0, 1);
                    DeviceBuffer y = data.unwritten(half, rows * n);
                    kernels.gemm(y, x.buffer(), w.buffer(), rows, n, hidden);
                    kernels.gemmAdd(residual.buffer(), x.buffer(), w.buffer(), rows, n, hidden);
                    float[] halves = data.read(half, y, rows * n);
                    float[] sums = data.read(DType.FLOAT32, residual.buffer(), rows * n);
                    int[] some = new Random(7).ints(20_000, 0, rows * n).toArray();
                    assertClose(
                            some(halves, some),
                            i -> dot(x, some[i] / n, w, some[i] % n),
                            tolerance(half));
                    assertClose(
                            some(sums, some),
                            i -> residual.values()[some[i]] + dot(x, some[i] / n, w, some[i] % n),
                            FLOAT32);
                });
    }

    @ParameterizedTest
    @EnumSource(names = {"BFLOAT16", "FLOAT16"})
    void gatedProduct(DType half) {
        on(
                half,
                (kernels, data) -> {
                    Numbers x = data.normal(half, rows * hidden, 0, 1);
                    Numbers w =
                            data.normal(half, 2 * intermediate * hidden, 0, 1 / Math.sqrt(hidden));
                    DeviceBuffer gated = data.unwritten(half, rows * intermediate);
                    kernels.gemmSwiglu(gated, x.buffer(), w.buffer(), rows, intermediate, hidden);
                    int[] some = new Random(8).ints(20_000, 0, rows * intermediate).toArray();
                    assertClose(
                            some(data.read(half, gated, rows * intermediate), some),
                            i -> {
                                int row = some[i] / intermediate;
                                int column = some[i] % intermediate;
                                return silu(dot(x, row, w, column))
                                        * dot(x, row, w, column + intermediate);
                            },
                            tolerance(half));
                });
    }

    @ParameterizedTest
    @EnumSource(names = {"BFLOAT16", "FLOAT16"})
    void attentionOfWideHeads(DType half) {
        attention(half, 128);
    }

    @ParameterizedTest
    @EnumSource(names = {"BFLOAT16", "FLOAT16"})
    void attentionOfNarrowHeads(DType half) {
        attention(half, 64);
    }

    private void attention(DType half, int headDim) {
        List<int[]> lengths =
                fake
                        ? List.of(new int[129], new int[1], new int[70])
                        : List.of(new int[1000], new int[1], new int[129], new int[128]);
        PackedBatch batch = PackedBatch.pack(lengths, Integer.MAX_VALUE).get(0);
        int tokens = batch.tokens().length;
        int width = heads * headDim;
        float[] slopes = new float[heads];
        for (int head = 0; head < heads; head++) {
            slopes[head] = (float) Math.pow(2, -8.0 * (head + 1) / heads);
        }
        on(
                half,
                (kernels, data) -> {
                    Numbers qkv = data.normal(half, tokens * 3 * width, 0, 1.5);
                    BatchInput in = input(data, batch);
                    DeviceBuffer context = data.unwritten(half, tokens * width);
                    kernels.alibiAttention(
                            context,
                            qkv.buffer(),
                            in.attention().segments(),
                            in.attention().tiles(),
                            data.numbers(DType.FLOAT32, slopes).buffer(),
                            headDim,
                            (float) (1 / Math.sqrt(headDim)),
                            heads,
                            in.attention().tileCount(),
                            tokens);
                    double[] expected = new double[tokens * width];
                    for (int s = 0; s < batch.sequences(); s++) {
                        int start = batch.segments().get(s).start();
                        for (int t = start; t < batch.segments().get(s).end(); t++) {
                            for (int head = 0; head < heads; head++) {
                                attend(
                                        expected,
                                        qkv.values(),
                                        start,
                                        t,
                                        head,
                                        headDim,
                                        slopes[head]);
                            }
                        }
                    }
                    assertClose(
                            data.read(half, context, tokens * width),
                            i -> expected[i],
                            tolerance(half));
                });
    }

    private static BatchInput input(DeviceData data, PackedBatch batch) {
        int bytes = (int) BatchInput.bytes(batch.tokens().length);
        ByteBuffer host = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
        BatchInput written = BatchInput.write(host, batch);
        int[] words = new int[bytes / Integer.BYTES];
        host.clear().asIntBuffer().get(words);
        return written.in(data.integers(words));
    }

    private void attend(
            double[] context, float[] qkv, int start, int t, int head, int headDim, float slope) {
        int width = heads * headDim;
        double[] weights = new double[t - start + 1];
        double largest = Double.NEGATIVE_INFINITY;
        for (int j = start; j <= t; j++) {
            double dot = 0;
            for (int d = 0; d < headDim; d++) {
                dot +=
                        (double) qkv[t * 3 * width + head * headDim + d]
                                * qkv[j * 3 * width + width + head * headDim + d];
            }
            weights[j - start] = dot / Math.sqrt(headDim) + (double) slope * (j - t);
            largest = Math.max(largest, weights[j - start]);
        }
        double sum = 0;
        for (int j = 0; j < weights.length; j++) {
            weights[j] = Math.exp(weights[j] - largest);
            sum += weights[j];
        }
        for (int j = 0; j < weights.length; j++) {
            int v = (start + j) * 3 * width + 2 * width + head * headDim;
            for (int d = 0; d < headDim; d++) {
                context[t * width + head * headDim + d] += weights[j] / sum * qkv[v + d];
            }
        }
    }

    private double[] normed(Numbers x, Numbers weight, int rows) {
        double[] normed = new double[rows * hidden];
        for (int r = 0; r < rows; r++) {
            double squares = 0;
            for (int c = 0; c < hidden; c++) {
                squares += Math.pow(x.values()[r * hidden + c], 2);
            }
            double factor = 1 / Math.sqrt(squares / hidden + EPS);
            for (int c = 0; c < hidden; c++) {
                normed[r * hidden + c] = x.values()[r * hidden + c] * factor * weight.values()[c];
            }
        }
        return normed;
    }

    private double dot(Numbers x, int row, Numbers w, int column) {
        double sum = 0;
        for (int k = 0; k < hidden; k++) {
            sum += (double) x.values()[row * hidden + k] * w.values()[column * hidden + k];
        }
        return sum;
    }

    private static double silu(double x) {
        return x / (1 + Math.exp(-x));
    }

    private static float[] some(float[] all, int[] places) {
        float[] some = new float[places.length];
        for (int i = 0; i < some.length; i++) {
            some[i] = all[places[i]];
        }
        return some;
    }

    private static double tolerance(DType half) {
        return half == DType.BFLOAT16 ? BFLOAT16 : FLOAT16;
    }

    /** All elements together, and each: a single one that is wrong must not drown in the sum. */
    private static void assertClose(float[] got, IntToDoubleFunction reference, double tolerance) {
        double squares = 0;
        double errors = 0;
        double furthest = 0;
        int worst = 0;
        double[] expected = new double[got.length];
        for (int i = 0; i < got.length; i++) {
            expected[i] = reference.applyAsDouble(i);
            squares += expected[i] * expected[i];
        }
        double size = Math.sqrt(squares / got.length);
        for (int i = 0; i < got.length; i++) {
            double error = Math.abs(got[i] - expected[i]);
            errors += error * error;
            double share = error / (Math.abs(expected[i]) + size);
            if (!(share <= furthest)) { // also where it is no number
                furthest = share;
                worst = i;
            }
        }
        assertThat(furthest)
                .as("element %d of %d: %s, not %s", worst, got.length, got[worst], expected[worst])
                .isLessThanOrEqualTo(4 * tolerance);
        assertThat(Math.sqrt(errors / squares)).as("error").isLessThanOrEqualTo(tolerance);
    }
}
