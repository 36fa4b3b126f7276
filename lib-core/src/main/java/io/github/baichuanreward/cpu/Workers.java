package io.github.baichuanreward.cpu;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

/**
 * A fixed number of threads that share the tasks of one loop at a time.
 *
 * <p>The calling thread works too. Which thread takes which task is left to chance, so a task's
 * result must not depend on its worker; threads that have nothing to do sleep. Used by one caller
 * at a time; owns its threads until {@link #close}.
 */
final class Workers implements AutoCloseable {

    /** One piece of a loop. */
    interface Task {
        /**
         * Computes one piece.
         *
         * @param worker which of the workers runs it, from 0: for scratch memory
         * @param task which piece, from 0
         */
        void run(int worker, int task);
    }

    /** Some rows. */
    interface Rows {
        void run(int firstRow, int endRow);
    }

    /** Values of a piece that take about as long as to wake a thread and to wait for it: 50 us. */
    private static final int WORTH_A_THREAD = 1 << 15;

    private final int count;
    private final ExecutorService helpers;

    /**
     * @param count threads in all, at least 1; the caller is one of them
     */
    Workers(int count) {
        this(count, daemons());
    }

    Workers(int count, ThreadFactory factory) {
        this.count = count;
        this.helpers = Executors.newFixedThreadPool(Math.max(1, count - 1), factory);
    }

    private static ThreadFactory daemons() {
        AtomicInteger number = new AtomicInteger();
        return task -> {
            Thread thread = new Thread(task, "reward-cpu-" + number.incrementAndGet());
            // A model that was never closed must not keep the application alive.
            thread.setDaemon(true);
            return thread;
        };
    }

    /** How many threads there are. */
    int count() {
        return count;
    }

    /**
     * Runs tasks {@code 0 <= task < tasks} and returns when all have ended.
     *
     * @throws RuntimeException or Error that a task threw, or that starting a thread did; the
     *     others then end with the task that they are at
     */
    void run(int tasks, Task task) {
        AtomicInteger next = new AtomicInteger();
        AtomicReference<Throwable> failure = new AtomicReference<>();
        int helping = Math.max(0, Math.min(count, tasks) - 1);
        CountDownLatch done = new CountDownLatch(helping);
        int asked = 0;
        try {
            while (asked < helping) {
                int worker = asked + 1;
                helpers.execute(
                        () -> {
                            drain(worker, tasks, task, next, failure);
                            done.countDown();
                        });
                asked++;
            }
            drain(0, tasks, task, next, failure);
        } finally {
            // Where a thread could not be started, those before it still write to the caller's
            // arrays.
            next.set(tasks);
            for (int missing = asked; missing < helping; missing++) {
                done.countDown();
            }
            await(done);
        }
        Throwable thrown = failure.get();
        if (thrown instanceof RuntimeException e) {
            throw e;
        }
        if (thrown instanceof Error e) {
            throw e;
        }
    }

    /**
     * Runs rows {@code 0 <= row < rows} in as many pieces as there are threads, or fewer where
     * waking a thread would take longer than its piece.
     *
     * @param width values of one row, each of about a nanosecond of work
     */
    void rows(int rows, int width, Rows task) {
        long worthwhile = Math.max(1, (long) rows * width / WORTH_A_THREAD);
        int pieces = (int) Math.min(Math.min(count, rows), worthwhile);
        run(
                pieces,
                (worker, piece) ->
                        task.run(
                                (int) ((long) rows * piece / pieces),
                                (int) ((long) rows * (piece + 1) / pieces)));
    }

    @Override
    public void close() {
        helpers.shutdown();
    }

    // Whatever a task throws is carried to the caller, errors too: a helper that died silently
    // would
    // leave part of a result unwritten.
    private static void drain(
            int worker,
            int tasks,
            Task task,
            AtomicInteger next,
            AtomicReference<Throwable> failure) {
        try {
            for (int t = next.getAndIncrement(); t < tasks; t = next.getAndIncrement()) {
                task.run(worker, t);
            }
        } catch (RuntimeException | Error e) {
            failure.compareAndSet(null, e);
            next.set(tasks);
        }
    }

    /** Waits even when interrupted: the helpers still write to the caller's arrays. */
    private static void await(CountDownLatch done) {
        boolean interrupted = false;
        while (true) {
            try {
                done.await();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
