package io.github.baichuanreward.cuda;

/** Largest distances of a reward from the reference in float64. */
final class Tolerances {

    /** Halves with 8 bits; the original in bfloat16 is off by up to 0.35. */
    static final double BFLOAT16 = 0.06;

    /** Root mean square over all cases of all models. */
    static final double BFLOAT16_RMS = 0.02;

    /** Halves with 11 bits. */
    static final double FLOAT16 = 0.006;

    private Tolerances() {}
}
