package io.github.baichuanreward.cuda;

import io.github.baichuanreward.batch.Segment;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Attention's work lists, as arrays of {@code AttentionTile}: segment and tile of its queries, two
 * integers each. Blocks of the GPU start in this order, so the dearest tiles stand first and the
 * cheap ones fill the end.
 */
final class AttentionTiles {

    private static final int QUERIES = Geometry.ATTENTION_QUERIES;

    private AttentionTiles() {}

    /** All tiles of all segments. */
    static int[] all(List<Segment> segments) {
        int count = 0;
        for (Segment segment : segments) {
            count += tiles(segment);
        }
        long[] keyed = new long[count];
        int[] unsorted = new int[2 * count];
        int at = 0;
        for (int s = 0; s < segments.size(); s++) {
            Segment segment = segments.get(s);
            for (int tile = 0; tile < tiles(segment); tile++) {
                unsorted[2 * at] = s;
                unsorted[2 * at + 1] = tile;
                int past = Math.min((tile + 1) * QUERIES, segment.length());
                keyed[at] = key(segment.prefixLength() + past, at);
                at++;
            }
        }
        return sorted(keyed, unsorted);
    }

    /** Of each scored segment the tile that holds its last token. */
    static int[] last(List<Segment> segments) {
        int[] scored =
                IntStream.range(0, segments.size()).filter(s -> segments.get(s).scored()).toArray();
        long[] keyed = new long[scored.length];
        int[] unsorted = new int[2 * scored.length];
        for (int i = 0; i < scored.length; i++) {
            Segment segment = segments.get(scored[i]);
            unsorted[2 * i] = scored[i];
            unsorted[2 * i + 1] = tiles(segment) - 1;
            keyed[i] = key(segment.positions(), i);
        }
        return sorted(keyed, unsorted);
    }

    /** Most keys first, then by place. */
    private static long key(int keys, int place) {
        return ((long) -keys << 32) | place;
    }

    private static int[] sorted(long[] keyed, int[] unsorted) {
        Arrays.sort(keyed);
        int[] tiles = new int[unsorted.length];
        for (int i = 0; i < keyed.length; i++) {
            int place = (int) keyed[i];
            tiles[2 * i] = unsorted[2 * place];
            tiles[2 * i + 1] = unsorted[2 * place + 1];
        }
        return tiles;
    }

    private static int tiles(Segment segment) {
        return (segment.length() + QUERIES - 1) / QUERIES;
    }
}
