package io.github.baichuanreward.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import io.github.baichuanreward.checkpoint.Checkpoint;
import io.github.baichuanreward.checkpoint.DType;
import io.github.baichuanreward.checkpoint.SafetensorsBuilder;
import io.github.baichuanreward.checkpoint.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What all products promise. */
abstract class MatMulContract {

    private static final List<DType> TYPES = List.of(DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16);

    @TempDir Path directory;

    private int files;

    /** The products under test, for such weights. */
    abstract MatMul open(Workers workers, List<Tensor> weights);

    /** Largest error, in the sum of the magnitudes of what is added up. */
    abstract double rounding(DType weights);

    @ParameterizedTest
    @CsvSource({
        "1, 1, 1",
        "3, 5, 1",
        "5, 1, 70",
        "1, 128, 256",
        "2, 127, 255",
        "3, 129, 257",
        "5, 7, 323",
        "17, 65, 64",
        "33, 300, 7",
        "64, 72, 520",
        "7, 513, 9",
        "257, 66, 33",
        "1026, 3, 5"
    })
    void isThePlainProduct(int rows, int n, int k) throws IOException {
        for (DType type : TYPES) {
            Tensor tensor = tensor(type, n, k, 0);
            for (int threads = 1; threads <= 3; threads++) {
                check(tensor, Matrix.map(tensor), rows, threads);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 6})
    void weightsMayLieAtAnyByte(int bytesBefore) throws IOException {
        for (DType type : TYPES) {
            Tensor tensor = tensor(type, 70, 37, bytesBefore);
            check(tensor, Matrix.map(tensor), 19, 2);
        }
    }

    /** Bands hold whole blocks, and the last band what is left. */
    @ParameterizedTest
    @ValueSource(ints = {1, 64, 100, 128, 1000})
    void weightsMayLieInSeveralMappings(int bandRows) throws IOException {
        for (DType type : TYPES) {
            Tensor tensor = tensor(type, 300, 37, 0);
            Matrix w = Matrix.map(tensor, (long) bandRows * 37 * type.bytes());
            check(tensor, w, 19, 2);
        }
    }

    private void check(Tensor tensor, Matrix w, int rows, int threads) {
        int n = w.rows();
        int k = w.columns();
        float[] x = random(rows * k);
        float[] expected = new float[rows * n];
        float[] magnitudes = new float[rows * n];
        float[] weights = floats(tensor);
        CpuOps.multiply(expected, x, weights, rows, n, k);
        CpuOps.multiply(magnitudes, magnitudes(x), magnitudes(weights), rows, n, k);
        double rounding = rounding(tensor.dtype());

        try (Workers workers = new Workers(threads);
                MatMul matMul = open(workers, List.of(tensor))) {
            float[] y = new float[rows * n + 1];
            Arrays.fill(y, Float.NaN);
            lead(workers, () -> matMul.multiply(y, x, w, rows));
            requireClose(y, 0, expected, magnitudes, rounding);
            assertThat(y[rows * n]).isNaN();

            Arrays.fill(y, 100);
            lead(workers, () -> matMul.multiplyAdd(y, x, w, rows));
            requireClose(y, 100, expected, magnitudes, rounding);
            assertThat(y[rows * n]).isEqualTo(100);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FLOAT32", "FLOAT16", "BFLOAT16"})
    void aRowHasTheSameBitsAmongAnyOthersAndOnAnyThreads(DType type) throws IOException {
        int n = 130;
        int k = 83;
        int most = 1300;
        Tensor tensor = tensor(type, n, k, 0);
        Matrix w = Matrix.map(tensor);
        float[] x = random(most * k);
        for (int i = 0; i < k; i++) {
            x[5 * k + i] *= 0x1p-130f; // a row of values that are too small to be normal
        }
        int[] expected = new int[0];
        for (int threads = 1; threads <= 3; threads++) {
            try (Workers workers = new Workers(threads);
                    MatMul matMul = open(workers, List.of(tensor))) {
                int[] all = bits(workers, matMul, x, w, 0, most);
                if (threads == 1) {
                    expected = all;
                }
                assertThat(Arrays.equals(all, expected)).as("%d threads", threads).isTrue();
                for (int rows = 1; rows <= 1025; rows = rows == 40 ? 255 : rows + 1) {
                    if (rows == 258) {
                        rows = 1023;
                    }
                    int first = rows % 3 * 5;
                    int[] part = bits(workers, matMul, x, w, first, rows);
                    int differs =
                            Arrays.mismatch(
                                    part, 0, part.length, expected, first * n, (first + rows) * n);
                    assertThat(differs)
                            .as("%d rows from row %d, %d threads", rows, first, threads)
                            .isEqualTo(-1);
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 1, 1", "2, 127, 255", "33, 300, 7", "300, 65, 40"})
    void gatesOneProductByAnother(int rows, int n, int k) throws IOException {
        float[] x = random(rows * k);
        for (DType type : TYPES) {
            Tensor first = tensor(type, n, k, 0);
            Tensor second = tensor(type, n, k, 2);
            Matrix gate = Matrix.map(first);
            Matrix up = Matrix.map(second);
            try (Workers workers = new Workers(2);
                    MatMul matMul = open(workers, List.of(first, second))) {
                float[] separate = new float[rows * n];
                float[] factors = new float[rows * n];
                lead(workers, () -> matMul.multiply(separate, x, gate, rows));
                lead(workers, () -> matMul.multiply(factors, x, up, rows));
                VectorOps.swiglu(separate, separate, factors, 0, rows, n);

                float[] gated = new float[rows * n];
                Arrays.fill(gated, Float.NaN);
                lead(workers, () -> matMul.multiplyGated(gated, x, gate, up, rows));
                assertThat(Arrays.equals(gated, separate)).as("%s", type).isTrue();
            }
        }
    }

    @Test
    void whatIsNotFiniteStaysInItsRowAndIsNotHidden() throws IOException {
        int n = 70;
        int k = 65;
        int rows = 21;
        float[] clean = random(rows * k);
        float[] spoiled = clean.clone();
        spoiled[3 * k + 64] = Float.NaN;
        spoiled[8 * k] = Float.POSITIVE_INFINITY;
        spoiled[20 * k + 7] = Float.NEGATIVE_INFINITY;
        for (DType type : TYPES) {
            Tensor tensor = tensor(type, n, k, 0);
            Matrix w = Matrix.map(tensor);
            try (Workers workers = new Workers(2);
                    MatMul matMul = open(workers, List.of(tensor))) {
                int[] before = bits(workers, matMul, clean, w, 0, rows);
                int[] among = bits(workers, matMul, spoiled, w, 0, rows);
                for (int i = 0; i < among.length; i++) {
                    int row = i / n;
                    if (row == 3 || row == 8 || row == 20) {
                        assertThat(Float.intBitsToFloat(among[i]))
                                .as("%s, row %d", type, row)
                                .matches(value -> !Float.isFinite(value));
                    } else {
                        assertThat(among[i]).as("%s, row %d", type, row).isEqualTo(before[i]);
                    }
                }
                assertThat(bits(workers, matMul, clean, w, 0, rows))
                        .as("%s afterwards", type)
                        .containsExactly(before);
            }
        }
    }

    /** {@code y = x W^T + scale (x A^T) B^T}, for adapters in any type. */
    @ParameterizedTest
    @CsvSource({"FLOAT32, 1", "FLOAT16, 5", "BFLOAT16, 9"})
    void addsWhatAdaptersAdd(DType adapter, int rank) throws IOException {
        int n = 66;
        int k = 40;
        int rows = 18;
        Tensor weight = tensor(DType.BFLOAT16, n, k, 0);
        Tensor a = tensor(adapter, rank, k, 0);
        Tensor b = tensor(adapter, n, rank, 0);
        float[] x = random(rows * k);
        float[] merged = floats(weight);
        float[] magnitudes = magnitudes(merged);
        float[] left = floats(b);
        float[] right = floats(a);
        for (int i = 0; i < n * k; i++) {
            for (int r = 0; r < rank; r++) {
                float product = 2 * left[i / k * rank + r] * right[r * k + i % k];
                merged[i] += product;
                magnitudes[i] += Math.abs(product);
            }
        }
        float[] expected = new float[rows * n];
        float[] bound = new float[rows * n];
        CpuOps.multiply(expected, x, merged, rows, n, k);
        CpuOps.multiply(bound, magnitudes(x), magnitudes, rows, n, k);
        AdaptedMatrix.Delta delta = new AdaptedMatrix.Delta(Matrix.map(a), Matrix.map(b), 2);
        AdaptedMatrix w = new AdaptedMatrix(Matrix.map(weight), List.of(delta));
        double rounding = 2 * (rounding(DType.BFLOAT16) + rounding(adapter));

        try (Workers workers = new Workers(2);
                MatMul matMul = open(workers, List.of(weight, a, b))) {
            float[] y = new float[rows * n];
            lead(workers, () -> matMul.multiply(y, x, w, rows));
            requireClose(y, 0, expected, bound, rounding);
            Arrays.fill(y, 1);
            lead(workers, () -> matMul.multiplyAdd(y, x, w, rows));
            requireClose(y, 1, expected, bound, rounding);
        }
    }

    /** Holds each value against its own bound; a loop of assertions would take minutes. */
    private static void requireClose(
            float[] y, float before, float[] expected, float[] magnitudes, double rounding) {
        for (int i = 0; i < expected.length; i++) {
            double distance = Math.abs(y[i] - ((double) before + expected[i]));
            double bound = rounding * magnitudes[i] + 1e-7 * before + 1e-30;
            if (!(distance <= bound)) {
                fail("value %d: %s where %s + %s is due", i, y[i], before, expected[i]);
            }
        }
    }

    /** Products run on the threads of the backend, as when a batch is scored. */
    static void lead(Workers workers, Runnable product) {
        workers.lead(
                () -> {
                    product.run();
                    return workers;
                });
    }

    private static int[] bits(
            Workers workers, MatMul matMul, float[] x, Matrix w, int first, int rows) {
        float[] part = Arrays.copyOfRange(x, first * w.columns(), (first + rows) * w.columns());
        float[] y = new float[rows * w.rows()];
        lead(workers, () -> matMul.multiply(y, part, w, rows));
        int[] bits = new int[y.length];
        for (int i = 0; i < bits.length; i++) {
            bits[i] = Float.floatToIntBits(y[i]);
        }
        return bits;
    }

    /** A weight in a file of its own, with so many bytes before it. */
    Tensor tensor(DType type, int n, int k, int bytesBefore) throws IOException {
        Random random = new Random(files); // each weight has its own
        float[] values = new float[n * k];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian() * 0.3f;
        }
        Path file = directory.resolve("weight-" + files++);
        new SafetensorsBuilder()
                .tensor("before", "U8", "[" + bytesBefore + "]", new byte[bytesBefore])
                .tensor(
                        "w",
                        SafetensorsBuilder.name(type),
                        Arrays.toString(new int[] {n, k}),
                        SafetensorsBuilder.rounded(type, values))
                .write(file);
        return Objects.requireNonNull(Checkpoint.openFile(file).find("w"));
    }

    private static float[] floats(Tensor tensor) {
        try {
            return tensor.toFloats();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static float[] magnitudes(float[] values) {
        float[] magnitudes = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            magnitudes[i] = Math.abs(values[i]);
        }
        return magnitudes;
    }

    static float[] random(int count) {
        Random random = new Random(count);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }
}
