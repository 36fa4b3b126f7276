package io.github.baichuanreward.cpu;

import io.github.baichuanreward.batch.Segment;
import io.github.baichuanreward.checkpoint.CheckpointException;
import io.github.baichuanreward.model.BaichuanConfig;
import io.github.baichuanreward.model.BaichuanWeights;
import java.util.List;

/** One decoder layer on mapped weights. */
final class DecoderLayer {

    private final Workers workers;
    private final MatMul matMul;
    private final TiledAttention attention;
    private final BaichuanConfig config;
    private final float[] slopes;

    private final float[] inputNorm;
    private final AdaptedMatrix qkvProj;
    private final AdaptedMatrix outProj;
    private final float[] postNorm;
    private final AdaptedMatrix gateProj;
    private final AdaptedMatrix upProj;
    private final AdaptedMatrix downProj;

    DecoderLayer(
            Workers workers,
            MatMul matMul,
            TiledAttention attention,
            BaichuanConfig config,
            BaichuanWeights.Layer weights)
            throws CheckpointException {
        this.workers = workers;
        this.matMul = matMul;
        this.attention = attention;
        this.config = config;
        this.slopes = config.slopes();
        this.inputNorm = weights.inputNorm().toFloats();
        this.qkvProj = AdaptedMatrix.map(weights.qkv());
        this.outProj = AdaptedMatrix.map(weights.outProj());
        this.postNorm = weights.postNorm().toFloats();
        this.gateProj = AdaptedMatrix.map(weights.gate());
        this.upProj = AdaptedMatrix.map(weights.up());
        this.downProj = AdaptedMatrix.map(weights.down());
    }

    /**
     * Takes the residual stream through this layer.
     *
     * @param a {@code a.hidden} holds the rows of all tokens, and afterwards those that ask
     * @param segments which rows belong together
     * @param queryStarts {@code [segments + 1]}: the last {@code queryStarts[s + 1] -
     *     queryStarts[s]} rows of segment {@code s} ask and go on, packed in that order
     */
    void forward(Activations a, List<Segment> segments, int[] queryStarts) {
        int tokens = segments.get(segments.size() - 1).end();
        int rows = queryStarts[queryStarts.length - 1];
        rmsNorm(a.normed, a.hidden, inputNorm, tokens); // [tokens, hidden]
        matMul.multiply(a.qkv, a.normed, qkvProj, tokens); // [tokens, 3 * hidden]
        attention.run(a.context, a.qkv, slopes, segments, queryStarts); // [rows, hidden]
        keepQueries(a.hidden, segments, queryStarts); // [rows, hidden]
        matMul.multiplyAdd(a.hidden, a.context, outProj, rows);
        rmsNorm(a.normed, a.hidden, postNorm, rows); // [rows, hidden]
        matMul.multiplyGated(a.gated, a.normed, gateProj, upProj, rows); // [rows, intermediate]
        matMul.multiplyAdd(a.hidden, a.gated, downProj, rows);
    }

    private void rmsNorm(float[] y, float[] x, float[] weight, int rows) {
        workers.rows(
                rows,
                config.hidden(),
                (first, end) -> VectorOps.rmsNorm(y, x, weight, first, end, config.rmsNormEps()));
    }

    /**
     * Moves the rows that go on to the front; rows only move forward, so none is overwritten early.
     */
    private void keepQueries(float[] hidden, List<Segment> segments, int[] queryStarts) {
        int width = config.hidden();
        for (int s = 0; s < segments.size(); s++) {
            int queries = queryStarts[s + 1] - queryStarts[s];
            int first = segments.get(s).end() - queries;
            if (first > queryStarts[s]) { // else all so far go on: in every layer but the last
                System.arraycopy(
                        hidden, first * width, hidden, queryStarts[s] * width, queries * width);
            }
        }
    }
}
