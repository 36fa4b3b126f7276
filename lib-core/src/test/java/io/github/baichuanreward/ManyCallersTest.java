package io.github.baichuanreward;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Threads that ask for scores in every way there is, all at once, on a real model. */
class ManyCallersTest {

    private static final int THREADS = 64;

    /** Texts to score: some prompts with several answers, from a few tokens to some hundred. */
    private static final int PROMPTS = 12;

    private static final int ANSWERS = 8;

    @Test
    @Timeout(120)
    void everyoneGetsTheirScoresInTheirOrder() throws Exception {
        scoreFor(4);
    }

    @Tag("nightly")
    @Test
    @Timeout(240)
    void everyoneGetsTheirScoresForAMinute() throws Exception {
        scoreFor(60);
    }

    private static void scoreFor(int seconds) throws Exception {
        Set<Thread> threadsBefore = Thread.getAllStackTraces().keySet();
        ConcurrentLinkedQueue<Double> latencies = new ConcurrentLinkedQueue<>();
        List<ScoredBatch> batches = new CopyOnWriteArrayList<>();
        ExecutorService callers = Executors.newFixedThreadPool(THREADS);
        try (RewardModel model = demo()) {
            List<PromptAnswer> items = items();
            List<Score> expected = items.stream().map(item -> alone(model, item)).toList();
            model.addListener(batches::add);
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
            List<Future<?>> futures = new ArrayList<>();
            for (int t = 0; t < THREADS; t++) {
                Random random = new Random(t);
                futures.add(
                        callers.submit(
                                () -> {
                                    while (System.nanoTime() < end) {
                                        scoreSome(model, items, expected, random, latencies);
                                    }
                                }));
            }
            for (Future<?> future : futures) {
                future.get();
            }
        } finally {
            callers.shutdown();
            assertThat(callers.awaitTermination(20, TimeUnit.SECONDS)).isTrue();
        }
        double[] sorted = latencies.stream().mapToDouble(t -> t).sorted().toArray();
        double p99 = sorted[(int) (0.99 * sorted.length)];
        double longest = batches.stream().mapToDouble(b -> b.deviceNanos() / 1e6).max().orElse(0);
        System.out.printf(
                "%d threads, %d s: %d lone requests; ms: p50 %.1f, p99 %.1f, highest %.1f; longest"
                        + " batch %.1f ms; %d batches%n",
                THREADS,
                seconds,
                sorted.length,
                sorted[sorted.length / 2],
                p99,
                sorted[sorted.length - 1],
                longest,
                batches.size());
        // All that 64 threads may have before one of them: 64 lists of one batch, and its own.
        assertThat(p99).isLessThan(66 * longest);
        awaitThreads(threadsBefore);
    }

    private static void awaitThreads(Set<Thread> before) throws InterruptedException {
        List<String> left = List.of();
        for (int tries = 0; tries < 1000; tries++) {
            left =
                    Thread.getAllStackTraces().keySet().stream()
                            .filter(thread -> !before.contains(thread))
                            .map(Thread::getName)
                            .filter(name -> name.startsWith("reward-"))
                            .toList();
            if (left.isEmpty()) {
                return;
            }
            Thread.sleep(10);
        }
        assertThat(left).isEmpty();
    }

    private static void scoreSome(
            RewardModel model,
            List<PromptAnswer> items,
            List<Score> expected,
            Random random,
            ConcurrentLinkedQueue<Double> latencies) {
        int[] chosen = random.ints(1 + random.nextInt(12), 0, items.size()).toArray();
        List<PromptAnswer> some = Arrays.stream(chosen).mapToObj(items::get).toList();
        List<Score> scores =
                switch (random.nextInt(8)) {
                    case 0 -> model.score(some);
                    case 1 -> streamed(model, some);
                    case 2 -> model.scoreAsync(some).stream().map(CompletableFuture::join).toList();
                    case 3 -> {
                        // Some that nobody waits for.
                        model.scoreAsync(some).forEach(future -> future.cancel(false));
                        yield model.score(some);
                    }
                    default -> {
                        long start = System.nanoTime();
                        List<Score> one = model.score(some.subList(0, 1));
                        latencies.add((System.nanoTime() - start) / 1e6);
                        yield one;
                    }
                };
        for (int i = 0; i < scores.size(); i++) {
            assertThat(scores.get(i)).isEqualTo(expected.get(chosen[i]));
        }
    }

    private static List<Score> streamed(RewardModel model, List<PromptAnswer> some) {
        try (Stream<Score> scores = model.score(some.stream())) {
            return scores.toList();
        }
    }

    private static Score alone(RewardModel model, PromptAnswer item) {
        return model.score(List.of(item)).get(0);
    }

    private static List<PromptAnswer> items() {
        List<PromptAnswer> items = new ArrayList<>();
        for (int p = 0; p < PROMPTS; p++) {
            String prompt = "第" + p + "个问题：" + "为什么天空是蓝色的？".repeat(p);
            for (int a = 0; a < ANSWERS; a++) {
                items.add(new PromptAnswer(prompt, "因为" + "光线散射".repeat(1 + a) + p));
            }
        }
        return items;
    }

    private static RewardModel demo() throws IOException {
        return RewardModel.load(TestData.demoModel().resolve("model"));
    }
}
