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
 *
 * <p>Each weight {@code exp(score - largest)} is less by {@code exp(-32)}, or 0: that moves a row
 * by {@code 2 * keys * 1.3e-14} of its largest value at most, less than a five-hundredth of a
 * rounding for 4096 keys. So a key whose score is 32 below the largest has no part in the row, to
 * the bit, and tiles where ALiBi's bias makes that certain are left out: where scores spread by 1,
 * a head of slope 1/4 looks at some 200 keys.
 */
final class QueryTile {

    private static final int QUERIES = AttentionProducts.QUERIES;
    private static final int KEYS = AttentionProducts.KEYS;

    /** How far below the largest score a score has no weight. */
    private static final int NEGLIGIBLE = 32;

    /** What every weight is less by: that of such a score. */
    private static final float LEAST_WEIGHT = (float) Math.exp(-NEGLIGIBLE);

    /** For the roundings of scores, when they are bounded. */
    private static final float MARGIN = 1;

    /** What the scores of a head may add to the distance that its bias has to bridge. */
    private static final float LIKELY_SPREAD = 16;

    private final AttentionProducts products;
    private final ProductBounds bounds;
    private final int headDim;
    private final int hidden;
    private final float scale;
    private final Exponential exponential = new Exponential(QUERIES * KEYS);

    /** {@code column - row} of a tile. */
    private final float[] distances = new float[QUERIES * KEYS];

    /** Scores and then weights, a tile of keys each. */
    private final List<float[]> scores = new ArrayList<>();

    /** Of each tile of keys, whether it has no weight. */
    private boolean[] negligible = new boolean[0];

    private final float[] largest = new float[QUERIES * KEYS];
    private final float[] sums = new float[QUERIES * KEYS];
    private final float[] mixes;

    QueryTile(AttentionProducts products, int headDim, int hidden) {
        this.products = products;
        this.bounds = new ProductBounds(headDim, hidden);
        this.headDim = headDim;
        this.hidden = hidden;
        this.scale = (float) (1 / Math.sqrt(headDim));
        this.mixes = new float[QUERIES * headDim];
        for (int i = 0; i < distances.length; i++) {
            distances[i] = i % KEYS - i / KEYS;
        }
    }

    /**
     * How many tiles of keys a tile of queries looks at, where scores spread by a few units; a
     * guess that decides the order of work and no result.
     */
    static int likelyReach(float slope) {
        float keys = (NEGLIGIBLE + LIKELY_SPREAD) / slope;
        return (int) Math.min(keys / KEYS, 1 << 20) + 2;
    }

    /** See {@link AttentionProducts#load}. */
    void load(float[] qkv, Segment segment, int rows, int head) {
        int tiles = (rows + KEYS - 1) / KEYS;
        if (negligible.length < tiles) {
            negligible = new boolean[tiles];
        }
        bounds.load(qkv, segment, rows, head);
        products.load(qkv, segment, rows, head);
    }

    /** See {@link AttentionProducts#unload}. */
    void unload() {
        bounds.unload();
        products.unload();
    }

    /**
     * Attention of queries to keys of what was loaded.
     *
     * @param context {@code [rows, hidden]}
     * @param at where in {@code context} this head's part of the first query's row would lie; may
     *     be negative where {@code skipped} is not 0
     * @param firstQuery row in the sequence, a multiple of {@link AttentionProducts#QUERIES}
     * @param skipped queries at the front of the tile that are not written
     * @param queries queries of the tile that are there
     * @param slope this head's slope
     */
    void attend(float[] context, int at, int firstQuery, int skipped, int queries, float slope) {
        int tiles = (firstQuery + queries + KEYS - 1) / KEYS;
        products.queries(firstQuery);
        scoreAll(tiles, firstQuery, queries, slope);
        spreadLargest(queries);
        Arrays.fill(sums, 0, queries * KEYS, 0);
        for (int tile = 0; tile < tiles; tile++) {
            if (!negligible[tile]) {
                mix(tile, queries);
            }
        }
        products.context(mixes);
        for (int r = skipped; r < queries; r++) {
            int row = r * headDim;
            divide(mixes, row, row + headDim, sumOfRow(r));
            System.arraycopy(mixes, row, context, at + r * hidden, headDim);
        }
    }

    /** Scores of all tiles of keys that may have a weight, and the largest. */
    private void scoreAll(int tiles, int firstQuery, int queries, float slope) {
        Arrays.fill(largest, 0, queries * KEYS, Float.NEGATIVE_INFINITY);
        float lowest = Float.NaN;
        float queryNorm = Float.NaN;
        // The nearest first: then it is known what the others would have to reach.
        for (int tile = tiles - 1; tile >= 0; tile--) {
            int nearest = firstQuery - (tile + 1) * KEYS + 1;
            negligible[tile] = false;
            if (slope * nearest > NEGLIGIBLE) {
                if (Float.isNaN(lowest)) {
                    lowest = lowestLargest(queries);
                    queryNorm = bounds.queryNorm(firstQuery, queries);
                }
                float highest = bounds.product(queryNorm, tile) * scale - slope * nearest;
                negligible[tile] = highest < lowest - NEGLIGIBLE - MARGIN;
            }
            if (!negligible[tile]) {
                score(tile, firstQuery - tile * KEYS, queries, slope);
            }
        }
    }

    /** The largest score of each row so far, of the row where it is lowest. */
    private float lowestLargest(int queries) {
        float lowest = Float.POSITIVE_INFINITY;
        for (int r = 0; r < queries; r++) {
            lowest = Math.min(lowest, largestOfRow(r));
        }
        return lowest;
    }

    /** Scores of one tile of keys, and the largest so far. */
    private void score(int tile, int distance, int queries, float slope) {
        while (tile >= scores.size()) {
            scores.add(new float[QUERIES * KEYS]);
        }
        float[] s = scores.get(tile);
        products.scores(s, tile);
        addDistance(s, distances, queries * KEYS, scale, slope, distance);
        // Tiles before that of the queries lie before each of them.
        for (int r = 0; r < queries && distance + r + 1 < KEYS; r++) {
            int later = Math.max(0, distance + r + 1);
            Arrays.fill(s, r * KEYS + later, (r + 1) * KEYS, Float.NEGATIVE_INFINITY);
        }
        largest(largest, s, queries * KEYS);
    }

    /** Weights of one tile of keys, their sums so far, and the values mixed by them. */
    private void mix(int tile, int queries) {
        float[] s = scores.get(tile);
        exponential.apply(s, largest, queries * KEYS);
        dropLeast(s, sums, queries * KEYS);
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

    /** Makes 0 of what is negligible, and adds the rest to the sums. */
    private static void dropLeast(float[] weights, float[] sums, int count) {
        for (int i = 0; i < count; i++) {
            float weight = Math.max(weights[i] - LEAST_WEIGHT, 0);
            weights[i] = weight;
            sums[i] += weight;
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
            Arrays.fill(largest, r * KEYS, (r + 1) * KEYS, largestOfRow(r));
        }
    }

    private float largestOfRow(int r) {
        float most = Float.NEGATIVE_INFINITY;
        for (int i = r * KEYS; i < (r + 1) * KEYS; i++) {
            most = Math.max(most, largest[i]);
        }
        return most;
    }

    private float sumOfRow(int r) {
        double sum0 = 0;
        double sum1 = 0;
        double sum2 = 0;
        double sum3 = 0;
        for (int i = r * KEYS; i < (r + 1) * KEYS; i += 4) {
            sum0 += sums[i];
            sum1 += sums[i + 1];
            sum2 += sums[i + 2];
            sum3 += sums[i + 3];
        }
        return (float) ((sum0 + sum1) + (sum2 + sum3));
    }
}
