package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.batch.Segment;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class AttentionTilesTest {

    @Test
    void everyRowIsInOneTileAndTheDearestComeFirst() {
        List<Segment> segments =
                List.of(
                        Segment.of(0, 1),
                        Segment.of(1, 129),
                        Segment.of(130, 128),
                        new Segment(258, 342, 1, 129, true),
                        new Segment(600, 1, 1, 129, true));
        int[] tiles = AttentionTiles.all(segments);

        boolean[] seen = new boolean[601];
        int before = Integer.MAX_VALUE;
        for (int i = 0; i < tiles.length; i += 2) {
            Segment segment = segments.get(tiles[i]);
            int first = segment.start() + tiles[i + 1] * Geometry.ATTENTION_QUERIES;
            int past = Math.min(first + Geometry.ATTENTION_QUERIES, segment.end());
            assertThat(first).isLessThan(segment.end());
            for (int row = first; row < past; row++) {
                assertThat(seen[row]).as("row %d", row).isFalse();
                seen[row] = true;
            }
            int keys = segment.prefixLength() + past - segment.start();
            assertThat(keys).isLessThanOrEqualTo(before);
            before = keys;
        }
        assertThat(seen).doesNotContain(false);
    }

    @Test
    void lastTilesHoldLastTokens() {
        List<Segment> segments =
                List.of(
                        Segment.of(0, 1),
                        Segment.of(1, 128),
                        Segment.of(129, 129),
                        Segment.of(258, 342));

        assertThat(pairs(AttentionTiles.last(segments)))
                .containsExactly(List.of(3, 2), List.of(2, 1), List.of(1, 0), List.of(0, 0));
    }

    @Test
    void noLastTileIsAPrefixs() {
        List<Segment> segments =
                List.of(
                        new Segment(0, 200, 0, 0, false),
                        new Segment(200, 5, 0, 200, true),
                        new Segment(205, 130, 0, 200, true));

        assertThat(pairs(AttentionTiles.last(segments)))
                .containsExactly(List.of(2, 1), List.of(1, 0));
    }

    private static List<List<Integer>> pairs(int[] tiles) {
        List<List<Integer>> pairs = new ArrayList<>();
        for (int i = 0; i < tiles.length; i += 2) {
            pairs.add(List.of(tiles[i], tiles[i + 1]));
        }
        return pairs;
    }
}
