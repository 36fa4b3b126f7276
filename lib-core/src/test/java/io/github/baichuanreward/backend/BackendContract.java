package io.github.baichuanreward.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.baichuanreward.Golden;
import io.github.baichuanreward.batch.BatchPlanner;
import io.github.baichuanreward.batch.PackedBatch;
import io.github.baichuanreward.model.BaichuanWeights;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What every backend promises: right rewards, and the same bits in every batch. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class BackendContract {

    /** Opens the backend under test. */
    protected abstract Backend open(BackendRequest request) throws IOException;

    /** Largest distance from the float64 reward. */
    protected abstract double tolerance();

    /** What is asked for. */
    protected Precision precision() {
        return Precision.AUTO;
    }

    /** Names of the models to compute. */
    protected List<String> goldens() {
        return Golden.names();
    }

    @ParameterizedTest
    @MethodSource("goldens")
    void givesTheRewardsOfTheReference(String name) throws IOException {
        Golden golden = Golden.read(name);
        List<Executable> all = new ArrayList<>();
        double worst = 0;
        double original = 0;
        double originalBfloat16 = 0;
        try (Backend backend = open(golden)) {
            for (Golden.Case single : golden.cases()) {
                double reward = backend.score(batch(List.of(single.ids())))[0];
                worst = Math.max(worst, Math.abs(reward - single.reward()));
                original = Math.max(original, Math.abs(single.original() - single.reward()));
                originalBfloat16 =
                        Math.max(
                                originalBfloat16,
                                Math.abs(single.originalBfloat16() - single.reward()));
                all.add(
                        () ->
                                assertThat(Math.abs(reward - single.reward()))
                                        .as(
                                                "%s %s: %s against %s",
                                                name, single.id(), reward, single.reward())
                                        .isLessThan(tolerance()));
            }
        }
        assertAll(all);
        System.out.printf(
                "%s: largest distance from float64: ours %.1e, the original in float32 %.1e, in"
                        + " bfloat16 %.1e%n",
                name, worst, original, originalBfloat16);
    }

    @ParameterizedTest
    @MethodSource("goldens")
    void packsWhatTheReferencePadded(String name) throws IOException {
        Golden golden = Golden.read(name);
        List<Golden.Case> cases = golden.padded();
        try (Backend backend = open(golden)) {
            float[] rewards = backend.score(batch(cases.stream().map(Golden.Case::ids).toList()));
            for (int i = 0; i < rewards.length; i++) {
                assertThat(Math.abs(rewards[i] - cases.get(i).reward()))
                        .as("%s %s", name, cases.get(i).id())
                        .isLessThan(tolerance());
            }
        }
    }

    @ParameterizedTest
    @MethodSource("goldens")
    void givesTheSameBitsInEveryBatchAndOrder(String name) throws IOException {
        Golden golden = Golden.read(name);
        List<int[]> sequences = new ArrayList<>();
        golden.cases().forEach(single -> sequences.add(single.ids()));
        golden.padded().forEach(single -> sequences.add(single.ids()));
        try (Backend backend = open(golden)) {
            float[] alone = new float[sequences.size()];
            for (int s = 0; s < alone.length; s++) {
                alone[s] = backend.score(batch(List.of(sequences.get(s))))[0];
            }
            Random random = new Random(7);
            for (int round = 0; round < 4; round++) {
                List<Integer> order = new ArrayList<>();
                for (int copy = 0; copy < 1 + round; copy++) {
                    for (int s = 0; s < alone.length; s++) {
                        order.add(s);
                    }
                }
                Collections.shuffle(order, random);
                float[] packed = backend.score(batch(order.stream().map(sequences::get).toList()));
                for (int i = 0; i < packed.length; i++) {
                    assertThat(Float.floatToIntBits(packed[i]))
                            .as("%s, sequence %d at place %d", name, order.get(i), i)
                            .isEqualTo(Float.floatToIntBits(alone[order.get(i)]));
                }
            }
        }
    }

    /** Prefixes end at the edge of a tile of attention, beside it and within. */
    @ParameterizedTest
    @MethodSource("goldens")
    void givesTheSameBitsWhetherAPrefixIsSharedOrNot(String name) throws IOException {
        Golden golden = Golden.read(name);
        int[] longest =
                golden.cases().stream()
                        .map(Golden.Case::ids)
                        .max(Comparator.comparingInt(ids -> ids.length))
                        .orElseThrow();
        try (Backend backend = open(golden)) {
            for (int prefix : new int[] {17, 63, 128}) {
                if (prefix >= longest.length) {
                    continue;
                }
                List<int[]> sequences = new ArrayList<>();
                sequences.add(longest);
                for (int answer = 1; answer <= 3; answer++) {
                    int length = Math.min(golden.open().config().maxLength(), prefix + 14 * answer);
                    int[] ids = Arrays.copyOf(longest, length);
                    for (int t = prefix; t < length; t++) {
                        ids[t] = longest[(t * answer + 3) % prefix];
                    }
                    sequences.add(ids);
                }
                sequences.add(Arrays.copyOf(longest, prefix + 1)); // whose end others go on from
                PackedBatch shared = BatchPlanner.next(sequences, 1 << 20, 1 << 20);
                assertThat(shared.segments().size()).isGreaterThan(shared.sequences());
                float[] rewards = new float[sequences.size()];
                shared.scatter(rewards, backend.score(shared));
                for (int s = 0; s < rewards.length; s++) {
                    float alone = backend.score(batch(List.of(sequences.get(s))))[0];
                    assertThat(Float.floatToIntBits(rewards[s]))
                            .as("%s, sequence %d behind a prefix of %d", name, s, prefix)
                            .isEqualTo(Float.floatToIntBits(alone));
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("goldens")
    void givesTheSameBitsToAsManyThreadsAsItAllows(String name) throws Exception {
        Golden golden = Golden.read(name);
        List<int[]> sequences = golden.cases().stream().map(Golden.Case::ids).toList();
        try (Backend backend = open(golden)) {
            int concurrency = backend.concurrency();
            assumeTrue(concurrency > 1, () -> backend.description() + ": one batch at a time");
            float[] alone = new float[sequences.size()];
            for (int s = 0; s < alone.length; s++) {
                alone[s] = backend.score(batch(List.of(sequences.get(s))))[0];
            }
            ExecutorService threads = Executors.newFixedThreadPool(concurrency);
            try {
                Random random = new Random(7);
                for (int round = 0; round < 8; round++) {
                    CyclicBarrier together = new CyclicBarrier(concurrency);
                    List<Future<?>> all = new ArrayList<>();
                    for (int thread = 0; thread < concurrency; thread++) {
                        int[] drawn = random.ints(1 + random.nextInt(4), 0, alone.length).toArray();
                        all.add(
                                threads.submit(
                                        () -> {
                                            together.await(1, TimeUnit.MINUTES);
                                            requireBits(backend, sequences, alone, drawn);
                                            return null;
                                        }));
                    }
                    for (Future<?> each : all) {
                        each.get();
                    }
                }
            } finally {
                threads.shutdownNow();
                assertThat(threads.awaitTermination(1, TimeUnit.MINUTES)).isTrue();
            }
        }
    }

    /** Of some sequences, as one batch. */
    private static void requireBits(
            Backend backend, List<int[]> sequences, float[] alone, int[] drawn) {
        float[] rewards =
                backend.score(batch(Arrays.stream(drawn).mapToObj(sequences::get).toList()));
        for (int i = 0; i < drawn.length; i++) {
            assertThat(Float.floatToIntBits(rewards[i]))
                    .as("sequence %d at place %d", drawn[i], i)
                    .isEqualTo(Float.floatToIntBits(alone[drawn[i]]));
        }
    }

    @Test
    void mayBeClosedTwice() throws IOException {
        Backend backend = open(Golden.read(goldens().get(0)));
        backend.close();
        backend.close();
    }

    private Backend open(Golden golden) throws IOException {
        BaichuanWeights weights = golden.open();
        return open(new BackendRequest(weights, precision(), List.of(), 0, 0));
    }

    private static PackedBatch batch(List<int[]> sequences) {
        return PackedBatch.pack(sequences, Integer.MAX_VALUE).get(0);
    }
}
