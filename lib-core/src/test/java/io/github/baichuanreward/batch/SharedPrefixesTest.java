package io.github.baichuanreward.batch;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.batch.SharedPrefixes.Group;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SharedPrefixesTest {

    private static final int SHORTEST = SharedPrefixes.SHORTEST;

    @Test
    void answersToOnePromptAreOneGroupWhereverTheyStand() {
        int[] prompt = ids(1, 40);
        int[] other = ids(2, 40);
        List<int[]> sequences =
                List.of(
                        join(prompt, 7),
                        ids(3, 9),
                        join(other, 5),
                        join(prompt, 8),
                        join(other, 6, 1));

        assertThat(SharedPrefixes.find(sequences))
                .containsExactly(
                        new Group(40, List.of(0, 3)),
                        new Group(0, List.of(1)),
                        new Group(40, List.of(2, 4)));
    }

    @Test
    void everySequenceKeepsAtLeastOneIdOfItsOwn() {
        int[] prompt = ids(1, 40);

        assertThat(SharedPrefixes.find(List.of(prompt, prompt, join(prompt, 5))))
                .containsExactly(new Group(39, List.of(0, 1, 2)));
    }

    @Test
    void aShortPrefixIsNotShared() {
        List<int[]> sequences =
                List.of(join(ids(1, SHORTEST - 1), 7), join(ids(1, SHORTEST - 1), 8));

        assertThat(SharedPrefixes.find(sequences)).hasSize(2);
        assertThat(
                        SharedPrefixes.find(
                                List.of(join(ids(1, SHORTEST), 7), join(ids(1, SHORTEST), 8))))
                .containsExactly(new Group(SHORTEST, List.of(0, 1)));
    }

    /** As a system prompt before many prompts, of which some have several answers. */
    @Test
    void theLongerPrefixWinsWhereItSavesMore() {
        int[] system = ids(1, 30);
        int[] prompt = join(system, ids(2, 50));
        List<int[]> sequences =
                List.of(
                        join(prompt, 1),
                        join(prompt, 2),
                        join(prompt, 3),
                        join(system, 4, 4),
                        join(system, 5, 5));

        assertThat(SharedPrefixes.find(sequences))
                .containsExactly(new Group(80, List.of(0, 1, 2)), new Group(30, List.of(3, 4)));
    }

    @Test
    void theShorterPrefixWinsWhereItSavesMore() {
        int[] system = ids(1, 30);
        List<int[]> sequences = new ArrayList<>();
        for (int s = 0; s < 6; s++) {
            sequences.add(join(system, s / 2, s));
        }

        assertThat(SharedPrefixes.find(sequences))
                .containsExactly(new Group(30, List.of(0, 1, 2, 3, 4, 5)));
    }

    /** All ways to divide them are tried; to find the best one always would take longer. */
    @Test
    void hardlyAnyOtherGroupsSaveMore() {
        long all = 0;
        long most = 0;
        Random random = new Random(5);
        for (int round = 0; round < 300; round++) {
            List<int[]> sequences = new ArrayList<>();
            for (int s = 0; s < 7; s++) {
                int[] ids = new int[1 + random.nextInt(5)];
                Arrays.setAll(ids, i -> random.nextInt(2));
                // Runs as long as the shortest prefix, so that what is shared may be worth it.
                sequences.add(Arrays.stream(ids).flatMap(id -> run(id)).toArray());
            }
            List<Group> groups = SharedPrefixes.find(sequences);

            assertThat(groups.stream().flatMap(group -> group.sequences().stream()))
                    .containsExactlyInAnyOrder(0, 1, 2, 3, 4, 5, 6);
            for (Group group : groups) {
                assertThat(group.prefix()).isEqualTo(prefix(sequences, group.sequences()));
            }
            long saved = groups.stream().mapToLong(Group::saved).sum();
            long best = best(sequences, new int[7], 0, 0);
            assertThat(saved).as("round %d", round).isBetween(best * 3 / 4, best);
            all += saved;
            most += best;
        }
        assertThat((double) all / most).isGreaterThan(0.99);
    }

    @Test
    void aChainOfPrefixesNeedsNoDeepStack() {
        List<int[]> sequences = new ArrayList<>();
        for (int length = 1; length <= 3000; length++) {
            sequences.add(new int[length]);
        }
        assertThat(
                        SharedPrefixes.find(sequences).stream()
                                .mapToInt(g -> g.sequences().size())
                                .sum())
                .isEqualTo(3000);
    }

    /** The most that any division into groups saves: each sequence joins one so far, or none. */
    private static long best(List<int[]> sequences, int[] groupOf, int next, int groups) {
        if (next == sequences.size()) {
            long saved = 0;
            for (int g = 0; g < groups; g++) {
                int group = g;
                List<Integer> members =
                        IntStream.range(0, next).filter(s -> groupOf[s] == group).boxed().toList();
                int prefix = prefix(sequences, members);
                saved += prefix < SHORTEST ? 0 : new Group(prefix, members).saved();
            }
            return saved;
        }
        long most = 0;
        for (int g = 0; g <= groups; g++) {
            groupOf[next] = g;
            most = Math.max(most, best(sequences, groupOf, next + 1, Math.max(groups, g + 1)));
        }
        return most;
    }

    private static int prefix(List<int[]> sequences, List<Integer> members) {
        if (members.size() == 1) {
            return 0;
        }
        TreeSet<Integer> shared = new TreeSet<>();
        int[] first = sequences.get(members.get(0));
        for (int member : members) {
            int[] ids = sequences.get(member);
            int mismatch = Arrays.mismatch(first, ids);
            shared.add(Math.min(mismatch < 0 ? first.length : mismatch, ids.length - 1));
        }
        return shared.first();
    }

    private static IntStream run(int id) {
        return IntStream.generate(() -> id).limit(SHORTEST);
    }

    private static int[] ids(int id, int count) {
        return IntStream.generate(() -> id).limit(count).toArray();
    }

    private static int[] join(int[] first, int... second) {
        return IntStream.concat(Arrays.stream(first), Arrays.stream(second)).toArray();
    }
}
