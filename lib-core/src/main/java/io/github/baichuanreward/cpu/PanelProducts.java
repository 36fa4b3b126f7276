package io.github.baichuanreward.cpu;

import io.github.baichuanreward.batch.Segment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The products of attention in plain Java.
 *
 * <p>Holds {@code 8 * headDim} bytes for each row of the longest sequence seen.
 */
final class PanelProducts implements AttentionProducts {

    /** Fours of lines are added up together; see {@link Panel#multiply}. */
    private static final int FOUR = 4;

    /** Floats of the widest vector: narrower loops cost the same. */
    private static final int VECTOR = 16;

    private static final float[] NOTHING = {};

    private final int headDim;
    private final int hidden;

    /** Transposed: each {@code [headDim, KEYS]}. */
    private final List<Panel> keys = new ArrayList<>();

    /** Each {@code [KEYS, headDim]}. */
    private final List<Panel> values = new ArrayList<>();

    private final float[][] scoreSums = new float[Panel.BLOCK][KEYS];
    private final float[][] mixSums;
    private final float[] mixes;

    /** Where the keys of a tile lie. */
    private final int[] offsets = new int[KEYS];

    /** {@code [QUERIES, headDim]}, the tile that was taken. */
    private final float[] taken;

    private float[] qkv = NOTHING;
    private Segment segment = Segment.of(0, 1);
    private int rows;
    private int head;
    private int firstQuery;

    PanelProducts(int headDim, int hidden) {
        this.headDim = headDim;
        this.hidden = hidden;
        this.mixSums = new float[Panel.BLOCK][headDim];
        this.mixes = new float[QUERIES * headDim];
        this.taken = new float[QUERIES * headDim];
    }

    @Override
    public void load(float[] qkv, Segment segment, int rows, int head) {
        this.qkv = qkv;
        this.segment = segment;
        this.rows = rows;
        this.head = head;
        for (int tile = 0; tile * KEYS < rows; tile++) {
            if (tile == keys.size()) {
                keys.add(new Panel(headDim, KEYS));
                values.add(new Panel(KEYS, headDim));
            }
            loadKeys(keys.get(tile), tile * KEYS, Math.min(KEYS, rows - tile * KEYS));
            loadValues(values.get(tile), tile * KEYS, Math.min(KEYS, rows - tile * KEYS));
        }
    }

    private void loadKeys(Panel panel, int first, int count) {
        for (int c = 0; c < count; c++) {
            offsets[c] = offset(first + c) + hidden;
        }
        for (int d = 0; d < headDim; d++) {
            float[] line = panel.line(d);
            for (int c = 0; c < count; c++) {
                line[c] = qkv[offsets[c] + d];
            }
            Arrays.fill(line, count, KEYS, 0);
        }
    }

    private void loadValues(Panel panel, int first, int count) {
        for (int c = 0; c < count; c++) {
            int at = offset(first + c) + 2 * hidden;
            System.arraycopy(qkv, at, panel.line(c), 0, headDim);
        }
        for (int c = count; c < KEYS; c++) {
            Arrays.fill(panel.line(c), 0);
        }
    }

    @Override
    public void queries(int firstQuery) {
        this.firstQuery = firstQuery;
        Arrays.fill(mixes, 0);
        for (int r = 0; r < queries(); r++) {
            System.arraycopy(qkv, offset(firstQuery + r), taken, r * headDim, headDim);
        }
    }

    @Override
    public void scores(float[] scores, int keyTile) {
        int width = present(keyTile, VECTOR);
        int queries = queries();
        for (int r = 0; r < queries; r += Panel.BLOCK) {
            int block = Math.min(Panel.BLOCK, queries - r);
            keys.get(keyTile)
                    .multiply(scoreSums, taken, r * headDim, headDim, block, width, headDim);
            for (int b = 0; b < block; b++) {
                System.arraycopy(scoreSums[b], 0, scores, (r + b) * KEYS, width);
            }
        }
    }

    @Override
    public void mix(float[] weights, int keyTile) {
        int depth = present(keyTile, FOUR);
        int queries = queries();
        for (int r = 0; r < queries; r += Panel.BLOCK) {
            int block = Math.min(Panel.BLOCK, queries - r);
            values.get(keyTile).multiply(mixSums, weights, r * KEYS, KEYS, block, headDim, depth);
            for (int b = 0; b < block; b++) {
                add(mixes, (r + b) * headDim, mixSums[b]);
            }
        }
    }

    private static void add(float[] mixes, int at, float[] sums) {
        for (int d = 0; d < sums.length; d++) {
            mixes[at + d] += sums[d];
        }
    }

    @Override
    public void context(float[] context) {
        System.arraycopy(mixes, 0, context, 0, queries() * headDim);
    }

    @Override
    public void unload() {
        qkv = NOTHING;
    }

    /** Where the query of a row of the sequence lies; its key and value are 1 and 2 hidden on. */
    private int offset(int row) {
        return segment.row(row) * 3 * hidden + head * headDim;
    }

    private int queries() {
        return Math.min(QUERIES, rows - firstQuery);
    }

    /** Keys of a tile that are there, in whole units; what is left out would add zeros. */
    private int present(int keyTile, int unit) {
        int count = Math.min(KEYS, rows - keyTile * KEYS);
        return (count + unit - 1) / unit * unit;
    }
}
