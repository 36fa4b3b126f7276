package io.github.baichuanreward.benchmarks.peers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WorkloadTest {

    private static final Path LISTS = Path.of("workloads").toAbsolutePath();

    @TempDir Path folder;

    @Test
    void readsPromptsWithTheirAnswers() throws IOException {
        Workload workload =
                read("# some pairs; made by make.py\n# tokens\n96 466 454 # two\n\n4 1 2\n");

        assertThat(workload.about()).isEqualTo("some pairs");
        assertThat(workload.groups())
                .containsExactly(
                        new Workload.Group(96, List.of(466, 454)),
                        new Workload.Group(4, List.of(1, 2)));
        assertThat(workload.sequences()).isEqualTo(4);
        assertThat(workload.tokens()).isEqualTo(96 + 466 + 96 + 454 + 4 + 1 + 4 + 2);
        assertThat(workload.pairs()).isEqualTo(2);
    }

    @Test
    void readsEveryListOfTheRepository() throws IOException {
        for (String name :
                List.of("mix", "pairs", "best-of-4-short", "best-of-16-short", "128", "4096")) {
            assertThat(Workload.read(LISTS.resolve(name + ".txt")).ids(4096)).isNotEmpty();
        }
        assertThat(Workload.read(LISTS.resolve("best-of-16-short.txt")).groups().get(0))
                .isEqualTo(new Workload.Group(512, Collections.nCopies(16, 64)));
    }

    @Test
    void countsNoPairsWhereAGroupIsNone() throws IOException {
        assertThat(read("# x\n4 1 2\n4 1 2 3\n").pairs()).isZero();
        assertThat(read("# x\n0 1 2\n").pairs()).isZero();
    }

    @Test
    void takesTheFirstGroupsUpToTheLimit() throws IOException {
        Workload workload = read("# x\n0 5\n2 3 3\n0 1\n");

        assertThat(workload.atMost(14).groups()).isEqualTo(workload.groups().subList(0, 1));
        assertThat(workload.atMost(15).groups()).isEqualTo(workload.groups().subList(0, 2));
        assertThat(workload.atMost(1000)).isEqualTo(workload);
    }

    @Test
    void takesOneGroupAtLeast() throws IOException {
        assertThat(read("# x\n0 5\n0 1\n").atMost(1).tokens()).isEqualTo(5);
    }

    @Test
    void givesSequencesOfAGroupTheSamePromptAndNoMore() {
        Workload workload =
                new Workload(
                        "x",
                        List.of(
                                new Workload.Group(70, List.of(9, 30, 9)),
                                new Workload.Group(17, List.of(1, 1)),
                                new Workload.Group(0, List.of(25, 25))));

        List<int[]> ids = workload.ids(4096);

        assertThat(ids)
                .extracting(each -> each.length)
                .containsExactly(79, 100, 79, 18, 18, 25, 25);
        assertThat(common(ids.get(0), ids.get(1))).isEqualTo(70);
        assertThat(common(ids.get(0), ids.get(2))).isEqualTo(70);
        assertThat(common(ids.get(1), ids.get(2))).isEqualTo(70);
        assertThat(common(ids.get(3), ids.get(4))).isEqualTo(17);
        Set<Integer> first = new HashSet<>();
        for (int n : List.of(0, 3, 5, 6)) {
            first.add(ids.get(n)[0]);
        }
        assertThat(first).hasSize(4);
    }

    @Test
    void usesWordsOfTheVocabularyAlone() {
        Workload workload = Workload.ofOne("x", 20_000);

        int[] ids = workload.ids(300).get(0);

        assertThat(Arrays.stream(ids).min()).hasValue(259);
        assertThat(Arrays.stream(ids).max()).hasValue(299);
    }

    @Test
    void makesTheSameIdsAgain() {
        Workload workload = Workload.ofOne("x", 100);

        assertThat(workload.ids(4096).get(0)).isEqualTo(workload.ids(4096).get(0));
    }

    @Test
    void refusesMorePromptsAndAnswersThanThereAreIds() throws IOException {
        Workload workload = read("# x\n" + "3 4\n".repeat(10));

        assertThat(workload.ids(259 + 20)).hasSize(10);
        assertThatThrownBy(() -> workload.ids(259 + 19))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("278 tokens is too small");
    }

    @Test
    void quotesALineThatIsNoGroup() {
        for (String line : List.of("12", "5 0", "-1 5", "3 x")) {
            assertThatThrownBy(() -> read("# x\n0 1\n" + line + "\n"))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("list.txt: \"" + line + "\"");
        }
    }

    @Test
    void refusesAListOfNothing() {
        assertThatThrownBy(() -> read("# x\n\n"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("list.txt");
    }

    private Workload read(String text) throws IOException {
        return Workload.read(Files.writeString(folder.resolve("list.txt"), text));
    }

    private static int common(int[] one, int[] other) {
        return Arrays.mismatch(one, other);
    }
}
