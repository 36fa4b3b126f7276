package io.github.baichuanreward.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class BatchPlannerTest {

    @Test
    void takesTheFirstAndThenWhateverFitsTheEarlierFirst() {
        PackedBatch batch =
                BatchPlanner.next(
                        List.of(own(1, 60), own(2, 50), own(3, 30), own(4, 20)), 100, 100);

        assertThat(batch.order()).containsExactly(0, 2);
        assertThat(batch.tokens()).hasSize(90);
        assertThat(batch.segments()).containsExactly(Segment.of(0, 60), Segment.of(60, 30));
    }

    @Test
    void computesASharedPrefixOnce() {
        List<int[]> waiting = List.of(answer(7, 40, 1, 5), own(2, 8), answer(7, 40, 3, 6));
        PackedBatch batch = BatchPlanner.next(waiting, 100, 100);

        assertThat(batch.segments())
                .containsExactly(
                        new Segment(0, 40, 0, 0, false),
                        new Segment(40, 5, 0, 40, true),
                        new Segment(45, 6, 0, 40, true),
                        Segment.of(51, 8));
        assertThat(batch.order()).containsExactly(0, 2, 1);
        assertThat(batch.sequences()).isEqualTo(3);
        for (int s = 1; s < 4; s++) {
            Segment segment = batch.segments().get(s);
            int[] sequence = new int[segment.positions()];
            Arrays.setAll(sequence, p -> batch.tokens()[segment.row(p)]);
            assertThat(sequence).isEqualTo(waiting.get(batch.order()[s - 1]));
        }
    }

    @Test
    void dividesAGroupThatNoBatchHolds() {
        List<int[]> waiting = new ArrayList<>();
        for (int s = 0; s < 5; s++) {
            waiting.add(answer(7, 40, 100 + s, 20));
        }
        PackedBatch batch = BatchPlanner.next(waiting, 100, 100);

        assertThat(batch.tokens()).hasSize(100);
        assertThat(batch.order()).containsExactly(0, 1, 2);
    }

    @Test
    void aGroupMayBeLargerWhereThatIsAllowed() {
        List<int[]> waiting = new ArrayList<>();
        for (int s = 0; s < 5; s++) {
            waiting.add(answer(7, 40, 100 + s, 20));
        }
        waiting.add(own(2, 10));

        assertThat(BatchPlanner.next(waiting, 100, 150).order()).containsExactly(0, 1, 2, 3, 4);
        assertThat(BatchPlanner.next(waiting, 100, 120).order()).containsExactly(0, 1, 2, 3);
        assertThat(BatchPlanner.next(waiting, 150, 150).order()).containsExactly(0, 1, 2, 3, 4, 5);
        waiting.add(0, own(3, 10));
        assertThat(BatchPlanner.next(waiting, 100, 150).order()).containsExactly(0, 6);
    }

    /** As one that a system prompt makes of all that waits. */
    @Test
    void aGroupWithAShortPrefixIsNeitherLargerNorKeptTogether() {
        List<int[]> waiting = new ArrayList<>();
        for (int s = 0; s < 20; s++) {
            waiting.add(answer(7, 20, 100 + s, 40));
        }
        assertThat(BatchPlanner.next(waiting, 400, 4000).tokens()).hasSize(380);
        waiting.add(0, own(3, 60));
        PackedBatch behind = BatchPlanner.next(waiting, 400, 4000);
        assertThat(behind.tokens()).hasSize(60 + 20 + 8 * 40);
        assertThat(behind.segments().get(1)).isEqualTo(new Segment(60, 20, 0, 0, false));
    }

    @Test
    void whatDoesNotFitIsPassedBy() {
        List<int[]> waiting =
                List.of(answer(7, 20, 1, 10), answer(7, 20, 2, 200), answer(7, 20, 3, 10));

        assertThat(BatchPlanner.next(waiting, 100, 100).order()).containsExactly(0, 2);
    }

    @Test
    void leavesAGroupThatDoesNotFitBehindOthersToABatchOfItsOwn() {
        List<int[]> waiting = List.of(own(1, 60), answer(7, 40, 2, 5), answer(7, 40, 3, 5));

        assertThat(BatchPlanner.next(waiting, 100, 100).order()).containsExactly(0);
        assertThat(BatchPlanner.next(waiting.subList(1, 3), 100, 100).order())
                .containsExactly(0, 1);
    }

    @Test
    void givesASequenceBeyondTheBudgetABatchOfItsOwn() {
        List<int[]> waiting = List.of(answer(7, 40, 1, 80), answer(7, 40, 2, 5));
        PackedBatch batch = BatchPlanner.next(waiting, 100, 100);

        assertThat(batch.order()).containsExactly(0);
        assertThat(batch.segments()).containsExactly(Segment.of(0, 120));
    }

    /** Lengths as texts have them: without padding, little of a batch stays empty. */
    @Test
    void batchesAreFullThoughNothingIsSorted() {
        Random random = new Random(1);
        List<int[]> waiting = new ArrayList<>();
        long all = 0;
        for (int s = 0; s < 2000; s++) {
            int length = (int) Math.min(4096, 400 * Math.exp(0.7 * random.nextGaussian()) + 1);
            waiting.add(own(s + 1, length));
            all += length;
        }
        int batches = 0;
        while (!waiting.isEmpty()) {
            List<int[]> window = waiting.subList(0, Math.min(160, waiting.size()));
            PackedBatch batch = BatchPlanner.next(window, 4096, 4096);
            assertThat(batch.tokens().length).isLessThanOrEqualTo(4096);
            assertThat(batch.order()[0]).isZero();
            int[] taken = batch.order().clone();
            Arrays.sort(taken);
            for (int i = taken.length - 1; i >= 0; i--) {
                waiting.remove(taken[i]);
            }
            batches++;
        }
        assertThat(all / (4096.0 * batches)).isGreaterThan(0.985);
    }

    @Test
    void refusesABudgetOfNothing() {
        assertThatThrownBy(() -> BatchPlanner.next(List.of(own(1, 1)), 0, 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("token budget is 0; at least 1");
    }

    private static int[] own(int id, int length) {
        int[] ids = new int[length];
        Arrays.fill(ids, id);
        return ids;
    }

    private static int[] answer(int prompt, int promptLength, int id, int length) {
        int[] ids = new int[promptLength + length];
        Arrays.fill(ids, 0, promptLength, prompt);
        Arrays.fill(ids, promptLength, ids.length, id);
        return ids;
    }
}
