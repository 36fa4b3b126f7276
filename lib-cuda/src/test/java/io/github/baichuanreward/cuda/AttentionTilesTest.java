package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class AttentionTilesTest {

    @Test
    void everyRowIsInOneTileAndTheDearestComeFirst() {
        int[] starts = {0, 1, 130, 258, 600};
        int[] tiles = AttentionTiles.all(starts);

        boolean[] seen = new boolean[600];
        int before = Integer.MAX_VALUE;
        for (int i = 0; i < tiles.length; i += 2) {
            int start = starts[tiles[i]];
            int end = starts[tiles[i] + 1];
            int first = start + tiles[i + 1] * Geometry.ATTENTION_QUERIES;
            int last = Math.min(first + Geometry.ATTENTION_QUERIES, end);
            assertThat(first).isLessThan(end);
            for (int row = first; row < last; row++) {
                assertThat(seen[row]).as("row %d", row).isFalse();
                seen[row] = true;
            }
            assertThat(last - start).isLessThanOrEqualTo(before);
            before = last - start;
        }
        assertThat(seen).doesNotContain(false);
    }

    @Test
    void lastTilesHoldLastTokens() {
        int[] starts = {0, 1, 129, 258, 600};

        assertThat(pairs(AttentionTiles.last(starts)))
                .containsExactly(List.of(3, 2), List.of(2, 1), List.of(1, 0), List.of(0, 0));
    }

    private static List<List<Integer>> pairs(int[] tiles) {
        List<List<Integer>> pairs = new ArrayList<>();
        for (int i = 0; i < tiles.length; i += 2) {
            pairs.add(List.of(tiles[i], tiles[i + 1]));
        }
        return pairs;
    }
}
