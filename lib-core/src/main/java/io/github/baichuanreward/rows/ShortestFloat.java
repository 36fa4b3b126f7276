package io.github.baichuanreward.rows;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;

/**
 * Writes a float as the shortest decimal that reads back as the same float.
 *
 * <p>This is what {@link Float#toString(float)} promises, and does since Java 19. Before, it now
 * and then wrote a digit too many (JDK-4511638: {@code 1.10000005E10} for {@code 1.1E10f}), so that
 * the same reward would look different under Java 17 and Java 25.
 */
public final class ShortestFloat {

    /** Nine digits always tell two floats apart. */
    private static final int MOST_DIGITS = 9;

    private ShortestFloat() {}

    /**
     * The decimal of {@code value}.
     *
     * @param value any float; NaN and the infinities give the names that {@link Float#toString}
     *     uses, which are not JSON
     */
    public static String toString(float value) {
        if (value == 0 || Float.isNaN(value) || Float.isInfinite(value)) {
            return Float.toString(value);
        }
        String sign = value < 0 ? "-" : "";
        return sign + format(shortest(Math.abs(value)));
    }

    /**
     * The decimal of the fewest digits that reads back as {@code value}, and of those the nearest.
     */
    private static BigDecimal shortest(float value) {
        BigDecimal exact = new BigDecimal(value);
        // Two digits are the fewest that are ever printed, so a second digit costs nothing.
        for (int digits = 2; digits < MOST_DIGITS; digits++) {
            // The nearest decimal may lie outside where the one on the other side lies inside:
            // below a
            // power of two the floats are twice as dense.
            BigDecimal below = exact.round(new MathContext(digits, RoundingMode.DOWN));
            BigDecimal above = exact.round(new MathContext(digits, RoundingMode.UP));
            boolean belowReads = Float.parseFloat(below.toString()) == value;
            boolean aboveReads = Float.parseFloat(above.toString()) == value;
            if (belowReads && aboveReads) {
                return exact.round(new MathContext(digits, RoundingMode.HALF_EVEN));
            }
            if (belowReads || aboveReads) {
                return belowReads ? below : above;
            }
        }
        return exact.round(new MathContext(MOST_DIGITS, RoundingMode.HALF_EVEN));
    }

    /**
     * Plain from 0.001 up to, not including, 10 million; else with an exponent, as Java prints
     * floats.
     */
    private static String format(BigDecimal value) {
        String digits = value.stripTrailingZeros().unscaledValue().toString();
        int exponent = value.precision() - value.scale() - 1;
        if (exponent >= 7 || exponent < -3) {
            String fraction = digits.length() == 1 ? "0" : digits.substring(1);
            return digits.charAt(0) + "." + fraction + "E" + exponent;
        }
        String plain = value.stripTrailingZeros().toPlainString();
        return plain.contains(".") ? plain : plain + ".0";
    }
}
