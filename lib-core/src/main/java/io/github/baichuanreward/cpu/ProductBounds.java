package io.github.baichuanreward.cpu;

import io.github.baichuanreward.batch.Segment;
import java.util.Arrays;

/**
 * How large the products of queries with a tile of keys can be: no product of two vectors is larger
 * than that of their norms (Cauchy and Schwarz).
 *
 * <p>Norms are found when they are first asked for: a head that looks at all keys needs none.
 */
final class ProductBounds {

    private static final int KEYS = AttentionProducts.KEYS;

    /** For the roundings of queries and keys, to bfloat16 at worst, and of norms. */
    private static final float MARGIN = 1.01f;

    /** Of a tile whose norm is not known yet. */
    private static final float UNKNOWN = -1;

    private static final float[] NOTHING = {};

    private final int headDim;
    private final int hidden;
    private float[] keyNorms = NOTHING;
    private float[] qkv = NOTHING;
    private Segment segment = Segment.of(0, 1);
    private int rows;
    private int head;

    ProductBounds(int headDim, int hidden) {
        this.headDim = headDim;
        this.hidden = hidden;
    }

    /** See {@link AttentionProducts#load}. */
    void load(float[] qkv, Segment segment, int rows, int head) {
        this.qkv = qkv;
        this.segment = segment;
        this.rows = rows;
        this.head = head;
        int tiles = (rows + KEYS - 1) / KEYS;
        if (keyNorms.length < tiles) {
            keyNorms = new float[tiles];
        }
        Arrays.fill(keyNorms, 0, tiles, UNKNOWN);
    }

    /** See {@link AttentionProducts#unload}. */
    void unload() {
        qkv = NOTHING;
    }

    /** The largest norm of some queries. */
    float queryNorm(int firstQuery, int queries) {
        return norm(0, firstQuery, queries);
    }

    /**
     * A bound of the products with all keys of a tile, which are not scaled. Infinite or NaN where
     * a query, a key or a value of the tile is not finite, or its square is not.
     */
    float product(float queryNorm, int keyTile) {
        if (keyNorms[keyTile] == UNKNOWN) {
            int first = keyTile * KEYS;
            int count = Math.min(KEYS, rows - first);
            keyNorms[keyTile] = norm(hidden, first, count) + 0 * norm(2 * hidden, first, count);
        }
        return queryNorm * keyNorms[keyTile] * MARGIN;
    }

    /** The largest norm of some rows of one part of {@code qkv}. */
    private float norm(int part, int firstRow, int count) {
        float most = 0;
        for (int row = firstRow; row < firstRow + count; row++) {
            int at = segment.row(row) * 3 * hidden + part + head * headDim;
            most = Math.max(most, sumOfSquares(qkv, at, headDim));
        }
        return (float) Math.sqrt(most);
    }

    /** Four sums at once do not wait for one another as one does. */
    private static float sumOfSquares(float[] x, int at, int count) {
        float sum0 = 0;
        float sum1 = 0;
        float sum2 = 0;
        float sum3 = 0;
        int i = at;
        for (; i + 4 <= at + count; i += 4) {
            sum0 += x[i] * x[i];
            sum1 += x[i + 1] * x[i + 1];
            sum2 += x[i + 2] * x[i + 2];
            sum3 += x[i + 3] * x[i + 3];
        }
        for (; i < at + count; i++) {
            sum0 += x[i] * x[i];
        }
        return (sum0 + sum1) + (sum2 + sum3);
    }
}
