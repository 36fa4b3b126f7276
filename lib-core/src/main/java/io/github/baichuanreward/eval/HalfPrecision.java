package io.github.baichuanreward.eval;

/** Numbers of half precision (float16), as the doubles or floats that they are. */
final class HalfPrecision {

    /** Bits behind the leading one. */
    private static final int FRACTION_BITS = 10;

    private static final int MIN_EXPONENT = -14;
    private static final double OVERFLOW = 0x1p16;

    private HalfPrecision() {}

    /**
     * The half nearest to a value, of two the even one; an infinity from 65520 on. One rounding,
     * where a double that becomes a float first would be rounded twice.
     */
    static float round(double value) {
        int exponent = Math.max(Math.getExponent(value), MIN_EXPONENT);
        double unit = Math.scalb(1.0, exponent - FRACTION_BITS);
        double rounded = Math.rint(value / unit) * unit;
        return Math.abs(rounded) >= OVERFLOW
                ? Math.copySign(Float.POSITIVE_INFINITY, (float) value)
                : (float) rounded;
    }
}
