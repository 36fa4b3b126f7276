package io.github.baichuanreward.model;

import io.github.baichuanreward.checkpoint.DType;
import java.util.Arrays;

/**
 * The linear map from a final-normed hidden state to the reward.
 *
 * @param weight {@code [hidden]}, float32; not copied, not to be written to
 * @param bias added to the product
 * @param source where it was found: file and tensor name
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record ValueHead(float[] weight, float bias, String source) {

    /** Room for the rounding of a bound to bfloat16. */
    private static final double ROUNDED = 1 + 1.0 / 256;

    /**
     * Kolmogorov and Smirnov's bound, times the root of the number of values: a uniform sample is
     * beyond it once in a thousand.
     */
    private static final double UNIFORM = 1.95;

    /** The same with weights and bias rounded to float16, as {@code model.half()} rounds them. */
    ValueHead halved() {
        float[] halves = new float[weight.length];
        for (int i = 0; i < halves.length; i++) {
            halves[i] = half(weight[i]);
        }
        return new ValueHead(halves, half(bias), source + ", rounded to float16");
    }

    private static float half(float value) {
        return DType.halfToFloat(DType.floatToHalf(value));
    }

    /** Mean of the weights. */
    public double mean() {
        double sum = 0;
        for (float value : weight) {
            sum += value;
        }
        return sum / weight.length;
    }

    /** Standard deviation of the weights. */
    public double standardDeviation() {
        double mean = mean();
        double sum = 0;
        for (float value : weight) {
            sum += (value - mean) * (value - mean);
        }
        return Math.sqrt(sum / weight.length);
    }

    /**
     * Whether this could be a head that was never trained: all zeros, or weights and bias inside
     * {@code 1 / sqrt(hidden)}, and the weights spread there evenly, as {@code torch.nn.Linear}
     * draws them.
     *
     * <p>Training by as little as a hundredth of that bound pushes some of thousands of weights
     * across it.
     */
    public boolean looksUntrained() {
        double bound = 1 / Math.sqrt(weight.length);
        float[] sorted = weight.clone();
        Arrays.sort(sorted);
        float smallest = sorted[0];
        float largest = sorted[sorted.length - 1];
        if (smallest == 0 && largest == 0) {
            return true;
        }
        double reach = Math.max(Math.max(-smallest, largest), Math.abs(bias));
        if (reach > bound * ROUNDED) {
            return false;
        }
        double distance = 0;
        for (int i = 0; i < sorted.length; i++) {
            double expected = (sorted[i] + bound) / (2 * bound);
            distance = Math.max(distance, Math.abs(expected - (double) i / sorted.length));
            distance = Math.max(distance, Math.abs(expected - (i + 1.0) / sorted.length));
        }
        return distance * Math.sqrt(sorted.length) < UNIFORM;
    }
}
