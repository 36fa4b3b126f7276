package io.github.baichuanreward.cpu;

import io.github.baichuanreward.batch.Segment;

/**
 * The two products of attention on tiles of fixed size, for one head of one sequence at a time.
 *
 * <p>Tiles count from the start of the sequence, so a row's bits do not depend on where in a batch
 * its sequence lies. What is missing in a last tile counts as zeros: it must not depend on what was
 * loaded before, because it is multiplied with weights of 0, which NaN would survive.
 *
 * <p>One object belongs to one thread at a time; it owns copies of what it loads.
 */
interface AttentionProducts {

    /** Queries of one tile (Br). */
    int QUERIES = 64;

    /** Keys of one tile (Bc). */
    int KEYS = QUERIES;

    /**
     * Takes the keys and values of one head.
     *
     * @param qkv {@code [tokens, 3 * hidden]}; read until {@link #unload}
     * @param segment which rows of {@code qkv} are the sequence's
     * @param rows how many rows of the sequence are looked at, a shared prefix included; at least 1
     */
    void load(float[] qkv, Segment segment, int rows, int head);

    /**
     * Takes one tile of queries of the head and sequence that were loaded; mixes start anew.
     *
     * @param firstQuery row in the sequence, a multiple of {@link #QUERIES} below {@code rows}
     */
    void queries(int firstQuery);

    /**
     * {@code scores[r, c] = q[firstQuery + r] . k[keyTile * KEYS + c]}, not scaled.
     *
     * @param scores {@code [QUERIES, KEYS]}; rows and columns beyond the last row of the sequence
     *     are left undefined
     */
    void scores(float[] scores, int keyTile);

    /**
     * Adds {@code sum over c of weights[r, c] * v[keyTile * KEYS + c]} to the mix of each query.
     *
     * @param weights {@code [QUERIES, KEYS]}; 0 for keys beyond the last row of the sequence, while
     *     rows of queries beyond it are undefined
     */
    void mix(float[] weights, int keyTile);

    /**
     * Hands the mixes over.
     *
     * @param context {@code [QUERIES, headDim]}; rows beyond the last of the sequence are undefined
     */
    void context(float[] context);

    /**
     * Lets go of what was loaded: it is most of a batch's memory, and may be needed for another.
     */
    void unload();
}
