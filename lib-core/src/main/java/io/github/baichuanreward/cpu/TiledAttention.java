package io.github.baichuanreward.cpu;

import io.github.baichuanreward.batch.Segment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Supplier;

/**
 * {@link CpuOps#alibiAttention} of all heads and sequences of a batch, in tiles.
 *
 * <p>Tiles have one size and count from the start of each sequence, a shared prefix included, and a
 * tile of queries is computed whole where only some of its rows ask. A row's bits depend on the
 * rows before it in its own sequence and on nothing else: not on the batch, the number of threads,
 * which rows ask or who shares its prefix. A row that is not finite can reach rows before it that
 * share its tile, where the plain loops would keep them apart; the last row of the sequence is then
 * not finite in either.
 *
 * <p>Holds for each thread a copy of one head's keys and values, {@code 8 * headDim} bytes a row of
 * the longest sequence seen, and 256 bytes a row of scores.
 */
final class TiledAttention {

    private static final int QUERIES = AttentionProducts.QUERIES;

    /** Pieces for each thread, so that none waits long for the last. */
    private static final int PIECES = 4;

    private final Workers workers;
    private final List<QueryTile> tiles;
    private final int headDim;
    private final int hidden;

    /** Tiles of queries of one head of one segment; they share the loaded keys and values. */
    private record Piece(int segment, int head, int firstTile, int endTile, int cost) {

        /**
         * Finds the cost, in products of two tiles, once: pieces are compared many times.
         *
         * @param reach tiles that a tile of queries looks at, where there are so many
         */
        static Piece of(int segment, int head, int firstTile, int endTile, int reach) {
            int cost = 0;
            for (int tile = firstTile; tile < endTile; tile++) {
                cost += Math.min(tile + 1, reach);
            }
            return new Piece(segment, head, firstTile, endTile, cost);
        }
    }

    TiledAttention(Workers workers, Supplier<AttentionProducts> products, int headDim, int hidden) {
        this.workers = workers;
        this.tiles = new ArrayList<>();
        for (int w = 0; w < workers.count(); w++) {
            tiles.add(new QueryTile(products.get(), headDim, hidden));
        }
        this.headDim = headDim;
        this.hidden = hidden;
    }

    /**
     * Attention of the rows that ask.
     *
     * @param context {@code [queries, hidden]}
     * @param qkv {@code [tokens, 3 * hidden]}
     * @param slopes one for each head
     * @param segments which rows of {@code qkv} belong together
     * @param queryStarts {@code [segments + 1]}: first row of each segment in {@code context}; its
     *     last rows ask
     */
    void run(
            float[] context,
            float[] qkv,
            float[] slopes,
            List<Segment> segments,
            int[] queryStarts) {
        List<Piece> pieces = pieces(slopes, segments, queryStarts);
        try {
            workers.run(
                    pieces.size(),
                    (worker, task) -> {
                        Piece piece = pieces.get(task);
                        float slope = slopes[piece.head()];
                        int s = piece.segment();
                        Segment segment = segments.get(s);
                        run(
                                tiles.get(worker),
                                piece,
                                context,
                                qkv,
                                slope,
                                segment,
                                queryStarts[s],
                                queries(s, queryStarts));
                    });
        } finally {
            tiles.forEach(QueryTile::unload);
        }
    }

    /** The most expensive first: the cheap ones at the end fill the gaps. */
    private List<Piece> pieces(float[] slopes, List<Segment> segments, int[] queryStarts) {
        int heads = slopes.length;
        int all = 0;
        for (int s = 0; s < segments.size(); s++) {
            Segment segment = segments.get(s);
            all += heads * (endTile(segment) - firstTile(segment, queries(s, queryStarts)));
        }
        int most = Math.max(1, all / (PIECES * workers.count()));
        List<Piece> pieces = new ArrayList<>();
        for (int s = 0; s < segments.size(); s++) {
            int first = firstTile(segments.get(s), queries(s, queryStarts));
            int count = endTile(segments.get(s)) - first;
            int parts = (count + most - 1) / most;
            for (int head = 0; head < heads; head++) {
                int reach = QueryTile.likelyReach(slopes[head]);
                for (int p = 0; p < parts; p++) {
                    pieces.add(
                            Piece.of(
                                    s,
                                    head,
                                    first + count * p / parts,
                                    first + count * (p + 1) / parts,
                                    reach));
                }
            }
        }
        pieces.sort(Comparator.comparingInt(Piece::cost).reversed());
        return pieces;
    }

    private static int queries(int s, int[] queryStarts) {
        return queryStarts[s + 1] - queryStarts[s];
    }

    /** The tile of the first query; behind the last one where nobody asks. */
    private static int firstTile(Segment segment, int queries) {
        return queries == 0 ? endTile(segment) : (segment.positions() - queries) / QUERIES;
    }

    private static int endTile(Segment segment) {
        return (segment.positions() + QUERIES - 1) / QUERIES;
    }

    private void run(
            QueryTile tile,
            Piece piece,
            float[] context,
            float[] qkv,
            float slope,
            Segment segment,
            int queryStart,
            int queries) {
        int positions = segment.positions();
        int silent = positions - queries;
        int end = Math.min(positions, piece.endTile() * QUERIES);
        tile.load(qkv, segment, end, piece.head());
        for (int first = piece.firstTile() * QUERIES; first < end; first += QUERIES) {
            tile.attend(
                    context,
                    (queryStart + first - silent) * hidden + piece.head() * headDim,
                    first,
                    Math.max(0, silent - first),
                    Math.min(QUERIES, positions - first),
                    slope);
        }
    }
}
