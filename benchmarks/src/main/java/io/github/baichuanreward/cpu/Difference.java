package io.github.baichuanreward.cpu;

/** The check before each benchmark here: the speed of a wrong result would mean nothing. */
final class Difference {

    private Difference() {}

    /**
     * Compares a result with that of the other implementation.
     *
     * @throws IllegalStateException if an element differs by more than {@code tolerance}, or is not
     *     a number
     */
    static void require(float[] found, float[] expected, float tolerance) {
        for (int i = 0; i < expected.length; i++) {
            if (!(Math.abs(found[i] - expected[i]) <= tolerance)) {
                throw new IllegalStateException(
                        "element %d is %s; the other implementation gives %s"
                                .formatted(i, found[i], expected[i]));
            }
        }
    }
}
