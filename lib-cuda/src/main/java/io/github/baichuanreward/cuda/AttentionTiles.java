package io.github.baichuanreward.cuda;

import java.util.Arrays;

/**
 * Attention's work lists, as arrays of {@code AttentionTile}: segment and tile of its queries, two
 * integers each. Blocks of the GPU start in this order, so the dearest tiles stand first and the
 * cheap ones fill the end.
 */
final class AttentionTiles {

    private static final int QUERIES = Geometry.ATTENTION_QUERIES;

    private AttentionTiles() {}

    /** All tiles of all sequences. */
    static int[] all(int[] starts) {
        int count = 0;
        for (int s = 0; s < starts.length - 1; s++) {
            count += tiles(length(starts, s));
        }
        long[] keyed = new long[count];
        int[] unsorted = new int[2 * count];
        int at = 0;
        for (int s = 0; s < starts.length - 1; s++) {
            for (int tile = 0; tile < tiles(length(starts, s)); tile++) {
                unsorted[2 * at] = s;
                unsorted[2 * at + 1] = tile;
                keyed[at] = key(Math.min((tile + 1) * QUERIES, length(starts, s)), at);
                at++;
            }
        }
        return sorted(keyed, unsorted);
    }

    /** Of each sequence the tile that holds its last token. */
    static int[] last(int[] starts) {
        int count = starts.length - 1;
        long[] keyed = new long[count];
        int[] unsorted = new int[2 * count];
        for (int s = 0; s < count; s++) {
            unsorted[2 * s] = s;
            unsorted[2 * s + 1] = tiles(length(starts, s)) - 1;
            keyed[s] = key(length(starts, s), s);
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

    private static int length(int[] starts, int sequence) {
        return starts[sequence + 1] - starts[sequence];
    }

    private static int tiles(int length) {
        return (length + QUERIES - 1) / QUERIES;
    }
}
