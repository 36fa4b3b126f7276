package io.github.baichuanreward.cpu;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A fixed number of threads that share the tasks of one loop at a time.
 *
 * <p>A computation is led by one of them ({@link #lead}), so nothing of it runs on a thread of the
 * application; its loops ({@link #run}) are shared by all. Which thread takes which task is left to
 * chance, so a task's result must not depend on its worker. Between the loops of a computation
 * threads look for the next one for some tens of microseconds, less than waking them takes, and
 * then sleep: nothing spins when there is nothing to do. Used by one caller at a time; owns its
 * threads until {@link #close}.
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

    /** Values that one thread computes in the time that waking another takes, some 20 us. */
    private static final int WORTH_A_THREAD = 1 << 15;

    /** How long a thread that has nothing to do stays awake. */
    private static final long AWAKE_NANOS = 50_000;

    private final int count;
    private final ThreadFactory factory;
    private final ExecutorService leader;
    private final Helper[] helpers;
    private final long awakeNanos;
    private volatile boolean closed;

    /**
     * @param count threads in all, at least 1
     */
    Workers(int count) {
        this(count, daemons());
    }

    Workers(int count, ThreadFactory factory) {
        this.count = count;
        this.factory = factory;
        this.leader = Executors.newSingleThreadExecutor(factory);
        this.helpers = new Helper[count - 1];
        for (int h = 0; h < helpers.length; h++) {
            helpers[h] = new Helper(h + 1);
        }
        // Where threads share cores, one that is awake for nothing keeps another from its work.
        this.awakeNanos = count > Runtime.getRuntime().availableProcessors() ? 0 : AWAKE_NANOS;
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
     * Computes something on the first worker, and returns when it is done, even if interrupted: the
     * computation still writes to its arrays.
     *
     * @throws IllegalStateException after {@link #close}
     * @throws RuntimeException or Error that the computation threw
     */
    <T> T lead(Supplier<T> computation) {
        Future<T> future;
        try {
            future = leader.submit(computation::get);
        } catch (RejectedExecutionException e) {
            throw new IllegalStateException(
                    "cpu: the threads have ended; this backend is closed", e);
        }
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return future.get();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } catch (ExecutionException e) {
            throw rethrown(e.getCause());
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /**
     * Runs tasks {@code 0 <= task < tasks} and returns when all have ended. The calling thread
     * works too, as worker 0.
     *
     * @throws RuntimeException or Error that a task threw, or that starting a thread did; the
     *     others then end with the task that they are at
     */
    void run(int tasks, Task task) {
        int helping = Math.max(0, Math.min(count, tasks) - 1);
        Loop loop = new Loop(tasks, task);
        try {
            for (int h = 0; h < helping; h++) {
                helpers[h].help(loop);
            }
            loop.drain(0);
        } finally {
            // Where a thread could not be started, those before it still write to the caller's
            // arrays.
            loop.next.set(tasks);
            loop.await();
        }
        Throwable thrown = loop.failure.get();
        if (thrown != null) {
            throw rethrown(thrown);
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
        closed = true;
        leader.shutdown();
        for (Helper helper : helpers) {
            LockSupport.unpark(helper.thread);
        }
    }

    private static RuntimeException rethrown(@Nullable Throwable thrown) {
        if (thrown instanceof Error e) {
            throw e;
        }
        if (thrown instanceof RuntimeException e) {
            throw e;
        }
        throw new AssertionError("a task throws nothing that is checked", thrown);
    }

    /** The tasks of one loop, and who still works on them. */
    private final class Loop {

        private final int tasks;
        private final Task task;
        private final Thread caller = Thread.currentThread();
        private final AtomicInteger next = new AtomicInteger();
        private final AtomicInteger working = new AtomicInteger();
        private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

        Loop(int tasks, Task task) {
            this.tasks = tasks;
            this.task = task;
        }

        /**
         * Whatever a task throws is carried to the caller, errors too: a helper that died silently
         * would leave part of a result unwritten.
         */
        void drain(int worker) {
            try {
                for (int t = next.getAndIncrement(); t < tasks; t = next.getAndIncrement()) {
                    task.run(worker, t);
                }
            } catch (RuntimeException | Error e) {
                failure.compareAndSet(null, e);
                next.set(tasks);
            }
        }

        void leave() {
            if (working.decrementAndGet() == 0) {
                LockSupport.unpark(caller);
            }
        }

        /** Waits even when interrupted: the helpers still write to the caller's arrays. */
        void await() {
            long end = System.nanoTime() + awakeNanos;
            while (working.get() > 0 && System.nanoTime() < end) {
                Thread.onSpinWait();
            }
            boolean interrupted = false;
            while (working.get() > 0) {
                LockSupport.park(this);
                interrupted |= Thread.interrupted();
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** A thread that helps with loops, started when it is first asked. */
    private final class Helper implements Runnable {

        private final int worker;
        private volatile @Nullable Loop loop;
        private volatile @Nullable Thread thread;

        Helper(int worker) {
            this.worker = worker;
        }

        void help(Loop wanted) {
            if (closed) {
                throw new IllegalStateException("these workers are closed");
            }
            Thread running = thread;
            if (running == null) {
                running = factory.newThread(this);
                running.start();
                thread = running;
            }
            wanted.working.incrementAndGet();
            loop = wanted;
            LockSupport.unpark(running);
        }

        @Override
        public void run() {
            while (true) {
                Loop found = await();
                if (found == null) {
                    return;
                }
                found.drain(worker);
                loop = null;
                found.leave();
            }
        }

        private @Nullable Loop await() {
            long end = System.nanoTime() + awakeNanos;
            while (loop == null && !closed && System.nanoTime() < end) {
                Thread.onSpinWait();
            }
            while (loop == null && !closed) {
                LockSupport.park(this);
                // Nobody interrupts these threads on purpose, and a flag left standing would keep
                // them from sleeping.
                Thread.interrupted();
            }
            return loop;
        }
    }
}
