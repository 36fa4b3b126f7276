package io.github.baichuanreward.cuda;

import io.github.baichuanreward.cuda.AttentionTask.Shape;
import java.util.stream.IntStream;

/**
 * Attention in float64 on the host, from the numbers that the device has: what both ways are
 * compared with before they are measured, so that they do equal work.
 */
final class AttentionReference {

    /** Of a longer sequence, rows at both ends and between are compared. */
    private static final int ALL_ROWS = 64;

    private static final int[] SOME_OF_128 = {0, 1, 2, 31, 63, 64, 65, 100, 126, 127};

    private final Shape shape;
    private final float[] qkv;
    private final float[] slopes;

    AttentionReference(AttentionTask task) {
        this.shape = task.shape();
        this.qkv = task.values();
        this.slopes = shape.slopes();
    }

    /**
     * Compares a result: of the first and the last sequence, all heads.
     *
     * @return the largest distance of a head's row, relative to the row's length
     * @throws IllegalStateException if that is beyond {@code tolerance}, or not a number
     */
    double require(float[] context, double tolerance) {
        double worst = 0;
        for (int sequence : IntStream.of(0, shape.sequences() - 1).distinct().toArray()) {
            for (int query : queries()) {
                for (int head = 0; head < shape.heads(); head++) {
                    double error = error(context, sequence, query, head);
                    if (!(error <= tolerance)) {
                        throw new IllegalStateException(
                                "sequence %d, query %d, head %d: the relative error is %.2e, and at most %.2e is allowed"
                                        .formatted(sequence, query, head, error, tolerance));
                    }
                    worst = Math.max(worst, error);
                }
            }
        }
        return worst;
    }

    private int[] queries() {
        int tokens = shape.tokens();
        return tokens <= ALL_ROWS
                ? IntStream.range(0, tokens).toArray()
                : IntStream.of(SOME_OF_128)
                        .map(row -> (int) ((long) row * (tokens - 1) / 127))
                        .distinct()
                        .toArray();
    }

    private double error(float[] context, int sequence, int query, int head) {
        double[] expected = row(sequence, query, head);
        int at = (sequence * shape.tokens() + query) * shape.hidden() + head * shape.headDim();
        double distance = 0;
        double length = 0;
        for (int d = 0; d < expected.length; d++) {
            double difference = context[at + d] - expected[d];
            distance += difference * difference;
            length += expected[d] * expected[d];
        }
        return Math.sqrt(distance / length);
    }

    private double[] row(int sequence, int query, int head) {
        double[] scores = new double[query + 1];
        double most = Double.NEGATIVE_INFINITY;
        int queryAt = at(sequence, query, head, 0);
        for (int key = 0; key <= query; key++) {
            int keyAt = at(sequence, key, head, 1);
            double dot = 0;
            for (int d = 0; d < shape.headDim(); d++) {
                dot += (double) qkv[queryAt + d] * qkv[keyAt + d];
            }
            double bias = (double) slopes[head] * (key - query);
            scores[key] = dot / Math.sqrt(shape.headDim()) + bias;
            most = Math.max(most, scores[key]);
        }
        double[] row = new double[shape.headDim()];
        double sum = 0;
        for (int key = 0; key <= query; key++) {
            double weight = Math.exp(scores[key] - most);
            sum += weight;
            int valueAt = at(sequence, key, head, 2);
            for (int d = 0; d < row.length; d++) {
                row[d] += weight * qkv[valueAt + d];
            }
        }
        for (int d = 0; d < row.length; d++) {
            row[d] /= sum;
        }
        return row;
    }

    /** Where a head's part of a row is: of queries 0, keys 1, values 2. */
    private int at(int sequence, int token, int head, int part) {
        int row = sequence * shape.tokens() + token;
        return (3 * row + part) * shape.hidden() + head * shape.headDim();
    }
}
