package io.github.baichuanreward.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Against {@link CpuOps}, whose sums run in double. */
class VectorOpsTest {

    @ParameterizedTest
    @CsvSource({"1, 1", "1, 5", "3, 63", "7, 64", "2, 129", "5, 1280", "1, 5120"})
    void rmsNormIsThePlainOne(int rows, int hidden) {
        float[] x = random(rows * hidden, 3);
        float[] weight = random(hidden, 1);
        float[] expected = new float[rows * hidden];
        float[] y = new float[rows * hidden];
        CpuOps.rmsNorm(expected, x, weight, 0, rows, 1e-6f);
        VectorOps.rmsNorm(y, x, weight, 0, rows, 1e-6f);

        isWithinUlps(y, expected, 2);
    }

    @Test
    void rmsNormOfASpreadThatFloatCannotSumIsThePlainOne() {
        float[] x = random(1000, 1e-4f);
        x[3] = 1e4f;
        float[] weight = random(1000, 1);
        float[] expected = new float[1000];
        float[] y = new float[1000];
        CpuOps.rmsNorm(expected, x, weight, 0, 1, 1e-6f);
        VectorOps.rmsNorm(y, x, weight, 0, 1, 1e-6f);

        isWithinUlps(y, expected, 2);
    }

    @Test
    void rmsNormWritesOnlyItsRowsAndMayWriteInPlace() {
        float[] x = random(5 * 37, 1);
        float[] weight = random(37, 1);
        float[] whole = new float[x.length];
        VectorOps.rmsNorm(whole, x, weight, 0, 5, 1e-6f);
        float[] y = x.clone();
        VectorOps.rmsNorm(y, y, weight, 1, 3, 1e-6f);

        assertThat(Arrays.copyOfRange(y, 37, 3 * 37))
                .containsExactly(Arrays.copyOfRange(whole, 37, 3 * 37));
        assertThat(Arrays.copyOf(y, 37)).containsExactly(Arrays.copyOf(x, 37));
        assertThat(Arrays.copyOfRange(y, 3 * 37, x.length))
                .containsExactly(Arrays.copyOfRange(x, 3 * 37, x.length));
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
    void rmsNormDoesNotHideWhatIsNotFinite(float bad) {
        float[] x = random(3 * 21, 1);
        float[] weight = random(21, 1);
        float[] clean = new float[x.length];
        VectorOps.rmsNorm(clean, x, weight, 0, 3, 1e-6f);
        x[21 + 20] = bad;
        float[] y = new float[x.length];
        VectorOps.rmsNorm(y, x, weight, 0, 3, 1e-6f);

        assertThat(y[21 + 20]).isNaN();
        for (int c = 0; c < 21; c++) {
            assertThat(y[c]).isEqualTo(clean[c]);
            assertThat(y[42 + c]).isEqualTo(clean[42 + c]);
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "1, 511", "1, 512", "3, 171", "2, 513", "5, 3424"})
    void swigluIsThePlainOne(int rows, int intermediate) {
        float[] gate = random(rows * intermediate, 20);
        float[] up = random(rows * intermediate, 2);
        float[] expected = new float[gate.length];
        float[] gated = new float[gate.length];
        CpuOps.swiglu(expected, gate, up, 0, rows, intermediate);
        VectorOps.swiglu(gated, gate, up, 0, rows, intermediate);

        isWithinUlps(gated, expected, 4);
    }

    /** Every exponent and sign of the gate, from denormal ones to the largest. */
    @Test
    void swigluIsThePlainOneOverTheWholeRange() {
        int step = 2003;
        int count = (int) ((1L << 32) / step);
        float[] gate = new float[count];
        float[] up = new float[count];
        for (int i = 0; i < count; i++) {
            float value = Float.intBitsToFloat(Integer.MIN_VALUE + i * step);
            gate[i] = Float.isFinite(value) ? value : 1;
            up[i] = 1;
        }
        float[] expected = new float[count];
        float[] gated = new float[count];
        CpuOps.swiglu(expected, gate, up, 0, 1, count);
        VectorOps.swiglu(gated, gate, up, 0, 1, count);

        for (int i = 0; i < count; i++) {
            double bound = gate[i] < -87 ? 2e-43 : 4 * Math.ulp(expected[i]);
            double error = Math.abs((double) gated[i] - expected[i]);
            if (!(error <= bound)) {
                assertThat(gated[i]).as("gate %s", gate[i]).isEqualTo(expected[i]);
            }
        }
    }

    @Test
    void swigluDoesNotHideWhatIsNotFinite() {
        float infinity = Float.POSITIVE_INFINITY;
        float[] gate = {Float.NaN, 1, -infinity, infinity, 0, 1e38f, -1e38f};
        float[] up = {1, Float.NaN, 1, 1, infinity, 1e38f, 1};
        VectorOps.swiglu(gate, gate, up, 0, 1, 7);

        assertThat(Arrays.copyOf(gate, 3)).containsOnly(Float.NaN);
        assertThat(gate[3]).isEqualTo(infinity);
        assertThat(gate[4]).isNaN();
        assertThat(gate[5]).isEqualTo(infinity);
        assertThat(gate[6]).isZero();
    }

    @Test
    void swigluOfARowIsTheSameInEverySplitAndInPlace() {
        int width = 301;
        float[] gate = random(7 * width, 5);
        float[] up = random(7 * width, 1);
        float[] whole = new float[gate.length];
        VectorOps.swiglu(whole, gate, up, 0, 7, width);
        float[] pieces = gate.clone();
        VectorOps.swiglu(pieces, pieces, up, 5, 7, width);
        VectorOps.swiglu(pieces, pieces, up, 0, 2, width);

        assertThat(Arrays.copyOf(pieces, 2 * width)).containsExactly(Arrays.copyOf(whole, 602));
        assertThat(Arrays.copyOfRange(pieces, 2 * width, 5 * width))
                .containsExactly(Arrays.copyOfRange(gate, 2 * width, 5 * width));
        assertThat(Arrays.copyOfRange(pieces, 5 * width, 7 * width))
                .containsExactly(Arrays.copyOfRange(whole, 5 * width, 7 * width));
    }

    private static void isWithinUlps(float[] actual, float[] expected, int ulps) {
        for (int i = 0; i < expected.length; i++) {
            double bound = ulps * Math.ulp(expected[i]);
            assertThat(Math.abs((double) actual[i] - expected[i]))
                    .as("element %d: %s for %s", i, actual[i], expected[i])
                    .isLessThanOrEqualTo(bound);
        }
    }

    private static float[] random(int count, float scale) {
        Random random = new Random(count);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = scale * (float) random.nextGaussian();
        }
        return values;
    }
}
