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
 * The products of attention by oneDNN, in float32, always of whole tiles: two shapes in all.
 *
 * <p>Holds in native memory {@code 8 * headDim} bytes for each row of the longest sequence seen.
 */
final class OneDnnAttention implements AttentionProducts, AutoCloseable {

    private final OneDnnLane lane;
    private final Function<Shape, Product> compiled;
    private final Shape scoreShape;
    private final Shape mixShape;
    private final int headDim;
    private final int hidden;

    private final NativeFloats queries = new NativeFloats();
    private final NativeFloats keys = new NativeFloats();
    private final NativeFloats values = new NativeFloats();
    private final NativeFloats tile = new NativeFloats();
    private final NativeFloats mixes = new NativeFloats();
    private final float[] zeros;

    private float[] qkv = new float[0];
    private Segment segment = Segment.of(0, 1);
    private int rows;
    private int head;

    OneDnnAttention(OneDnn oneDnn, Function<Shape, Product> compiled, int headDim, int hidden) {
        this.lane = new OneDnnLane(oneDnn);
        this.compiled = compiled;
        this.scoreShape = scoreShape(headDim);
        this.mixShape = mixShape(headDim);
        this.headDim = headDim;
        this.hidden = hidden;
        this.zeros = new float[QUERIES * headDim];
    }

    /** All that will be asked of {@code compiled}. */
    static List<Shape> shapes(int headDim) {
        return List.of(scoreShape(headDim), mixShape(headDim));
    }

    private static Shape scoreShape(int headDim) {
        return Shape.of(QUERIES, KEYS, headDim, DType.FLOAT32, DType.FLOAT32);
    }

    private static Shape mixShape(int headDim) {
        return new Shape(
                QUERIES,
                headDim,
                KEYS,
                DType.FLOAT32,
                DType.FLOAT32,
                Layout.INNER_BY_COLUMNS,
                Sum.ADD);
    }

    @Override
    public void load(float[] qkv, Segment segment, int rows, int head) {
        lane.enter();
        this.qkv = qkv;
        this.segment = segment;
        this.rows = rows;
        this.head = head;
        int whole = (rows + KEYS - 1) / KEYS * KEYS;
        keys.reserve((long) whole * headDim);
        values.reserve((long) whole * headDim);
        copy(keys.buffer(), hidden, 0, rows);
        copy(values.buffer(), 2 * hidden, 0, rows);
        for (int row = rows; row < whole; row++) {
            values.buffer().put(row * headDim, zeros, 0, headDim);
        }
    }

    /** Rows of the loaded head, one after another. */
    private void copy(FloatBuffer to, int part, int first, int count) {
        int at = part + head * headDim;
        for (int row = 0; row < count; row++) {
            to.put(row * headDim, qkv, at + segment.row(first + row) * 3 * hidden, headDim);
        }
    }

    @Override
    public void queries(int firstQuery) {
        tile.reserve(QUERIES * KEYS);
        queries.reserve((long) QUERIES * headDim);
        mixes.reserve((long) QUERIES * headDim);
        copy(queries.buffer(), 0, firstQuery, Math.min(QUERIES, rows - firstQuery));
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
        lane.run(
                compiled.apply(mixShape),
                tile.address(),
                values.address() + tileBytes(keyTile),
                mixes.address());
    }

    private long tileBytes(int keyTile) {
        return (long) keyTile * KEYS * headDim * Float.BYTES;
    }

    @Override
    public void context(float[] context) {
        mixes.buffer().get(0, context);
    }

    @Override
    public void close() {
        lane.close();
        queries.close();
        keys.close();
        values.close();
        tile.close();
        mixes.close();
    }
}
