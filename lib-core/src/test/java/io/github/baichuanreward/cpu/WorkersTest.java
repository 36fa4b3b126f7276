package io.github.baichuanreward.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WorkersTest {

    /** So many values in a row that each row is worth a thread. */
    private static final int WIDE = 1 << 20;

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 8})
    void runsEveryTaskOnce(int threads) {
        try (Workers workers = new Workers(threads)) {
            for (int tasks : new int[] {0, 1, 2, 7, 1000}) {
                AtomicIntegerArray runs = new AtomicIntegerArray(tasks);
                workers.run(tasks, (worker, task) -> runs.incrementAndGet(task));
                for (int t = 0; t < tasks; t++) {
                    assertThat(runs.get(t)).as("task %d of %d", t, tasks).isEqualTo(1);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 8})
    void splitsRowsWithoutGapOrOverlap(int threads) {
        try (Workers workers = new Workers(threads)) {
            for (int rows : new int[] {0, 1, 2, 7, 1001}) {
                AtomicIntegerArray runs = new AtomicIntegerArray(rows);
                workers.rows(
                        rows,
                        WIDE,
                        (first, end) -> {
                            for (int row = first; row < end; row++) {
                                runs.incrementAndGet(row);
                            }
                        });
                for (int row = 0; row < rows; row++) {
                    assertThat(runs.get(row)).as("row %d of %d", row, rows).isEqualTo(1);
                }
            }
        }
    }

    @Test
    void fewRowsStayOnTheCallerAndManyDoNot() {
        try (Workers workers = new Workers(3)) {
            assertThat(pieces(workers, 2, 100)).isEqualTo(1);
            assertThat(pieces(workers, 1000, 64)).isEqualTo(1);
            assertThat(pieces(workers, 1100, 64)).isEqualTo(2);
            assertThat(pieces(workers, 2, WIDE)).isEqualTo(2);
            assertThat(pieces(workers, 1000, WIDE)).isEqualTo(3);
        }
    }

    private static int pieces(Workers workers, int rows, int width) {
        AtomicInteger pieces = new AtomicInteger();
        workers.rows(rows, width, (first, end) -> pieces.incrementAndGet());
        return pieces.get();
    }

    @Test
    void carriesAFailureToTheCallerAndStaysUsable() {
        try (Workers workers = new Workers(2)) {
            assertThatThrownBy(
                            () ->
                                    workers.run(
                                            100,
                                            (worker, task) -> {
                                                if (task == 5) {
                                                    throw new IllegalStateException("task 5");
                                                }
                                            }))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage("task 5");

            AtomicInteger runs = new AtomicInteger();
            workers.run(10, (worker, task) -> runs.incrementAndGet());
            assertThat(runs).hasValue(10);
        }
    }

    @Test
    void carriesAnErrorOfAHelperToTheCaller() {
        try (Workers workers = new Workers(2)) {
            assertThatThrownBy(
                            () ->
                                    workers.run(
                                            2,
                                            (worker, task) -> {
                                                if (worker == 1) {
                                                    throw new OutOfMemoryError("in a helper");
                                                }
                                                // Leaves the other task to the helper.
                                                sleep(200);
                                            }))
                    .isInstanceOf(OutOfMemoryError.class)
                    .hasMessage("in a helper");
        }
    }

    /** Or a helper would go on writing to arrays that the caller uses again. */
    @Test
    void noTaskRunsOnAfterAThreadCouldNotBeStarted() {
        AtomicInteger started = new AtomicInteger();
        AtomicInteger running = new AtomicInteger();
        ThreadFactory second =
                task -> {
                    if (started.incrementAndGet() == 2) {
                        throw new OutOfMemoryError("unable to create native thread");
                    }
                    return new Thread(task);
                };
        try (Workers workers = new Workers(3, second)) {
            assertThatThrownBy(
                            () ->
                                    workers.run(
                                            100,
                                            (worker, task) -> {
                                                running.incrementAndGet();
                                                sleep(20);
                                                running.decrementAndGet();
                                            }))
                    .isInstanceOf(OutOfMemoryError.class)
                    .hasMessage("unable to create native thread");
            for (int look = 0; look < 10; look++) {
                assertThat(running).hasValue(0);
                sleep(5);
            }

            AtomicInteger runs = new AtomicInteger();
            workers.run(10, (worker, task) -> runs.incrementAndGet());
            assertThat(runs).hasValue(10);
        }
    }

    @Test
    void finishesAndKeepsTheInterruptOfItsCaller() {
        try (Workers workers = new Workers(2)) {
            AtomicInteger runs = new AtomicInteger();
            Thread.currentThread().interrupt();
            workers.run(50, (worker, task) -> runs.incrementAndGet());
            assertThat(Thread.interrupted()).isTrue();
            assertThat(runs).hasValue(50);
        }
    }

    /** As a caller does that asked whether the backend is closed just before it was. */
    @Test
    void leadsNothingAfterClose() {
        Workers workers = new Workers(2);
        workers.close();
        assertThatThrownBy(() -> workers.lead(() -> 1))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("cpu: the threads have ended; this backend is closed");
    }

    private static void sleep(int milliseconds) {
        try {
            Thread.sleep(milliseconds);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
