package io.github.baichuanreward.eval;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.Arrays;

/**
 * Accuracy, loss and predictions as LLaMA-Efficient-Tuning printed them in July 2023, for the same
 * rewards: in half precision, without a margin, and infinite where a pair is very wrong. The
 * published numbers of the original models were made so; see {@link PairStatistics} for what they
 * mean.
 *
 * <pre>{@code
 * LetJuly2023 then = new LetJuly2023();
 * then.add(chosen, rejected);  // for each pair, in the order of the data
 * double loss = then.loss();   // a number of half precision
 * }</pre>
 *
 * <p>Where each rounding comes from:
 *
 * <ul>
 *   <li>A step of its evaluation takes {@value TrainerMetrics#PAIRS_PER_STEP} pairs; its loss is
 *       {@code -torch.log(torch.sigmoid(r_accept - r_reject)).mean()} of float16 tensors ({@code
 *       PairwisePeftTrainer.compute_loss}).
 *   <li>On a GPU PyTorch computes each of these operations in float32 and rounds its result to
 *       float16 ({@code UnarySpecialOpsKernel.cu}, {@code UnaryLogKernels.cu}); {@code mean} adds
 *       in float32 and multiplies by the float32 reciprocal of the count ({@code
 *       ReduceMomentKernel.cu}).
 *   <li>Trainer of Transformers 4.31 repeats the loss of a step for each of its pairs, cuts what is
 *       too much in the last step, and takes NumPy's mean ({@code evaluation_loop}).
 *   <li>NumPy sums float16 in float32, pairwise in blocks, divides in float64 and rounds to float16
 *       ({@code _methods.py}).
 * </ul>
 *
 * <p>Sigmoid and logarithm of a GPU may differ in the last bits of float32 from those of {@link
 * StrictMath}. That can change the half, by one unit, at 29 of the 63,488 differences and at 11 of
 * the 15,360 likelihoods that there are. Eight processes of one pair each, which the published
 * numbers of steps do not exclude, would not average within a step.
 *
 * <p>Holds 4 bytes for each pair. For one thread at a time.
 */
public final class LetJuly2023 {

    private static final int PAIRS_PER_STEP = TrainerMetrics.PAIRS_PER_STEP;

    /** Values that NumPy converts at a time ({@code np.getbufsize()}). */
    private static final int NUMPY_BUFFER = 8192;

    /** Up to so many values NumPy sums without halving them. */
    private static final int NUMPY_BLOCK = 128;

    private static final int NUMPY_LANES = 8;

    private float[] losses = new float[1024];
    private int pairs;
    private long right;

    /** An evaluation of no pairs yet. */
    public LetJuly2023() {}

    /**
     * The reward as its model head, which was of half precision, would have given it.
     *
     * @throws IllegalArgumentException if it is beyond half precision, or not a number
     */
    public static float half(float reward) {
        float half = HalfPrecision.round(reward);
        if (!Float.isFinite(half)) {
            throw new IllegalArgumentException(
                    "reward " + reward + " does not fit into half precision, which ends at 65504");
        }
        return half;
    }

    /**
     * Counts the next pair; both rewards are rounded to half precision first.
     *
     * @throws IllegalArgumentException if a reward is beyond half precision, or not a number
     */
    public void add(float chosen, float rejected) {
        float accept = half(chosen);
        float reject = half(rejected);
        if (pairs == losses.length) {
            losses = Arrays.copyOf(losses, pairs + (pairs >> 1));
        }
        losses[pairs++] = pairLoss(accept, reject);
        right += accept > reject ? 1 : 0;
    }

    /** How many pairs have the higher reward, in half precision, for the chosen answer. */
    public Proportion accuracy() {
        return new Proportion(right, pairs);
    }

    /**
     * The mean loss: a number of half precision, or infinity.
     *
     * @throws IllegalStateException if no pair was added
     */
    public double loss() {
        if (pairs == 0) {
            throw new IllegalStateException("no pair was added, so there is no loss");
        }
        float[] repeated = new float[pairs];
        for (int step = 0; step < pairs; step += PAIRS_PER_STEP) {
            int end = Math.min(step + PAIRS_PER_STEP, pairs);
            Arrays.fill(repeated, step, end, torchMean(losses, step, end));
        }
        return numpyMean(repeated);
    }

    /**
     * The line of {@code generated_predictions.jsonl} for a pair, with two decimals and without a
     * line's end, as {@code json.dumps} wrote it. That file had no end of its last line.
     *
     * @throws IllegalArgumentException if a reward is beyond half precision, or not a number
     */
    public static String prediction(float chosen, float rejected) {
        return "{\"accept\": "
                + decimals(half(chosen))
                + ", \"reject\": "
                + decimals(half(rejected))
                + "}";
    }

    /** {@code -torch.log(torch.sigmoid(accept - reject))}. */
    private static float pairLoss(float accept, float reject) {
        float difference = HalfPrecision.round(accept - reject);
        float likelihood = HalfPrecision.round(1 / (1 + (float) StrictMath.exp(-difference)));
        return -HalfPrecision.round((float) StrictMath.log(likelihood));
    }

    /** In float64 the sum of a few halves is exact, so that the order of a GPU does not matter. */
    private static float torchMean(float[] values, int from, int to) {
        double sum = 0;
        for (int i = from; i < to; i++) {
            sum += values[i];
        }
        return HalfPrecision.round((float) sum * (1f / (to - from)));
    }

    private static float numpyMean(float[] halves) {
        float sum = 0;
        for (int from = 0; from < halves.length; from += NUMPY_BUFFER) {
            sum += numpySum(halves, from, Math.min(NUMPY_BUFFER, halves.length - from));
        }
        return HalfPrecision.round((double) sum / halves.length);
    }

    /** NumPy's pairwise summation ({@code pairwise_sum} in {@code loops_utils.h.src}). */
    private static float numpySum(float[] values, int from, int count) {
        if (count > NUMPY_BLOCK) {
            int half = count / 2 - count / 2 % NUMPY_LANES;
            return numpySum(values, from, half) + numpySum(values, from + half, count - half);
        }
        int inLanes = count - count % NUMPY_LANES;
        float[] lanes = new float[NUMPY_LANES];
        for (int i = 0; i < inLanes; i++) {
            lanes[i % NUMPY_LANES] += values[from + i];
        }
        float sum =
                ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3]))
                        + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
        for (int i = inLanes; i < count; i++) {
            sum += values[from + i];
        }
        return sum;
    }

    /** Python's {@code repr(round(value, 2))}: from the exact value, a half to the even digit. */
    private static String decimals(float value) {
        BigDecimal rounded = new BigDecimal(value).setScale(2, RoundingMode.HALF_EVEN);
        String digits = rounded.abs().toPlainString();
        String sign = Float.floatToRawIntBits(value) < 0 ? "-" : "";
        return sign + (digits.endsWith("0") ? digits.substring(0, digits.length() - 1) : digits);
    }
}
