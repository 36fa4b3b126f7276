package io.github.baichuanreward.eval;

import java.math.BigDecimal;
import java.math.BigInteger;

/**
 * A sum of doubles that is rounded only when it is asked for: it is the nearest double to the true
 * sum, whatever the order of the values and however many there are.
 *
 * <p>It is one long number of fixed point, in limbs of 32 bits with room above them for carries
 * (Neal, 2015, "Fast exact summation using small and large superaccumulators").
 */
final class ExactSum {

    private static final int LIMB_BITS = 32;
    private static final long LIMB_MASK = 0xffff_ffffL;

    /** What the lowest bit of the lowest limb counts. */
    private static final BigDecimal UNIT = new BigDecimal(Double.MIN_VALUE);

    /** An addition changes a limb by less than 2^33, and a limb holds 2^63. */
    private static final int ADDITIONS_BETWEEN_CARRIES = 1 << 29;

    /** From 2^-1074 to 2^1024, and above that for the number of values. */
    private final long[] limbs = new long[(1074 + 1024) / LIMB_BITS + 3];

    private final int additionsBetweenCarries;
    private int additions;

    ExactSum() {
        this(ADDITIONS_BETWEEN_CARRIES);
    }

    /** A sum that carries more often than it must. */
    ExactSum(int additionsBetweenCarries) {
        this.additionsBetweenCarries = additionsBetweenCarries;
    }

    /**
     * Adds a value.
     *
     * @throws IllegalArgumentException if it is not finite
     */
    void add(double value) {
        if (!Double.isFinite(value)) {
            throw new IllegalArgumentException(value + " has no place in a sum");
        }
        if (++additions == additionsBetweenCarries) {
            carry();
            additions = 0;
        }
        long bits = Double.doubleToRawLongBits(value);
        long sign = bits >> 63; // 0 or -1: x ^ sign - sign is x or -x
        int exponent = Math.getExponent(value) + Double.MAX_EXPONENT;
        long fraction = bits & 0xf_ffff_ffff_ffffL;
        long mantissa = exponent == 0 ? fraction : fraction | 1L << 52;
        int position = Math.max(exponent, 1) - 1;
        int limb = position / LIMB_BITS;
        int shift = position % LIMB_BITS;
        long low = (mantissa & LIMB_MASK) << shift;
        long high = (mantissa >>> LIMB_BITS) << shift;
        limbs[limb] += ((low & LIMB_MASK) ^ sign) - sign;
        limbs[limb + 1] += (((low >>> LIMB_BITS) + (high & LIMB_MASK)) ^ sign) - sign;
        limbs[limb + 2] += ((high >>> LIMB_BITS) ^ sign) - sign;
    }

    /** The double nearest to the sum, of two the even one; an infinity if it is beyond them. */
    double value() {
        BigInteger sum = BigInteger.ZERO;
        for (int limb = limbs.length - 1; limb >= 0; limb--) {
            sum = sum.shiftLeft(LIMB_BITS).add(BigInteger.valueOf(limbs[limb]));
        }
        return UNIT.multiply(new BigDecimal(sum)).doubleValue();
    }

    private void carry() {
        for (int limb = 0; limb < limbs.length - 1; limb++) {
            limbs[limb + 1] += limbs[limb] >> LIMB_BITS;
            limbs[limb] &= LIMB_MASK;
        }
    }
}
