package io.github.baichuanreward.cuda;

import io.github.baichuanreward.batch.PackedBatch;
import io.github.baichuanreward.batch.Segment;
import java.nio.ByteBuffer;
import java.util.stream.IntStream;

/**
 * A batch as the kernels read it: written into one buffer, which goes to the device in one copy.
 *
 * @param tokens of all segments
 * @param sequences how many there are
 * @param ids {@code [tokens]}
 * @param attention all rows
 * @param lastAttention the tiles that hold last tokens
 * @param lastRows {@code [sequences]}: the row of each one's last token
 * @param bytes of all that was written
 */
record BatchInput(
        int tokens,
        int sequences,
        DeviceBuffer ids,
        Attention attention,
        Attention lastAttention,
        DeviceBuffer lastRows,
        long bytes) {

    /**
     * Attention's work.
     *
     * @param segments which rows belong together
     * @param tiles what of them is computed
     * @param tileCount how many tiles that are
     */
    record Attention(DeviceBuffer segments, DeviceBuffer tiles, int tileCount) {}

    /** Sections of the buffer, each of which may lie behind a gap. */
    private static final int SECTIONS = 5;

    /** Between sections, at most. */
    private static final int GAP = 256;

    /**
     * An id, a segment, a tile for the segment and as much as one for each 128 rows, a last tile
     * and a last row: what a token costs that is a sequence of its own.
     */
    private static final int BYTES_A_TOKEN =
            Integer.BYTES + Launchers.SEGMENT_BYTES + 3 * Launchers.TILE_BYTES + Integer.BYTES;

    /** Room that suffices for any batch of so many tokens. */
    static long bytes(int tokens) {
        return (long) tokens * BYTES_A_TOKEN + SECTIONS * GAP;
    }

    /**
     * Writes a batch.
     *
     * @param target receives it
     * @return where its parts are in memory that is nowhere yet; see {@link #in}
     */
    static BatchInput write(ByteBuffer target, PackedBatch batch) {
        int[] segments =
                batch.segments().stream()
                        .flatMapToInt(
                                segment ->
                                        IntStream.of(
                                                segment.start(),
                                                segment.length(),
                                                segment.prefixStart(),
                                                segment.prefixLength()))
                        .toArray();
        int[] lastRows =
                batch.segments().stream()
                        .filter(Segment::scored)
                        .mapToInt(segment -> segment.end() - 1)
                        .toArray();
        int[] tiles = AttentionTiles.all(batch.segments());
        int[] lastTiles = AttentionTiles.last(batch.segments());
        Arena arena = new Arena(DeviceBuffer.nowhere(target.capacity()));
        DeviceBuffer allSegments = put(target, arena, segments);
        return new BatchInput(
                batch.tokens().length,
                batch.sequences(),
                put(target, arena, batch.tokens()),
                new Attention(allSegments, put(target, arena, tiles), tiles.length / 2),
                new Attention(allSegments, put(target, arena, lastTiles), lastTiles.length / 2),
                put(target, arena, lastRows),
                arena.used());
    }

    /** The same in other memory, that it is copied to as it was written. */
    BatchInput in(DeviceBuffer memory) {
        DeviceBuffer segments = moved(attention.segments(), memory);
        return new BatchInput(
                tokens,
                sequences,
                moved(ids, memory),
                new Attention(segments, moved(attention.tiles(), memory), attention.tileCount()),
                new Attention(
                        segments, moved(lastAttention.tiles(), memory), lastAttention.tileCount()),
                moved(lastRows, memory),
                bytes);
    }

    private static DeviceBuffer moved(DeviceBuffer piece, DeviceBuffer memory) {
        return memory.view(piece.offset(), piece.bytes());
    }

    private static DeviceBuffer put(ByteBuffer target, Arena arena, int[] values) {
        target.position((int) arena.used());
        target.asIntBuffer().put(values);
        return arena.take((long) values.length * Integer.BYTES);
    }
}
