package io.github.baichuanreward.cpu;

/**
 * {@code exp(x)} of many floats {@code x <= 0}, differences from the largest of their kind, about
 * four times as fast as {@link Math#exp} one by one.
 *
 * <p>{@code exp(x) = 2^n * exp(r)} with {@code n} the integer next to {@code x / ln 2} and {@code
 * |r| <= ln 2 / 2}, where a polynomial of degree 7 does. All but the last step run in loops that
 * the compiler vectorises: nothing but sums and products, on arrays read at one index. The power of
 * two is put together from bits, which it does not vectorise, so that has a loop of its own.
 *
 * <p>The result is within 1 ulp of the true value, denormal results included. Below -103.98 it is
 * 0, as the true value rounds; NaN stays NaN. Nothing is fused, so a value has the same bits at
 * every place and on every processor.
 *
 * <p>Holds scratch memory: one object for each thread.
 */
final class Exponential {

    /** Floats that go through all steps together; what they need stays in the first cache. */
    static final int BLOCK = 512;

    /** Rounded to 0, and far enough from 0 that {@code n + 64} is no exponent of a denormal. */
    private static final float LOWEST = -104;

    /** {@code 1.5 * 2^23}: added, it rounds to an integer, which then is in the lowest bits. */
    private static final float ROUNDING = 0x1.8p23f;

    private static final float LOG2_E = 0x1.715476p0f;

    /** The first nine bits of {@code ln 2}: times an {@code n} of up to 15 bits it is exact. */
    private static final float LN2_HIGH = 0x1.63p-1f;

    /** The rest: {@code ln 2 = LN2_HIGH + LN2_LOW}. */
    private static final float LN2_LOW = -0x1.bd0106p-13f;

    /** Keeps what is not yet rounded out of the denormal range. */
    private static final int LIFT = 64;

    private static final int MANTISSA_BITS = 23;
    private static final int LIFTED_ONE = (127 + LIFT) << MANTISSA_BITS;
    private static final float UNLIFT = 0x1p-64f;

    private final float[] rests;
    private final float[] powers;
    private final float[] values;

    /**
     * For arrays that are not longer.
     *
     * @param length scratch memory is three times that
     */
    Exponential(int length) {
        rests = new float[length];
        powers = new float[length];
        values = new float[length];
    }

    /**
     * {@code x[i] = exp(x[i] - largest[i])} for {@code i < count}.
     *
     * @param x values of at most {@code largest}, or NaN
     */
    void apply(float[] x, float[] largest, int count) {
        for (int from = 0; from < count; from += BLOCK) {
            int end = Math.min(from + BLOCK, count);
            reduce(powers, rests, x, largest, from, end);
            polynomial(values, rests, from, end);
            scale(x, values, powers, from, end);
        }
    }

    /**
     * Splits the difference into {@code n}, in the lowest bits of {@code powers}, and {@code r}.
     */
    private static void reduce(
            float[] powers, float[] rests, float[] x, float[] largest, int from, int end) {
        for (int i = from; i < end; i++) {
            float difference = Math.max(x[i] - largest[i], LOWEST);
            float power = difference * LOG2_E + ROUNDING;
            float n = power - ROUNDING;
            powers[i] = power;
            rests[i] = (difference - n * LN2_HIGH) - n * LN2_LOW;
        }
    }

    /** The polynomial of Cephes' {@code expf}. */
    private static void polynomial(float[] values, float[] rests, int from, int end) {
        for (int i = from; i < end; i++) {
            float r = rests[i];
            float p = 1.9875691e-4f;
            p = p * r + 0.0013981999f;
            p = p * r + 0.008333452f;
            p = p * r + 0.041665796f;
            p = p * r + 0.16666666f;
            p = p * r + 0.5f;
            values[i] = p * (r * r) + r + 1;
        }
    }

    private static void scale(float[] x, float[] values, float[] powers, int from, int end) {
        for (int i = from; i < end; i++) {
            int n = Float.floatToRawIntBits(powers[i]) << MANTISSA_BITS;
            x[i] = values[i] * Float.intBitsToFloat(n + LIFTED_ONE) * UNLIFT;
        }
    }
}
