package io.github.baichuanreward.eval;

import java.util.Locale;

/**
 * Numbers as people read them: few digits, thousands apart, a true minus sign, and words for what
 * is no number.
 */
final class NumberText {

    /** Between a number and its unit. */
    private static final String SPACE = "\u00A0";

    /** Stands where there is nothing to count. */
    static final String NONE = "–";

    private NumberText() {}

    static String count(long count) {
        return String.format(Locale.ROOT, "%,d", count);
    }

    /** A share such as 88.8 %; only all is 100 %, and only none is 0 %. */
    static String percent(Proportion share, int decimals) {
        if (share.of() == 0) {
            return NONE;
        }
        double least = Math.pow(10, -decimals);
        double percent = 100 * share.value();
        if (share.count() > 0 && percent < least / 2) {
            return "<" + SPACE + fixed(least, decimals) + SPACE + "%";
        }
        if (share.count() < share.of() && percent > 100 - least / 2) {
            return ">" + SPACE + fixed(100 - least, decimals) + SPACE + "%";
        }
        return fixed(percent, decimals) + SPACE + "%";
    }

    /** A share that is not a count of pairs, such as 3.1 %. */
    static String percent(double share, int decimals) {
        return Double.isFinite(share) ? fixed(100 * share, decimals) + SPACE + "%" : words(share);
    }

    /** The 95 % interval of a share, such as 88.3–89.2 %. */
    static String interval(Proportion share, int decimals) {
        if (share.of() == 0) {
            return NONE;
        }
        return fixed(100 * share.lower(), decimals)
                + "–"
                + fixed(100 * share.upper(), decimals)
                + SPACE
                + "%";
    }

    static String loss(double loss) {
        return Double.isFinite(loss) ? fixed(loss, 4) : words(loss);
    }

    /** A reward or a difference of two, such as −0.452. */
    static String reward(double reward) {
        if (!Double.isFinite(reward)) {
            return words(reward);
        }
        double size = Math.abs(reward);
        return size < 1e6 && (size >= 1e-3 || size == 0) ? fixed(reward, 3) : scientific(reward);
    }

    /** The same with a plus sign where it is positive. */
    static String difference(double difference) {
        return (difference > 0 ? "+" : "") + reward(difference);
    }

    /** Three digits that count, such as 19.7 or 0.0213. */
    static String rate(double rate) {
        if (!Double.isFinite(rate)) {
            return words(rate);
        }
        if (rate == 0) {
            return "0";
        }
        int digits = (int) Math.floor(Math.log10(Math.abs(rate))) + 1;
        return digits < -6 ? scientific(rate) : fixed(rate, Math.max(0, 3 - digits));
    }

    /** Seconds such as 12.3 s, or 1 h 2 min. */
    static String duration(double seconds) {
        if (!Double.isFinite(seconds)) {
            return words(seconds);
        }
        if (seconds < 120) {
            return rate(seconds) + SPACE + "s";
        }
        long minutes = Math.round(seconds / 60);
        return minutes < 120
                ? minutes + SPACE + "min"
                : minutes / 60 + SPACE + "h " + minutes % 60 + SPACE + "min";
    }

    /** A mark of an axis whose marks are {@code step} apart. */
    static String tick(double value, double step) {
        double size = Math.abs(value);
        if (size >= 1e6 || (step < 1e-4 && size != 0)) {
            return scientific(value);
        }
        if (size >= 1e4 && step >= 100) {
            return fixed(value / 1000, step < 1000 ? 1 : 0) + "k";
        }
        return fixed(value, (int) Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
    }

    private static String fixed(double value, int decimals) {
        String text = String.format(Locale.ROOT, "%,." + decimals + "f", value);
        boolean isZero = text.chars().noneMatch(digit -> digit >= '1' && digit <= '9');
        return isZero ? text.replace("-", "") : text.replace('-', '\u2212');
    }

    private static String scientific(double value) {
        return String.format(Locale.ROOT, "%.3g", value).replace('-', '\u2212');
    }

    private static String words(double value) {
        if (Double.isNaN(value)) {
            return "undefined";
        }
        return value > 0 ? "infinite" : "minus infinity";
    }
}
