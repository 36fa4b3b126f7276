package io.github.baichuanreward.cpu;

/**
 * {@code exp(x)} of many floats {@code x <= 0}, about four times as fast as {@link Math#exp} one by
 * one.
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

    private final float[] rests = new float[BLOCK];
    private final float[] powers = new float[BLOCK];
    private final float[] values = new float[BLOCK];

    /**
     * {@code x[i] = exp(x[i])} for {@code at <= i < at + count}.
     *
     * @param x values of at most 0, or NaN
     */
    void apply(float[] x, int at, int count) {
        for (int done = 0; done < count; done += BLOCK) {
            int block = Math.min(BLOCK, count - done);
            System.arraycopy(x, at + done, rests, 0, block);
            reduce(powers, rests, block);
            polynomial(values, rests, block);
            scale(x, at + done, values, powers, block);
        }
    }

    /** Splits {@code x} into {@code n}, in the lowest bits of {@code powers}, and {@code r}. */
    private static void reduce(float[] powers, float[] rests, int count) {
        for (int i = 0; i < count; i++) {
            float x = Math.max(rests[i], LOWEST);
            float power = x * LOG2_E + ROUNDING;
            float n = power - ROUNDING;
            powers[i] = power;
            rests[i] = (x - n * LN2_HIGH) - n * LN2_LOW;
        }
    }

    /** The polynomial of Cephes' {@code expf}. */
    private static void polynomial(float[] values, float[] rests, int count) {
        for (int i = 0; i < count; i++) {
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

    private static void scale(float[] x, int at, float[] values, float[] powers, int count) {
        for (int i = 0; i < count; i++) {
            int n = Float.floatToRawIntBits(powers[i]) << MANTISSA_BITS;
            x[at + i] = values[i] * Float.intBitsToFloat(n + LIFTED_ONE) * UNLIFT;
        }
    }
}
