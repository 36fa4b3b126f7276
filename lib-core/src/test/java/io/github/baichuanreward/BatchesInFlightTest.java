package io.github.baichuanreward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.baichuanreward.ScoringQueue.Caller;
import io.github.baichuanreward.ScoringQueue.Item;
import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.batch.PackedBatch;
import io.github.baichuanreward.text.EncodedAnswer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A queue whose backend computes several batches at a time. Long, as {@link ScoringQueueTest} is:
 * what holds for one thread of the queue must hold for several, and among them.
 */
@Timeout(60)
class BatchesInFlightTest {

    private static final int BUDGET = 100;

    private final ExecutorService callers = Executors.newCachedThreadPool();
    private final List<HeldBackend> backends = new ArrayList<>();
    private final List<ScoringQueue> queues = new ArrayList<>();

    @AfterEach
    void close() {
        backends.forEach(backend -> backend.allow(1 << 20));
        callers.shutdownNow();
        queues.forEach(ScoringQueue::close);
        for (HeldBackend backend : backends) {
            assertThat(backend.misused).isFalse();
            assertThat(backend.closed).hasValue(1);
        }
    }

    // What is computed at once.

    @Test
    void asManyAreComputedAtATimeAsTheBackendCan() throws Exception {
        HeldBackend backend = held(3);
        ScoringQueue queue = queue(backend);
        List<Item> items = ask(queue, 1, 2, 3, 4);
        awaitBegun(backend, 3);
        awaitTrue(() -> queue.waitingTokens() == 90);
        assertThat(backend.batches).hasSize(3);
        backend.allow(1);
        backend.awaitBegun();
        backend.allow(3);
        requireRewards(items);
    }

    @Test
    void aThreadThatIsIdleTakesWhatAnotherLeaves() throws Exception {
        HeldBackend backend = held(3);
        ScoringQueue queue = queue(backend);
        List<Item> first = ask(queue, 1);
        awaitBegun(backend, 1);
        List<Item> others = ask(queue, 2, 3); // by one call, and one signal
        awaitBegun(backend, 2);
        backend.allow(3);
        requireRewards(first);
        requireRewards(others);
    }

    @Test
    void aListKeepsAllOfThemBusy() throws Exception {
        for (int concurrency : new int[] {3, 8}) {
            HeldBackend backend = held(concurrency);
            backend.hold(1);
            ScoringQueue queue = queue(backend);
            int[][] list = new int[100][];
            Arrays.setAll(list, i -> ids(i + 1, 90));
            Future<?> bulk = callers.submit(() -> all(queue, list));
            awaitBegun(backend, concurrency);
            // While that whose reward is the next to be taken is computed.
            for (int batch = 0; batch < 3 * (concurrency - 1); batch++) {
                backend.allow(1);
                backend.awaitBegun();
            }
            backend.release(1);
            backend.allow(1 << 20);
            bulk.get();
        }
    }

    @Test
    void oneAtATimeIsByOneThread() throws Exception {
        Set<String> threads = ConcurrentHashMap.newKeySet();
        HeldBackend backend = held(1);
        ScoringQueue queue = queue(backend);
        queue.addListener(batch -> threads.add(Thread.currentThread().getName()));
        List<Item> items = ask(queue, 1, 2, 3);
        awaitBegun(backend, 1);
        Thread.sleep(20);
        assertThat(backend.batches).hasSize(1);
        backend.allow(1 << 20);
        requireRewards(items);
        queue.close();
        assertThat(threads).singleElement().asString().matches("reward-queue-\\d+");
    }

    @Test
    void nothingIsComputedTwiceOrLost() throws Exception {
        HeldBackend backend = held(4);
        backend.allow(1 << 30);
        ScoringQueue queue = queue(backend);
        AtomicInteger ids = new AtomicInteger();
        List<Future<?>> threads = new ArrayList<>();
        for (int t = 0; t < 16; t++) {
            Random random = new Random(t);
            threads.add(
                    callers.submit(
                            () -> {
                                for (int round = 0; round < 200; round++) {
                                    int[][] items = new int[1 + random.nextInt(20)][];
                                    Arrays.setAll(
                                            items,
                                            i ->
                                                    ids(
                                                            ids.incrementAndGet(),
                                                            1 + random.nextInt(150)));
                                    List<Float> rewards = all(queue, items);
                                    for (int i = 0; i < items.length; i++) {
                                        assertThat(rewards.get(i))
                                                .isEqualTo(HeldBackend.reward(items[i]));
                                    }
                                }
                            }));
        }
        for (Future<?> thread : threads) {
            thread.get();
        }
        List<Integer> computed =
                IntStream.range(0, backend.batches.size())
                        .mapToObj(backend::firstIds)
                        .flatMap(List::stream)
                        .sorted()
                        .toList();
        assertThat(computed).isEqualTo(IntStream.rangeClosed(1, ids.get()).boxed().toList());
        assertThat(queue.waitingTokens()).isZero();
    }

    @Test
    void whoAsksDoesNotWaitForABatchToBePlanned() throws Exception {
        CountDownLatch planning = new CountDownLatch(1);
        CountDownLatch asked = new CountDownLatch(1);
        HeldBackend backend =
                held(
                        new HeldBackend(BUDGET, 2) {
                            @Override
                            public int groupTokens() {
                                planning.countDown();
                                await(asked);
                                return BUDGET;
                            }
                        });
        ScoringQueue queue = queue(backend);
        List<Item> first = ask(queue, 1);
        await(planning);
        Future<List<Item>> second = callers.submit(() -> ask(queue, 2));
        second.get(20, TimeUnit.SECONDS);
        assertThat(queue.waitingTokens()).isEqualTo(180);
        asked.countDown();
        backend.allow(2);
        requireRewards(first);
        requireRewards(second.get());
    }

    // Whose turn it is.

    @Test
    void oneAnswerWaitsForOneOfTheBatchesOnly() throws Exception {
        HeldBackend backend = held(3);
        ScoringQueue queue = queue(backend);
        int[][] list = new int[40][];
        Arrays.setAll(list, i -> ids(i + 1, 30));
        Future<?> bulk = callers.submit(() -> all(queue, list));
        awaitBegun(backend, 3);
        List<Item> single = items(30, 1000);
        queue.ask(single);
        backend.allow(1);
        backend.awaitBegun();
        assertThat(backend.firstIds(3)).contains(1000);
        assertThat(bulk.isDone()).isFalse();
        backend.allow(1 << 20);
        requireRewards(single);
        bulk.get();
    }

    @Test
    void listsHaveEqualShares() throws Exception {
        HeldBackend backend = held(3);
        ScoringQueue queue = queue(backend);
        int[][] first = new int[60][];
        Arrays.setAll(first, i -> ids(100 + i, 30));
        int[][] second = new int[60][];
        Arrays.setAll(second, i -> ids(200 + i, 30));
        callers.execute(() -> all(queue, first));
        awaitBegun(backend, 3);
        callers.execute(() -> all(queue, second));
        awaitTrue(() -> queue.waitingTokens() > 80 * 30);
        for (int batch = 3; batch <= 10; batch++) {
            backend.allow(1);
            backend.awaitBegun();
        }
        long ofFirst =
                IntStream.rangeClosed(3, 10)
                        .mapToObj(backend::firstIds)
                        .flatMap(List::stream)
                        .filter(id -> id < 200)
                        .count();
        assertThat(ofFirst).isBetween(10L, 14L); // of 24
    }

    /** While another thread of the queue waits for items all the time. */
    @Test
    void callersThatComeBackAreComputedTogether() throws Exception {
        AtomicLong now = new AtomicLong();
        CountDownLatch told = new CountDownLatch(1);
        HeldBackend backend = held(2);
        ScoringQueue queue = queue(backend, now::get);
        queue.addListener(batch -> await(told)); // who has the rewards does not wait for it
        List<Item> first = items(30, 1, 2, 3);
        queue.ask(first);
        awaitBegun(backend, 1);
        backend.allow(1);
        requireRewards(first);

        List<Item> back = items(30, 4, 5, 6);
        queue.ask(back.subList(0, 1));
        queue.ask(back.subList(1, 2));
        Thread.sleep(20);
        assertThat(backend.batches).hasSize(1);
        queue.ask(back.subList(2, 3));
        awaitBegun(backend, 1);
        assertThat(backend.firstIds(1)).containsExactlyInAnyOrder(4, 5, 6);
        told.countDown();
        backend.allow(1);
        requireRewards(back);
    }

    /** However many batches end meanwhile. */
    @Test
    void nobodyWaitsLongerThanAMillisecondForThoseWhoMayComeBack() throws Exception {
        AtomicLong now = new AtomicLong();
        AtomicInteger looks = new AtomicInteger();
        HeldBackend backend = held(3);
        ScoringQueue queue =
                queue(
                        backend,
                        () -> {
                            looks.incrementAndGet();
                            return now.get();
                        });
        backend.hold(4);
        List<Item> first = items(30, 1, 2, 3);
        List<Item> second = items(30, 4, 5, 6);
        queue.ask(first);
        awaitBegun(backend, 1);
        queue.ask(second);
        awaitBegun(backend, 1);
        backend.allow(1);
        requireRewards(first);
        queue.ask(items(30, 7));
        awaitMore(looks); // by the thread that waits for two more callers
        now.addAndGet(WaitingItems.RETURN_NANOS - 1);
        backend.release(4);
        backend.allow(1);
        requireRewards(second);
        awaitMore(looks);
        assertThat(backend.batches).hasSize(2);
        now.incrementAndGet();
        awaitBegun(backend, 1);
        assertThat(backend.firstIds(2)).containsExactly(7);
        backend.allow(1);
    }

    // What goes wrong.

    @Test
    void aFailureReachesThoseInItsBatchAndTheOthersGoOn() throws Exception {
        HeldBackend backend = held(3);
        backend.hold(1);
        backend.hold(3);
        ScoringQueue queue = queue(backend);
        List<Item> items = ask(queue, 1, 2, 3);
        awaitBegun(backend, 3);
        List<Item> next = ask(queue, 4);
        backend.failure = new BackendException("of the test");
        backend.allow(1);
        backend.awaitBegun();

        assertThatThrownBy(items.get(1).reward::get).hasCauseInstanceOf(BackendException.class);
        assertThat(backend.firstIds(3)).containsExactly(4);
        backend.release(1);
        backend.release(3);
        backend.allow(3);
        requireRewards(List.of(items.get(0), items.get(2)));
        requireRewards(next);
    }

    /** Whatever plans batches may fail; then so does the first that waits. */
    @Test
    void aFailureBeforeTheBatchReachesTheFirst() throws Exception {
        AtomicInteger plans = new AtomicInteger();
        HeldBackend backend =
                held(
                        new HeldBackend(BUDGET, 2) {
                            @Override
                            public int groupTokens() {
                                if (plans.incrementAndGet() == 2) {
                                    throw new OutOfMemoryError("of the test");
                                }
                                return BUDGET;
                            }
                        });
        ScoringQueue queue = queue(backend);
        List<Item> items = ask(queue, 1, 2, 3);
        backend.allow(2);
        requireRewards(List.of(items.get(0), items.get(2)));
        assertThatThrownBy(items.get(1).reward::get).hasCauseInstanceOf(OutOfMemoryError.class);
    }

    /** As when there is no memory even to look at what waits. */
    @Test
    void anErrorOfTheQueueEndsItAfterTheBatchesInFlight() throws Exception {
        Set<Thread> failing = ConcurrentHashMap.newKeySet();
        List<Thread> threads = new CopyOnWriteArrayList<>();
        Set<Thread> computing = ConcurrentHashMap.newKeySet();
        HeldBackend backend =
                held(
                        new HeldBackend(BUDGET, 3) {
                            @Override
                            public float[] score(PackedBatch batch) {
                                computing.add(Thread.currentThread());
                                return super.score(batch);
                            }
                        });
        LongSupplier clock =
                () -> {
                    if (failing.contains(Thread.currentThread())) {
                        throw new OutOfMemoryError("of the test");
                    }
                    return System.nanoTime();
                };
        ScoringQueue queue =
                queue(
                        backend,
                        task -> {
                            Thread thread = new Thread(task);
                            threads.add(thread);
                            return thread;
                        },
                        clock);
        List<Item> computed = ask(queue, 1, 2);
        awaitBegun(backend, 2);
        failing.addAll(threads);
        failing.removeAll(computing);
        List<Item> waiting = ask(queue, 3, 4);

        for (Item item : waiting) {
            assertThatThrownBy(item.reward::get).hasCauseInstanceOf(OutOfMemoryError.class);
        }
        awaitTrue(() -> threads.stream().filter(Thread::isAlive).count() == 2);
        assertThatThrownBy(() -> ask(queue, 5)).hasMessage("this RewardModel is closed");
        assertThat(backend.closed).hasValue(0);
        backend.allow(2);
        requireRewards(computed);
        awaitTrue(() -> threads.stream().noneMatch(Thread::isAlive));
        assertThat(backend.closed).hasValue(1);
        assertThat(backend.batches).hasSize(2);
    }

    @Test
    void aThreadThatCannotBeStartedLeavesNothingOpen() {
        for (int concurrency : new int[] {1, 3}) {
            for (int failing = 0; failing < concurrency; failing++) {
                int last = failing;
                List<Thread> threads = new ArrayList<>();
                HeldBackend backend = held(concurrency);
                ThreadFactory factory =
                        task -> {
                            Thread thread =
                                    threads.size() < last
                                            ? new Thread(task)
                                            : new UnstartableThread(task);
                            threads.add(thread);
                            return thread;
                        };
                assertThatThrownBy(() -> queue(backend, factory, System::nanoTime))
                        .isInstanceOf(OutOfMemoryError.class)
                        .hasMessage("unable to create native thread");
                assertThat(threads).hasSize(last + 1).noneMatch(Thread::isAlive);
                assertThat(backend.closed).hasValue(1);
            }
        }
    }

    private static final class UnstartableThread extends Thread {

        UnstartableThread(Runnable task) {
            super(task);
        }

        @Override
        public synchronized void start() {
            throw new OutOfMemoryError("unable to create native thread");
        }
    }

    // The end.

    @Test
    void closingWaitsForAllBatchesInFlight() throws Exception {
        HeldBackend backend = held(3);
        ScoringQueue queue = queue(backend);
        List<Item> computed = ask(queue, 1, 2, 3);
        awaitBegun(backend, 3);
        List<Item> waiting = ask(queue, 4);
        List<Future<?>> closing =
                List.of(callers.submit(queue::close), callers.submit(queue::close));
        assertThatThrownBy(waiting.get(0).reward::get)
                .isInstanceOf(ExecutionException.class)
                .hasCauseInstanceOf(IllegalStateException.class);
        for (int batch = 1; batch <= 3; batch++) {
            Thread.sleep(10);
            assertThat(closing).noneMatch(Future::isDone);
            assertThat(backend.closed).hasValue(0);
            backend.allow(1);
        }
        for (Future<?> each : closing) {
            each.get();
        }
        requireRewards(computed);
        assertThat(backend.closed).hasValue(1);
        assertThat(backend.batches).hasSize(3);
    }

    /** Where nobody waits for the end, for one who is told would wait for itself. */
    @Test
    void mayBeClosedByAListener() throws Exception {
        HeldBackend backend = held(3);
        ScoringQueue queue = queue(backend);
        queue.addListener(batch -> queue.close());
        List<Item> items = ask(queue, 1, 2, 3);
        awaitBegun(backend, 3);
        backend.allow(3);
        requireRewards(items);
        awaitTrue(() -> backend.closed.get() == 1);
    }

    @Test
    void aBatchThatIsBeingPlannedDoesNotBeginAfterTheEnd() throws Exception {
        CountDownLatch planning = new CountDownLatch(1);
        CountDownLatch ended = new CountDownLatch(1);
        HeldBackend backend =
                held(
                        new HeldBackend(BUDGET, 2) {
                            @Override
                            public int groupTokens() {
                                planning.countDown();
                                await(ended);
                                return BUDGET;
                            }
                        });
        ScoringQueue queue = queue(backend);
        List<Item> items = ask(queue, 1);
        await(planning);
        Future<?> closing = callers.submit(queue::close);
        assertThatThrownBy(items.get(0).reward::get)
                .hasCauseInstanceOf(IllegalStateException.class);
        ended.countDown();
        closing.get();
        assertThat(backend.batches).isEmpty();
    }

    // What it tells.

    @Test
    void listenersAreToldOfOneBatchAtATime() throws Exception {
        HeldBackend backend = held(3);
        backend.allow(1 << 20);
        ScoringQueue queue = queue(backend);
        AtomicInteger inside = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        AtomicInteger told = new AtomicInteger();
        Set<Thread> threads = ConcurrentHashMap.newKeySet();
        queue.addListener(
                batch -> {
                    most.accumulateAndGet(inside.incrementAndGet(), Math::max);
                    threads.add(Thread.currentThread());
                    pause();
                    inside.decrementAndGet();
                    told.addAndGet(batch.items());
                });
        int[] firstIds = IntStream.rangeClosed(1, 30).toArray();
        requireRewards(ask(queue, firstIds));
        queue.close();
        assertThat(most).hasValue(1);
        assertThat(told).hasValue(30);
        assertThat(threads).hasSizeGreaterThan(1);
    }

    @Test
    void noThreadOfTheQueueMayAskIt() throws Exception {
        HeldBackend backend = held(3);
        ScoringQueue queue = queue(backend);
        List<String> refused = new CopyOnWriteArrayList<>();
        queue.addListener(
                batch -> {
                    assertThatThrownBy(() -> ask(queue, 9))
                            .isInstanceOf(IllegalStateException.class)
                            .hasMessageContaining("ask on another thread");
                    refused.add(Thread.currentThread().getName());
                });
        List<Item> items = ask(queue, 1, 2, 3);
        awaitBegun(backend, 3);
        backend.allow(3);
        requireRewards(items);
        awaitTrue(() -> refused.size() == 3);
        assertThat(refused)
                .doesNotHaveDuplicates()
                .allMatch(name -> name.matches("reward-queue-\\d+-[123]"));
    }

    private HeldBackend held(int concurrency) {
        return held(new HeldBackend(BUDGET, concurrency));
    }

    private HeldBackend held(HeldBackend backend) {
        backends.add(backend);
        return backend;
    }

    private ScoringQueue queue(HeldBackend backend) {
        return queue(backend, System::nanoTime);
    }

    private ScoringQueue queue(HeldBackend backend, LongSupplier clock) {
        return queue(backend, Thread::new, clock);
    }

    private ScoringQueue queue(HeldBackend backend, ThreadFactory factory, LongSupplier clock) {
        ScoringQueue queue = new ScoringQueue(backend, factory, clock);
        queues.add(queue);
        return queue;
    }

    /** Asks for sequences of which a batch holds one, each of another caller. */
    private static List<Item> ask(ScoringQueue queue, int... firstIds) {
        List<Item> items = items(90, firstIds);
        queue.ask(items);
        return items;
    }

    private static List<Item> items(int length, int... firstIds) {
        return Arrays.stream(firstIds)
                .mapToObj(id -> new Item(ids(id, length), new Caller()))
                .toList();
    }

    private static void requireRewards(List<Item> items) throws Exception {
        for (Item item : items) {
            assertThat(item.reward.get()).isEqualTo(HeldBackend.reward(item.sequence));
        }
    }

    private static List<Float> all(ScoringQueue queue, int[]... sequences) {
        List<Float> rewards = new ArrayList<>();
        try (OrderedScores<int[]> scores =
                new OrderedScores<>(
                        List.of(sequences).iterator(),
                        (index, ids) -> new EncodedAnswer(ids, 0, false),
                        queue,
                        "held",
                        true)) {
            scores.forEachRemaining(score -> rewards.add(score.reward()));
        }
        return rewards;
    }

    private static int[] ids(int id, int length) {
        int[] ids = new int[length];
        Arrays.fill(ids, id);
        return ids;
    }

    private static void awaitBegun(HeldBackend backend, int batches) throws InterruptedException {
        for (int batch = 0; batch < batches; batch++) {
            backend.awaitBegun();
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(20, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static void awaitMore(AtomicInteger looks) throws InterruptedException {
        int enough = looks.get() + 10; // more than there are of other threads
        awaitTrue(() -> looks.get() > enough);
    }

    private static void pause() {
        try {
            Thread.sleep(2);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static void awaitTrue(BooleanSupplier condition) throws InterruptedException {
        long end = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > end) {
                throw new AssertionError("has not come true");
            }
            Thread.sleep(1);
        }
    }
}
