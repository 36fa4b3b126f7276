package io.github.baichuanreward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.text.EncodedAnswer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Who is computed when and with whom, and all that may happen to those who wait. Long, because each
 * way to ask, to stop waiting and to fail has a test of its own.
 */
@Timeout(60)
class ScoringQueueTest {

    private static final int BUDGET = 100;

    private final HeldBackend backend = new HeldBackend(BUDGET);
    private final ScoringQueue queue = new ScoringQueue(backend);
    private final ExecutorService callers = Executors.newCachedThreadPool();

    @AfterEach
    void close() {
        backend.allow(1 << 20);
        callers.shutdownNow();
        queue.close();
        assertThat(backend.misused).isFalse();
    }

    // What is computed together.

    @Test
    void aLoneRequestBeginsAtOnce() throws Exception {
        Future<List<Float>> lone = ask(ids(1, 10));
        backend.awaitBegun();
        backend.allow(1);

        assertThat(lone.get()).containsExactly(HeldBackend.reward(ids(1, 10)));
    }

    /** Also when the last batch was of several, who may be about to come back. */
    @Test
    void aLoneRequestAfterManyHardlyWaits() throws Exception {
        backend.allow(1 << 20);
        long shortest = Long.MAX_VALUE;
        for (int round = 0; round < 5; round++) {
            CountDownLatch together = new CountDownLatch(8);
            List<Future<?>> many = new ArrayList<>();
            for (int caller = 0; caller < 8; caller++) {
                many.add(
                        callers.submit(
                                () -> {
                                    together.countDown();
                                    together.await();
                                    return all(ids(2, 10));
                                }));
            }
            for (Future<?> caller : many) {
                caller.get();
            }
            long start = System.nanoTime();
            all(ids(1, 10));
            shortest = Math.min(shortest, System.nanoTime() - start);
        }
        assertThat(Duration.ofNanos(shortest)).isLessThan(Duration.ofMillis(100));
    }

    @Test
    void whatArrivesWhileTheDeviceIsBusyIsComputedTogether() throws Exception {
        Future<List<Float>> first = ask(ids(1, 10));
        backend.awaitBegun();
        List<Future<List<Float>>> others = new ArrayList<>();
        for (int caller = 2; caller <= 6; caller++) {
            others.add(ask(ids(caller, 10)));
        }
        awaitWaiting(50);
        backend.allow(2);

        assertThat(first.get()).containsExactly(HeldBackend.reward(ids(1, 10)));
        for (int caller = 2; caller <= 6; caller++) {
            assertThat(others.get(caller - 2).get())
                    .containsExactly(HeldBackend.reward(ids(caller, 10)));
        }
        assertThat(backend.batches).hasSize(2);
    }

    @Test
    void answersOfDifferentCallersToOnePromptShareIt() throws Exception {
        Future<List<Float>> first = ask(ids(1, 10));
        backend.awaitBegun();
        List<int[]> answers = new ArrayList<>();
        List<Future<List<Float>>> futures = new ArrayList<>();
        for (int caller = 0; caller < 5; caller++) {
            int[] ids = ids(7, 45);
            ids[44] = caller;
            answers.add(ids);
            futures.add(ask(ids));
        }
        awaitWaiting(5 * 45);
        backend.allow(2);

        first.get();
        for (int caller = 0; caller < 5; caller++) {
            assertThat(futures.get(caller).get())
                    .containsExactly(HeldBackend.reward(answers.get(caller)));
        }
        assertThat(backend.batches.get(1).tokens()).hasSize(44 + 5);
    }

    /** A list is put together before any of it is computed: its answers share their prompt. */
    @Test
    void aListComesIntoTheQueueAtOnce() throws Exception {
        int[][] answers = new int[8][];
        Arrays.setAll(answers, a -> ids(7, 45));
        Future<List<Float>> list = ask(answers);
        backend.awaitBegun();
        backend.allow(1);

        assertThat(list.get()).hasSize(8);
        assertThat(backend.batches).hasSize(1);
        assertThat(backend.batches.get(0).tokens()).hasSize(44 + 8);
    }

    @Test
    void aListOfAnyLengthIsHereInPart() throws Exception {
        int[] pulled = new int[1];
        Iterable<int[]> items =
                () ->
                        IntStream.range(0, 100_000)
                                .mapToObj(
                                        i -> {
                                            pulled[0] = i + 1;
                                            return ids(i + 1, 10);
                                        })
                                .iterator();
        try (OrderedScores<int[]> scores = scores(items)) {
            backend.allow(1);
            scores.next();
            assertThat(pulled[0])
                    .isLessThanOrEqualTo(ScoringQueue.WINDOW_BATCHES * BUDGET / 10 + 1);
            backend.allow(9);
            for (int i = 1; i < 100; i++) {
                assertThat(scores.next().reward()).isEqualTo(HeldBackend.reward(ids(i + 1, 10)));
            }
            assertThat(pulled[0])
                    .isLessThanOrEqualTo(ScoringQueue.WINDOW_BATCHES * BUDGET / 10 + 100);
        }
        awaitWaiting(0);
    }

    // Whose turn it is.

    @Test
    void oneAnswerIsNotBehindALongList() throws Exception {
        int[][] list = new int[40][];
        Arrays.setAll(list, i -> ids(i + 1, 30));
        Future<List<Float>> bulk = ask(list);
        backend.awaitBegun();
        Future<List<Float>> single = ask(ids(1000, 30));
        awaitWaiting(37 * 30 + 30);
        backend.allow(2);

        assertThat(single.get()).containsExactly(HeldBackend.reward(ids(1000, 30)));
        assertThat(backend.firstIds(1)).contains(1000);
        assertThat(bulk.isDone()).isFalse();
    }

    @Test
    void twoListsHaveEqualShares() throws Exception {
        int[][] first = new int[40][];
        Arrays.setAll(first, i -> ids(1, 30 + i % 2));
        int[][] second = new int[40][];
        Arrays.setAll(second, i -> ids(2, 30 + i % 2));
        // Without shared prefixes: each begins with another id.
        for (int i = 0; i < 40; i++) {
            first[i][0] = 100 + i;
            second[i][0] = 200 + i;
        }
        begin(first);
        backend.awaitBegun();
        begin(second);
        awaitTrue(() -> queue.waitingTokens() > 37 * 30 + 40 * 30);
        backend.allow(8);
        for (int batch = 1; batch <= 8; batch++) {
            backend.awaitBegun();
        }
        long ofFirst =
                IntStream.rangeClosed(1, 8)
                        .mapToObj(backend::firstIds)
                        .flatMap(List::stream)
                        .filter(id -> id < 200)
                        .count();
        assertThat(ofFirst).isBetween(10L, 14L); // of 24
    }

    /** As many requests as the device can compute come all the time, each of another caller. */
    @Test
    void aListIsNotHeldUpForEverByThoseWhoKeepComing() throws Exception {
        begin(ids(1, 90));
        backend.awaitBegun();
        int[][] list = new int[4][];
        Arrays.setAll(list, i -> ids(5000 + i, 90));
        Future<List<Float>> bulk = ask(list);
        awaitWaiting(4 * 90);
        int batches = 0;
        while (!bulk.isDone() && batches < 60) {
            batches++;
            begin(ids(1000 + batches, 90));
            int size = backend.batches.size();
            awaitTrue(() -> queue.waitingTokens() >= 90);
            Thread.sleep(2); // until the new one is there, too
            backend.allow(1);
            awaitTrue(() -> backend.batches.size() > size || bulk.isDone());
        }
        assertThat(batches).isLessThan(20);
        assertThat(bulk.get()).hasSize(4);
    }

    // Too many, too late, no longer wanted.

    @Test
    void oneAnswerIsNotBehindManyLongLists() throws Exception {
        begin(ids(1, 10));
        backend.awaitBegun();
        for (int caller = 0; caller < 20; caller++) {
            int first = 1000 * (caller + 1);
            int[][] list = new int[60][];
            Arrays.setAll(list, i -> ids(first + i, 30));
            begin(list);
        }
        awaitTrue(() -> queue.waitingTokens() >= 20 * 16 * BUDGET);
        Future<List<Float>> single = ask(ids(7, 30));
        Thread.sleep(50); // until it is there, too
        backend.allow(1 << 20);
        single.get();
        int batch = 0;
        while (!backend.firstIds(batch).contains(7)) {
            batch++;
        }
        // The one that was being computed, and those of one item each of the lists.
        assertThat(batch).isLessThan(12);
    }

    @Test
    void whoAsksForFuturesWaitsWhileMuchIsOutstanding() throws Exception {
        try (AsyncScores async = new AsyncScores(queue, "held")) {
            begin(ids(1, 10));
            backend.awaitBegun();
            List<int[]> items = new ArrayList<>();
            for (int i = 0; i < 64; i++) {
                items.add(ids(2 + i, BUDGET));
            }
            async.ask(items, this::encode);
            Future<List<CompletableFuture<Score>>> late =
                    callers.submit(() -> async.ask(List.of(ids(1000, 10)), this::encode));
            assertThat(async.ask(List.of(), this::encode)).isEmpty();
            Future<List<Float>> other = ask(ids(1001, 10)); // who waits for it is no flood
            awaitWaiting(64 * BUDGET + 10);
            Thread.sleep(30);
            assertThat(late.isDone()).isFalse();
            backend.allow(3);
            assertThat(other.get()).hasSize(1);
            assertThat(late.get()).hasSize(1);
            backend.allow(100);
            assertThat(late.get().get(0).get().tokens()).isEqualTo(10);
        }
    }

    @Test
    void whatDependsOnAFutureMayAskForMoreThanThereIsRoomFor() throws Exception {
        try (AsyncScores async = new AsyncScores(queue, "held")) {
            begin(ids(1, 10));
            backend.awaitBegun();
            List<int[]> items = new ArrayList<>();
            for (int i = 0; i < 70; i++) {
                items.add(ids(2 + i, BUDGET));
            }
            List<CompletableFuture<Score>> chained = new CopyOnWriteArrayList<>();
            Future<?> asking =
                    callers.submit(
                            () ->
                                    async.ask(items, this::encode)
                                            .forEach(
                                                    future ->
                                                            chained.add(
                                                                    future.thenCompose(
                                                                            s -> another(async)))));
            backend.allow(1 << 20);
            asking.get();
            assertThat(chained).hasSize(70);
            for (CompletableFuture<Score> future : chained) {
                assertThat(future.get().tokens()).isEqualTo(90);
            }
        }
    }

    private CompletableFuture<Score> another(AsyncScores async) {
        return async.ask(List.of(ids(9, 90)), this::encode).get(0);
    }

    @Test
    void aThreadsManyFuturesAreOneCallers() throws Exception {
        try (AsyncScores async = new AsyncScores(queue, "held")) {
            begin(ids(1, 10));
            backend.awaitBegun();
            for (int i = 0; i < 20; i++) {
                async.ask(List.of(ids(2 + i, 90)), this::encode);
            }
            Future<List<Float>> other = ask(ids(1000, 90));
            awaitWaiting(21 * 90);
            backend.allow(3);
            assertThat(other.get()).hasSize(1);
        }
    }

    @Test
    void whoIsInterruptedStaysSoAndIsNotComputed() throws Exception {
        begin(ids(1, 10));
        backend.awaitBegun();
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        AtomicReference<Boolean> interrupted = new AtomicReference<>();
        Thread caller =
                new Thread(
                        () -> {
                            try {
                                all(ids(2, 10), ids(3, 10));
                            } catch (CancellationException e) {
                                thrown.set(e);
                                interrupted.set(Thread.currentThread().isInterrupted());
                            }
                        });
        caller.start();
        awaitWaiting(20);
        caller.interrupt();
        caller.join();

        assertThat(thrown.get()).hasMessage("interrupted while waiting for a reward");
        assertThat(interrupted.get()).isTrue();
        awaitWaiting(0);
        backend.allow(1);
        assertThat(backend.batches).hasSize(1);
    }

    @Test
    void whatIsCancelledIsNotComputed() throws Exception {
        try (AsyncScores async = new AsyncScores(queue, "held")) {
            begin(ids(1, 10));
            backend.awaitBegun();
            List<CompletableFuture<Score>> futures =
                    async.ask(List.of(ids(2, 10), ids(3, 10), ids(4, 10)), this::encode);
            futures.get(1).cancel(false);
            awaitWaiting(20);
            backend.allow(2);

            assertThat(futures.get(2).get().reward()).isEqualTo(HeldBackend.reward(ids(4, 10)));
            assertThat(backend.firstIds(1)).containsExactly(2, 4);
        }
    }

    @Test
    void closingFailsWhatWaitsAndLetsTheBatchEnd() throws Exception {
        Future<List<Float>> computed = ask(ids(1, 10));
        backend.awaitBegun();
        Future<List<Float>> waiting = ask(ids(2, 10));
        awaitWaiting(10);
        Future<?> closing = callers.submit(queue::close);
        assertThatThrownBy(waiting::get)
                .isInstanceOf(ExecutionException.class)
                .rootCause()
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("this RewardModel is closed");
        assertThat(closing.isDone()).isFalse();
        assertThat(backend.closed).hasValue(0);
        backend.allow(1);

        assertThat(computed.get()).containsExactly(HeldBackend.reward(ids(1, 10)));
        closing.get();
        queue.close();
        assertThat(backend.closed).hasValue(1);
        assertThatThrownBy(() -> all(ids(3, 1)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("this RewardModel is closed");
    }

    @Test
    void closingFreesWhoWaitsForRoom() throws Exception {
        try (AsyncScores async = new AsyncScores(queue, "held")) {
            begin(ids(1, 10));
            backend.awaitBegun();
            List<int[]> items = new ArrayList<>();
            for (int i = 0; i < 80; i++) {
                items.add(ids(2 + i, BUDGET));
            }
            Future<List<CompletableFuture<Score>>> asking =
                    callers.submit(() -> async.ask(items, this::encode));
            awaitWaiting(64 * BUDGET);
            Thread.sleep(20);
            assertThat(asking.isDone()).isFalse();
            callers.execute(queue::close);
            for (CompletableFuture<Score> future : asking.get()) {
                assertThatThrownBy(future::get).hasCauseInstanceOf(IllegalStateException.class);
            }
        }
    }

    @Test
    void whatWasNeverAskedForTakesNobodyElsesPlace() throws Exception {
        Future<List<Float>> first = ask(ids(1, 10));
        backend.awaitBegun();
        Future<List<Float>> second = ask(ids(2, 10));
        awaitWaiting(10);
        queue.withdraw(List.of(new ScoringQueue.Item(ids(3, 10), new ScoringQueue.Caller())));
        assertThat(queue.waitingTokens()).isEqualTo(10);
        backend.allow(2);
        assertThat(first.get()).hasSize(1);
        assertThat(second.get()).hasSize(1);
    }

    @Test
    void closingAStreamFreesWhoReadsIt() throws Exception {
        begin(ids(1, 10));
        backend.awaitBegun();
        OrderedScores<int[]> scores = scores(List.of(ids(2, 10), ids(3, 10)));
        Future<Score> reader = callers.submit(scores::next);
        awaitWaiting(20);
        scores.close();
        assertThatThrownBy(reader::get).hasCauseInstanceOf(CancellationException.class);
        assertThat(queue.waitingTokens()).isZero();
    }

    @Test
    void maybeClosedByWhatDependsOnAScore() throws Exception {
        AsyncScores async = new AsyncScores(queue, "held");
        CountDownLatch closed = new CountDownLatch(1);
        CompletableFuture<Void> dependent =
                async.ask(List.of(ids(1, 10)), this::encode)
                        .get(0)
                        .thenAccept(
                                score -> {
                                    queue.close();
                                    async.close();
                                    closed.countDown();
                                });
        backend.allow(1);
        assertThat(closed.await(20, TimeUnit.SECONDS)).isTrue();
        dependent.get();
    }

    @Test
    void whatTheBackendMeetsOnClosingReachesWhoCloses() {
        HeldBackend failing =
                new HeldBackend(10) {
                    @Override
                    public void close() {
                        throw new BackendException("the device is gone");
                    }
                };
        ScoringQueue other = new ScoringQueue(failing);
        assertThatThrownBy(other::close).hasMessage("the device is gone");
    }

    // What goes wrong.

    @Test
    void aFailureReachesThoseInTheBatchAndNobodyElse() throws Exception {
        begin(ids(1, 10));
        backend.awaitBegun();
        List<Future<List<Float>>> failing = List.of(ask(ids(2, 10)), ask(ids(3, 10)));
        awaitWaiting(20);
        backend.allow(1);
        backend.awaitBegun();
        Future<List<Float>> next = ask(ids(4, 10));
        awaitWaiting(10);
        backend.failure = new BackendException("out of memory; make it shorter");
        backend.allow(2);

        for (Future<List<Float>> future : failing) {
            assertThatThrownBy(future::get)
                    .hasCauseInstanceOf(BackendException.class)
                    .hasMessageContaining("out of memory; make it shorter");
        }
        assertThat(next.get()).containsExactly(HeldBackend.reward(ids(4, 10)));
    }

    @Test
    void anErrorReachesItsCallersAndTheQueueGoesOn() throws Exception {
        backend.failure = new OutOfMemoryError("of the test");
        Future<List<Float>> failing = ask(ids(1, 10));
        backend.awaitBegun();
        backend.allow(1);

        assertThatThrownBy(failing::get).hasCauseInstanceOf(OutOfMemoryError.class);
        backend.allow(1);
        assertThat(all(ids(2, 10))).hasSize(1);
    }

    @Test
    void whatIsWrongWithAnItemIsThrownInItsTurn() throws Exception {
        backend.allow(10);
        List<Float> before = new ArrayList<>();
        List<int[]> items = List.of(ids(1, 10), ids(2, 10), ids(-1, 10), ids(3, 10));
        assertThatThrownBy(
                        () -> {
                            try (OrderedScores<int[]> scores = scores(items)) {
                                while (scores.hasNext()) {
                                    before.add(scores.next().reward());
                                }
                            }
                        })
                .isInstanceOf(ItemException.class)
                .hasMessage("item 2: of the test");
        assertThat(before)
                .containsExactly(HeldBackend.reward(ids(1, 10)), HeldBackend.reward(ids(2, 10)));
    }

    @Test
    void aListWithAnItemThatIsWrongIsNotComputed() {
        List<int[]> items = List.of(ids(1, 10), ids(-1, 10), ids(3, 10));
        try (OrderedScores<int[]> scores =
                new OrderedScores<>(items.iterator(), this::encode, queue, "held", false)) {
            assertThatThrownBy(scores::next)
                    .isInstanceOf(ItemException.class)
                    .hasMessage("item 1: of the test");
        }
        assertThat(backend.batches).isEmpty();
    }

    /** Or the next would get the reward of the one before. */
    @Test
    void afterAFailureThereAreNoMoreScores() {
        OrderedScores<int[]> scores = scores(List.of(ids(1, 90), ids(2, 90), ids(3, 90)));
        backend.failure = new BackendException("of the test");
        backend.allow(10);
        for (int i = 0; i < 3; i++) {
            assertThatThrownBy(scores::next)
                    .isInstanceOf(BackendException.class)
                    .hasMessage("of the test");
        }
    }

    @Test
    void norAfterAnError() {
        OrderedScores<int[]> scores = scores(List.of(ids(1, 90), ids(2, 90), ids(3, 90)));
        backend.failure = new OutOfMemoryError("of the test");
        backend.allow(10);
        assertThatThrownBy(scores::next).isInstanceOf(OutOfMemoryError.class);
        assertThatThrownBy(scores::next)
                .isInstanceOf(IllegalStateException.class)
                .hasRootCauseInstanceOf(OutOfMemoryError.class);
    }

    /** Whatever plans batches may fail; then so does the first that waits. */
    @Test
    void aFailureBeforeTheBatchReachesTheFirst() {
        HeldBackend unplannable =
                new HeldBackend(10) {
                    @Override
                    public int groupTokens() {
                        throw new OutOfMemoryError("of the test");
                    }
                };
        try (ScoringQueue other = new ScoringQueue(unplannable)) {
            for (int i = 0; i < 2; i++) {
                ScoringQueue.Item item =
                        new ScoringQueue.Item(ids(1, 10), new ScoringQueue.Caller());
                other.ask(List.of(item));
                assertThatThrownBy(item.reward::get).hasCauseInstanceOf(OutOfMemoryError.class);
            }
        }
    }

    @Test
    void eachFutureFailsForItself() throws Exception {
        backend.allow(10);
        try (AsyncScores async = new AsyncScores(queue, "held")) {
            List<CompletableFuture<Score>> futures =
                    async.ask(List.of(ids(1, 10), ids(-1, 10), ids(3, 10)), this::encode);
            assertThat(futures.get(0).get().tokens()).isEqualTo(10);
            assertThatThrownBy(() -> futures.get(1).get())
                    .hasCauseInstanceOf(ItemException.class)
                    .hasMessageContaining("item 1: of the test");
            assertThat(futures.get(2).get().tokens()).isEqualTo(10);
        }
    }

    // What it tells.

    @Test
    void tellsWhatABatchWas() throws Exception {
        List<ScoredBatch> told = new CopyOnWriteArrayList<>();
        queue.addListener(
                batch -> {
                    throw new AssertionError("a listener's own");
                });
        queue.addListener(told::add);
        int[] other = ids(7, 45);
        other[44] = 8;
        Future<List<Float>> list = ask(ids(7, 45), other, ids(9, 20));
        backend.awaitBegun();
        backend.allow(2);
        list.get();
        all(ids(1, 1));
        awaitTrue(() -> told.size() == 2);

        ScoredBatch batch = told.get(0);
        assertThat(batch.items()).isEqualTo(3);
        assertThat(batch.tokens()).isEqualTo(110);
        assertThat(batch.sharedTokens()).isEqualTo(44);
        assertThat(batch.padding()).isEqualTo(128 - 66);
        assertThat(batch.longestWaitNanos()).isLessThanOrEqualTo(batch.waitedNanos()).isPositive();
        assertThat(batch.planNanos()).isPositive();
        assertThat(batch.deviceNanos()).isPositive();
        assertThat(told.get(1).items()).isEqualTo(1);
    }

    @Test
    void aListenerThatAsksForAScoreIsTold() throws Exception {
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        queue.addListener(
                batch -> {
                    try {
                        all(ids(2, 10));
                    } catch (IllegalStateException e) {
                        thrown.set(e);
                    }
                });
        backend.allow(1);
        all(ids(1, 10));
        awaitTrue(() -> thrown.get() != null);
        assertThat(thrown.get()).hasMessageContaining("ask on another thread");
    }

    // Many at once.

    @Test
    void everyoneGetsTheirOwnRewards() throws Exception {
        backend.allow(1 << 20);
        AtomicInteger wrong = new AtomicInteger();
        List<Future<?>> threads = new ArrayList<>();
        for (int t = 0; t < 16; t++) {
            int seed = t;
            threads.add(
                    callers.submit(
                            () -> {
                                Random random = new Random(seed);
                                for (int round = 0; round < 200; round++) {
                                    int[][] items = new int[1 + random.nextInt(20)][];
                                    Arrays.setAll(
                                            items,
                                            i ->
                                                    random.ints(1 + random.nextInt(150), 0, 2)
                                                            .toArray());
                                    List<Float> rewards = all(items);
                                    for (int i = 0; i < items.length; i++) {
                                        if (rewards.get(i) != HeldBackend.reward(items[i])) {
                                            wrong.incrementAndGet();
                                        }
                                    }
                                }
                            }));
        }
        for (Future<?> thread : threads) {
            thread.get();
        }
        assertThat(wrong).hasValue(0);
        assertThat(queue.waitingTokens()).isZero();
    }

    /** For those whose rewards do not matter. */
    private void begin(int[]... sequences) {
        callers.execute(() -> all(sequences));
    }

    private Future<List<Float>> ask(int[]... sequences) {
        return callers.submit(() -> all(sequences));
    }

    private List<Float> all(int[]... sequences) {
        List<Float> rewards = new ArrayList<>();
        try (OrderedScores<int[]> scores = scores(List.of(sequences))) {
            scores.forEachRemaining(score -> rewards.add(score.reward()));
        }
        return rewards;
    }

    private OrderedScores<int[]> scores(Iterable<int[]> sequences) {
        return new OrderedScores<>(sequences.iterator(), this::encode, queue, "held", true);
    }

    private EncodedAnswer encode(int index, int[] ids) {
        if (ids[0] < 0) {
            throw new ItemException(index, "of the test");
        }
        return new EncodedAnswer(ids, 0, false);
    }

    private void awaitWaiting(long tokens) throws InterruptedException {
        awaitTrue(() -> queue.waitingTokens() == tokens);
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

    private static int[] ids(int id, int length) {
        int[] ids = new int[length];
        Arrays.fill(ids, id);
        return ids;
    }
}
