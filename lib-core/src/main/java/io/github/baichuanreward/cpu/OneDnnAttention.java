package io.github.baichuanreward.cpu;

import io.github.baichuanreward.batch.Segment;
import io.github.baichuanreward.checkpoint.DType;
import io.github.baichuanreward.cpu.OneDnn.Layout;
import io.github.baichuanreward.cpu.OneDnn.Product;
import io.github.baichuanreward.cpu.OneDnn.Shape;
import io.github.baichuanreward.cpu.OneDnn.Sum;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.function.Function;

/**
 * The products of attention by oneDNN, always of whole tiles: two shapes in all. Their factors are
 * float32, or rounded to bfloat16; sums are float32.
 *
 * <p>Holds in native memory {@code 8 * headDim} bytes for each row of the longest sequence seen, or
 * {@code 4 * headDim} in bfloat16.
 */
final class OneDnnAttention implements AttentionProducts, AutoCloseable {

    private static final float[] NOTHING = {};

    private final OneDnnLane lane;
    private final Function<Shape, Product> compiled;
    private final DType input;
    private final Shape scoreShape;
    private final Shape mixShape;
    private final int headDim;
    private final int hidden;

    private final NativeFloats queries = new NativeFloats();
    private final NativeFloats keys = new NativeFloats();
    private final NativeFloats values = new NativeFloats();
    private final NativeFloats tile = new NativeFloats();
    private final NativeFloats roundedTile = new NativeFloats();
    private final NativeFloats unrounded = new NativeFloats();
    private final NativeFloats mixes = new NativeFloats();
    private final float[] zeros;

    private float[] qkv = NOTHING;
    private Segment segment = Segment.of(0, 1);
    private int rows;
    private int head;

    /**
     * Makes none of the products yet.
     *
     * @param input type of the factors: {@code FLOAT32} or {@code BFLOAT16}
     */
    OneDnnAttention(
            OneDnn oneDnn,
            Function<Shape, Product> compiled,
            DType input,
            int headDim,
            int hidden) {
        this.lane = new OneDnnLane(oneDnn);
        this.compiled = compiled;
        this.input = input;
        this.scoreShape = scoreShape(headDim, input);
        this.mixShape = mixShape(headDim, input);
        this.headDim = headDim;
        this.hidden = hidden;
        this.zeros = new float[QUERIES * headDim];
    }

    /** All that will be asked of {@code compiled}. */
    static List<Shape> shapes(int headDim, DType input) {
        return List.of(scoreShape(headDim, input), mixShape(headDim, input));
    }

    private static Shape scoreShape(int headDim, DType input) {
        return Shape.of(QUERIES, KEYS, headDim, input, input);
    }

    private static Shape mixShape(int headDim, DType input) {
        return new Shape(QUERIES, headDim, KEYS, input, input, Layout.INNER_BY_COLUMNS, Sum.ADD);
    }

    @Override
    public void load(float[] qkv, Segment segment, int rows, int head) {
        lane.enter();
        this.qkv = qkv;
        this.segment = segment;
        this.rows = rows;
        this.head = head;
        int tiles = (rows + KEYS - 1) / KEYS;
        keys.reserve(tiles * floats(KEYS * headDim));
        values.reserve(tiles * floats(KEYS * headDim));
        for (int t = 0; t < tiles; t++) {
            take(keys, t * floats(KEYS * headDim), hidden, t * KEYS);
            take(values, t * floats(KEYS * headDim), 2 * hidden, t * KEYS);
        }
    }

    /** How much room so many factors take. */
    private long floats(int factors) {
        return (long) factors * input.bytes() / Float.BYTES;
    }

    /**
     * Rows of the loaded head, as many as a tile has, be it of queries or of keys; zeros for those
     * that are not there.
     */
    private void take(NativeFloats to, long place, int part, int first) {
        int count = Math.min(KEYS, rows - first);
        if (input == DType.FLOAT32) {
            copy(to.buffer(), (int) place, part, first, count);
            return;
        }
        unrounded.reserve((long) KEYS * headDim);
        copy(unrounded.buffer(), 0, part, first, count);
        lane.round(unrounded.address(), to.address() + place * Float.BYTES, KEYS * headDim);
    }

    private void copy(FloatBuffer to, int place, int part, int first, int count) {
        int at = part + head * headDim;
        for (int row = 0; row < count; row++) {
            to.put(place + row * headDim, qkv, at + segment.row(first + row) * 3 * hidden, headDim);
        }
        to.put(place + count * headDim, zeros, 0, (KEYS - count) * headDim);
    }

    @Override
    public void queries(int firstQuery) {
        tile.reserve(QUERIES * KEYS);
        roundedTile.reserve(floats(QUERIES * KEYS));
        queries.reserve(floats(QUERIES * headDim));
        mixes.reserve((long) QUERIES * headDim);
        take(queries, 0, 0, firstQuery);
        mixes.buffer().put(0, zeros);
    }

    @Override
    public void scores(float[] scores, int keyTile) {
        lane.run(
                compiled.apply(scoreShape),
                queries.address(),
                keys.address() + tileBytes(keyTile),
                tile.address());
        tile.buffer().get(0, scores);
    }

    @Override
    public void mix(float[] weights, int keyTile) {
        tile.buffer().put(0, weights);
        long factors = tile.address();
        if (input != DType.FLOAT32) {
            lane.round(factors, roundedTile.address(), QUERIES * KEYS);
            factors = roundedTile.address();
        }
        lane.run(
                compiled.apply(mixShape),
                factors,
                values.address() + tileBytes(keyTile),
                mixes.address());
    }

    private long tileBytes(int keyTile) {
        return (long) keyTile * KEYS * headDim * input.bytes();
    }

    @Override
    public void context(float[] context) {
        mixes.buffer().get(0, context);
    }

    @Override
    public void unload() {
        qkv = NOTHING;
    }

    @Override
    public void close() {
        lane.close();
        queries.close();
        keys.close();
        values.close();
        tile.close();
        roundedTile.close();
        unrounded.close();
        mixes.close();
    }
}
