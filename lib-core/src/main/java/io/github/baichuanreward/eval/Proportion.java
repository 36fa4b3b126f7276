package io.github.baichuanreward.eval;

/**
 * How many of how many, with the interval in which the true share lies.
 *
 * @param count how many; from 0 to {@code of}
 * @param of of how many; from 0
 */
public record Proportion(long count, long of) {

    /** The quantile of the normal distribution that leaves 2.5 % above it. */
    private static final double Z = 1.959963984540054;

    /**
     * Checks the counts.
     *
     * @throws IllegalArgumentException if they are negative, or more than all
     */
    public Proportion {
        if (count < 0 || count > of) {
            throw new IllegalArgumentException(count + " of " + of);
        }
    }

    /** The share, or NaN of none. */
    public double value() {
        return (double) count / of;
    }

    /** Lower end of the 95 % interval (Wilson's score interval, 1927), or NaN of none. */
    public double lower() {
        return centre() - radius();
    }

    /** Upper end of the 95 % interval, or NaN of none. */
    public double upper() {
        return centre() + radius();
    }

    private double centre() {
        return (count + Z * Z / 2) / (of + Z * Z);
    }

    private double radius() {
        double share = value();
        return Z * Math.sqrt(of * share * (1 - share) + Z * Z / 4) / (of + Z * Z);
    }
}
