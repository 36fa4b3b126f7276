package io.github.baichuanreward.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

class PackedBatchTest {

    private static final int[] ONE = {1};
    private static final int[] TWO = {2, 3};
    private static final int[] FIVE = {4, 5, 6, 7, 8};

    @Test
    void putsSequencesBehindOneAnotherWithoutPadding() {
        PackedBatch batch = PackedBatch.pack(List.of(TWO, ONE, FIVE), 100).get(0);

        assertThat(batch.tokens()).containsExactly(2, 3, 1, 4, 5, 6, 7, 8);
        assertThat(batch.segments())
                .containsExactly(Segment.of(0, 2), Segment.of(2, 1), Segment.of(3, 5));
        assertThat(batch.sequences()).isEqualTo(3);
    }

    @Test
    void startsABatchWhereTheBudgetWouldBePassed() {
        List<PackedBatch> batches = PackedBatch.pack(List.of(TWO, ONE, FIVE, TWO), 3);

        assertThat(batches).extracting(PackedBatch::sequences).containsExactly(2, 1, 1);
        assertThat(batches).extracting(b -> b.tokens().length).containsExactly(3, 5, 2);
    }

    @Test
    void fillsTheBudgetExactly() {
        assertThat(PackedBatch.pack(List.of(TWO, ONE, FIVE), 8)).hasSize(1);
        assertThat(PackedBatch.pack(List.of(TWO, ONE, FIVE), 7)).hasSize(2);
    }

    @Test
    void givesASequenceBeyondTheBudgetABatchOfItsOwn() {
        assertThat(PackedBatch.pack(List.of(FIVE, ONE), 2))
                .extracting(b -> b.tokens().length)
                .containsExactly(5, 1);
    }

    @Test
    void scattersRewardsToThePlacesOfTheirSequences() {
        float[] all = new float[4];
        float next = 1;
        for (PackedBatch batch : PackedBatch.pack(List.of(TWO, ONE, FIVE, TWO), 3)) {
            float[] rewards = new float[batch.sequences()];
            for (int s = 0; s < rewards.length; s++) {
                rewards[s] = next++;
            }
            batch.scatter(all, rewards);
        }
        assertThat(all).containsExactly(1, 2, 3, 4);
    }

    @Test
    void makesNoBatchOfNoSequences() {
        assertThat(PackedBatch.pack(List.of(), 10)).isEmpty();
    }

    @Test
    void namesAnEmptySequence() {
        assertThatThrownBy(() -> PackedBatch.pack(List.of(ONE, new int[0]), 10))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("sequence 1 is empty");
    }

    @Test
    void refusesABudgetOfNothing() {
        assertThatThrownBy(() -> PackedBatch.pack(List.of(ONE), 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("token budget is 0; at least 1");
    }
}
