package io.github.baichuanreward.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.baichuanreward.TinyModel;
import io.github.baichuanreward.checkpoint.Checkpoint;
import io.github.baichuanreward.checkpoint.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What all products promise. */
abstract class MatMulContract {

    @TempDir Path directory;

    /** The products under test, for such a weight. */
    abstract MatMul open(Workers workers, Tensor weight);

    @ParameterizedTest
    @CsvSource({
        "1, 1, 1",
        "1, 128, 256",
        "2, 127, 255",
        "3, 129, 257",
        "5, 7, 323",
        "33, 300, 7",
        "64, 72, 520",
        "7, 513, 9"
    })
    void isThePlainProduct(int rows, int n, int k) throws IOException {
        Tensor tensor = tensor(n, k);
        float[] x = random(rows * k);
        float[] expected = new float[rows * n];
        CpuOps.multiply(expected, x, tensor.toFloats(), rows, n, k);

        for (int threads = 1; threads <= 3; threads++) {
            try (Workers workers = new Workers(threads)) {
                MatMul matMul = open(workers, tensor);
                float[] y = new float[rows * n];
                Arrays.fill(y, Float.NaN);
                matMul.multiply(y, x, Matrix.map(tensor), rows);
                assertThat(y).containsExactly(expected, within(1e-7f * k));

                Arrays.fill(y, 100);
                matMul.multiplyAdd(y, x, Matrix.map(tensor), rows);
                for (int i = 0; i < y.length; i++) {
                    assertThat(y[i]).isCloseTo(100 + expected[i], within(1e-7f * k + 1e-5f));
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 1, 1", "2, 127, 255", "33, 300, 7", "300, 65, 40"})
    void gatesOneProductByAnother(int rows, int n, int k) throws IOException {
        Tensor tensor = tensor(n, k);
        Matrix gate = Matrix.map(tensor);
        Matrix up = Matrix.map(tensor("u", n, k));
        float[] x = random(rows * k);
        try (Workers workers = new Workers(2);
                MatMul matMul = open(workers, tensor)) {
            float[] separate = new float[rows * n];
            float[] factors = new float[rows * n];
            matMul.multiply(separate, x, gate, rows);
            matMul.multiply(factors, x, up, rows);
            VectorOps.swiglu(separate, separate, factors, 0, rows, n);

            float[] gated = new float[rows * n];
            Arrays.fill(gated, Float.NaN);
            matMul.multiplyGated(gated, x, gate, up, rows);
            assertThat(gated).containsExactly(separate);
        }
    }

    @Test
    void aRowHasTheSameBitsAmongAnyOthersAndOnAnyThreads() throws IOException {
        int n = 200;
        int k = 323;
        Tensor tensor = tensor(n, k);
        Matrix w = Matrix.map(tensor);
        float[] x = random(50 * k);
        float[][] alone = new float[50][n];
        try (Workers one = new Workers(1)) {
            for (int m = 0; m < 50; m++) {
                float[] row = Arrays.copyOfRange(x, m * k, (m + 1) * k);
                open(one, tensor).multiply(alone[m], row, w, 1);
            }
        }
        try (Workers two = new Workers(2)) {
            float[] y = new float[50 * n];
            open(two, tensor).multiply(y, x, w, 50);
            for (int m = 0; m < 50; m++) {
                assertThat(Arrays.copyOfRange(y, m * n, (m + 1) * n))
                        .as("row %d", m)
                        .containsExactly(alone[m]);
            }
        }
    }

    private Tensor tensor(long n, long k) throws IOException {
        return tensor("w", n, k);
    }

    private Tensor tensor(String name, long n, long k) throws IOException {
        new TinyModel(n * 1000 + k).tensor("w", n, k).tensor("u", n, k).write(directory);
        Tensor tensor = Checkpoint.openFile(directory.resolve("model.safetensors")).find(name);
        return Objects.requireNonNull(tensor);
    }

    private static float[] random(int count) {
        Random random = new Random(count);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }
}
