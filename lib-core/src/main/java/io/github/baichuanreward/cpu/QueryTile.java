package io.github.baichuanreward.cpu;

import io.github.baichuanreward.batch.Segment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Attention of one tile of queries to all keys before them: what one thread works on at a time.
 *
 * <p>The scores of a tile are kept until the largest of each row is known, {@code 4 * QUERIES}
 * bytes a key: 1 MiB for 4096 keys. The softmax runs over whole tiles at one index, where the
 * compiler vectorises it: the largest score and the sum of the weights are first found for each
 * column of the tiles, and then for each row.
 */
final class QueryTile {

    private static final int QUERIES = AttentionProducts.QUERIES;
    private static final int KEYS = AttentionProducts.KEYS;

    private final AttentionProducts products;
    private final int headDim;
    private final float scale;
    private final Exponential exponential = new Exponential();

    /** {@code column - row} of a tile. */
    private final float[] distances = new float[QUERIES * KEYS];

    /** Scores and then weights, a tile of keys each. */
    private final List<float[]> scores = new ArrayList<>();

    private final float[] largest = new float[QUERIES * KEYS];
    private final float[] sums = new float[QUERIES * KEYS];
    private final float[] mixes;

    QueryTile(AttentionProducts products, int headDim) {
        this.products = products;
        this.headDim = headDim;
        this.scale = (float) (1 / Math.sqrt(headDim));
        this.mixes = new float[QUERIES * headDim];
        for (int i = 0; i < distances.length; i++) {
            distances[i] = i % KEYS - i / KEYS;
        }
    }

    /** See {@link AttentionProducts#load}. */
    void load(float[] qkv, Segment segment, int rows, int head) {
        products.load(qkv, segment, rows, head);
    }

    /**
     * Attention of queries to keys of what was loaded.
     *
     * @param context {@code [rows, hidden]}
     * @param at where in {@code context} this head's part of the first query's row would lie; may
     *     be negative where {@code skipped} is not 0
     * @param hidden width of a row of {@code context}
     * @param firstQuery row in the sequence, a multiple of {@link AttentionProducts#QUERIES}
     * @param skipped queries at the front of the tile that are not written
     * @param queries queries of the tile that are there
     * @param slope this head's slope
     */
    void attend(
            float[] context,
            int at,
            int hidden,
            int firstQuery,
            int skipped,
            int queries,
            float slope) {
        int tiles = (firstQuery + queries + KEYS - 1) / KEYS;
        products.queries(firstQuery);
        for (int tile = 0; tile < tiles; tile++) {
            score(tile, firstQuery - tile * KEYS, queries, slope);
        }
        spreadLargest(queries);
        for (int tile = 0; tile < tiles; tile++) {
            mix(tile, queries);
        }
        products.context(mixes);
        for (int r = skipped; r < queries; r++) {
            int row = r * headDim;
            divide(mixes, row, row + headDim, sumOfRow(r));
            System.arraycopy(mixes, row, context, at + r * hidden, headDim);
        }
    }

    /** Scores of one tile of keys, and the largest so far. */
    private void score(int tile, int distance, int queries, float slope) {
        if (tile == scores.size()) {
            scores.add(new float[QUERIES * KEYS]);
        }
        float[] s = scores.get(tile);
        products.scores(s, tile);
        addDistance(s, distances, queries * KEYS, scale, slope, distance);
        for (int r = 0; r < queries; r++) {
            int later = Math.max(0, Math.min(KEYS, distance + r + 1));
            Arrays.fill(s, r * KEYS + later, (r + 1) * KEYS, Float.NEGATIVE_INFINITY);
        }
        if (tile == 0) {
            System.arraycopy(s, 0, largest, 0, queries * KEYS);
        } else {
            largest(largest, s, queries * KEYS);
        }
    }

    /** Weights of one tile of keys, their sums so far, and the values mixed by them. */
    private void mix(int tile, int queries) {
        float[] s = scores.get(tile);
        subtract(s, largest, queries * KEYS);
        exponential.apply(s, 0, queries * KEYS);
        if (tile == 0) {
            System.arraycopy(s, 0, sums, 0, queries * KEYS);
        } else {
            add(sums, s, queries * KEYS);
        }
        products.mix(s, tile);
    }

    /** Distances are exact in float32, as the distance of tiles is a sum of integers. */
    private static void addDistance(
            float[] s, float[] distances, int count, float scale, float slope, float distance) {
        for (int i = 0; i < count; i++) {
            s[i] = s[i] * scale + slope * (distances[i] - distance);
        }
    }

    private static void largest(float[] largest, float[] s, int count) {
        for (int i = 0; i < count; i++) {
            largest[i] = Math.max(largest[i], s[i]);
        }
    }

    private static void subtract(float[] s, float[] largest, int count) {
        for (int i = 0; i < count; i++) {
            s[i] -= largest[i];
        }
    }

    private static void add(float[] sums, float[] weights, int count) {
        for (int i = 0; i < count; i++) {
            sums[i] += weights[i];
        }
    }

    private static void divide(float[] mixes, int from, int to, float sum) {
        for (int i = from; i < to; i++) {
            mixes[i] /= sum;
        }
    }

    /** Puts the largest score of each row, NaN if one is, at all of its columns. */
    private void spreadLargest(int queries) {
        for (int r = 0; r < queries; r++) {
            float most = Float.NEGATIVE_INFINITY;
            for (int i = r * KEYS; i < (r + 1) * KEYS; i++) {
                most = Math.max(most, largest[i]);
            }
            Arrays.fill(largest, r * KEYS, (r + 1) * KEYS, most);
        }
    }

    private float sumOfRow(int r) {
        double sum = 0;
        for (int i = r * KEYS; i < (r + 1) * KEYS; i++) {
            sum += sums[i];
        }
        return (float) sum;
    }
}
