package io.github.baichuanreward.cpu;

import java.util.Arrays;

/**
 * The operations of Baichuan's forward pass as plain loops: the specification that every faster
 * version is tested against.
 *
 * <p>All arrays are row-major float32. Sums run in double and are rounded once, so a result is as
 * good as float32 can hold; a faster version may differ by its own rounding and by nothing else.
 * Rows are computed from {@code firstRow} to {@code endRow} so that threads can share the work; a
 * row's bits do not depend on that split, nor on the other rows.
 */
final class CpuOps {

    private CpuOps() {}

    /**
     * {@code y[t] = x[t] * rsqrt(mean(x[t]^2) + eps) * weight}.
     *
     * <p>The original rounds the normalised value to the weight's type before the product when that
     * is a half type; in float32, as here, there is nothing to round.
     *
     * @param y {@code [rows, hidden]}; may be {@code x}
     * @param x {@code [rows, hidden]}
     * @param weight {@code [hidden]}
     */
    static void rmsNorm(float[] y, float[] x, float[] weight, int firstRow, int endRow, float eps) {
        int hidden = weight.length;
        for (int row = firstRow; row < endRow; row++) {
            int offset = row * hidden;
            double sum = 0;
            for (int c = 0; c < hidden; c++) {
                double value = x[offset + c];
                sum += value * value;
            }
            float scale = (float) (1 / Math.sqrt(sum / hidden + eps));
            for (int c = 0; c < hidden; c++) {
                y[offset + c] = x[offset + c] * scale * weight[c];
            }
        }
    }

    /**
     * {@code y[m, n] = sum over k of x[m, k] * w[n, k]}.
     *
     * @param y {@code [rows, n]}
     * @param x {@code [rows, k]}
     * @param w {@code [n, k]}
     */
    static void multiply(float[] y, float[] x, float[] w, int rows, int n, int k) {
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < n; column++) {
                double sum = 0;
                for (int i = 0; i < k; i++) {
                    sum += (double) x[row * k + i] * w[column * k + i];
                }
                y[row * n + column] = (float) sum;
            }
        }
    }

    /**
     * Attention of one sequence and one head, causal, with ALiBi.
     *
     * <p>{@code score(i, j) = q_i . k_j / sqrt(headDim) + slope * (j - i)} for {@code j <= i};
     * softmax over {@code j}; then the weighted sum of the values. The original adds {@code slope *
     * j} with {@code j} counted from the start of the padded row; a softmax does not see the
     * difference, but in half precision its rounding does, so the distance is used here.
     *
     * @param context {@code [queries, hidden]}: this head's columns of the rows from {@code
     *     contextStart} are written
     * @param qkv {@code [tokens, 3 * hidden]}
     * @param slope this head's slope
     * @param contextStart row of {@code context} for the first query
     * @param start first row of the sequence in {@code qkv}
     * @param firstQuery first row of {@code qkv} that asks; all rows from there to {@code end} ask
     * @param end row behind the last one of the sequence
     * @param head which head, from 0
     * @param headDim width of a head
     * @param hidden {@code heads * headDim}
     */
    static void alibiAttention(
            float[] context,
            float[] qkv,
            float slope,
            int contextStart,
            int start,
            int firstQuery,
            int end,
            int head,
            int headDim,
            int hidden) {
        double scale = 1 / Math.sqrt(headDim);
        double[] weights = new double[end - start];
        double[] mixed = new double[headDim];
        for (int i = firstQuery; i < end; i++) {
            int query = i * 3 * hidden + head * headDim;
            double largest = Double.NEGATIVE_INFINITY;
            for (int j = start; j <= i; j++) {
                int key = j * 3 * hidden + hidden + head * headDim;
                double dot = 0;
                for (int d = 0; d < headDim; d++) {
                    dot += (double) qkv[query + d] * qkv[key + d];
                }
                weights[j - start] = dot * scale + (double) slope * (j - i);
                largest = Math.max(largest, weights[j - start]);
            }
            double sum = 0;
            Arrays.fill(mixed, 0);
            for (int j = start; j <= i; j++) {
                double weight = Math.exp(weights[j - start] - largest);
                sum += weight;
                int value = j * 3 * hidden + 2 * hidden + head * headDim;
                for (int d = 0; d < headDim; d++) {
                    mixed[d] += weight * qkv[value + d];
                }
            }
            int out = (contextStart + i - firstQuery) * hidden + head * headDim;
            for (int d = 0; d < headDim; d++) {
                context[out + d] = (float) (mixed[d] / sum);
            }
        }
    }

    /**
     * {@code gated = silu(gate) * up} with {@code silu(x) = x / (1 + exp(-x))}.
     *
     * @param gated {@code [rows, intermediate]}; may be {@code gate}
     * @param gate {@code [rows, intermediate]}
     * @param up {@code [rows, intermediate]}
     */
    static void swiglu(
            float[] gated, float[] gate, float[] up, int firstRow, int endRow, int intermediate) {
        for (int i = firstRow * intermediate; i < endRow * intermediate; i++) {
            double x = gate[i];
            gated[i] = (float) (x / (1 + Math.exp(-x)) * up[i]);
        }
    }

    /**
     * {@code reward = weight . x[row] + bias}.
     *
     * @param x {@code [rows, hidden]}, final-normed
     * @param weight {@code [hidden]}
     */
    static float valueHead(float[] x, float[] weight, float bias, int row) {
        double sum = 0;
        for (int c = 0; c < weight.length; c++) {
            sum += (double) x[row * weight.length + c] * weight[c];
        }
        return (float) (sum + bias);
    }
}
