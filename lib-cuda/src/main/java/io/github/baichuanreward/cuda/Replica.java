package io.github.baichuanreward.cuda;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.batch.PackedBatch;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;

/**
 * A copy of the model: one shard, or several through which batches go one behind the other.
 *
 * <p>With several, each has a thread that puts batches into its device's queue. It never waits for
 * the device: what is handed over is ordered by marks, which the receiver's queues wait for. Who
 * asked for a batch waits for its marks, shard after shard, so that a device that fails is met
 * where it failed.
 *
 * <p>After a failure nothing is computed here any more.
 *
 * <p>Past 400 lines, since the ways of a batch, of a failure and of the end are one protocol.
 */
final class Replica {

    private static final AtomicInteger NUMBER = new AtomicInteger();

    private final List<Shard> shards;
    private final List<Stage> stages = new ArrayList<>();
    private final List<Thread> threads = new ArrayList<>();
    private final Resources devices = new Resources();

    /** Page-locked memory, of the first device. */
    private final Resources hosts = new Resources();

    private final List<List<CudaDevice.Mark>> marks = new ArrayList<>();
    private volatile List<Passage> passages = List.of();
    private final Queue<Passage> idle = new ConcurrentLinkedQueue<>();

    /** Held shared by each batch, and alone by who makes room for a longer one. */
    private final ReentrantReadWriteLock rooms = new ReentrantReadWriteLock(true);

    private volatile @Nullable BackendException failure;

    /** Told where there is no memory left to say what failed. */
    private final BackendException unsaid =
            new BackendException(
                    "cuda: a copy of the model failed when the Java heap was full; give it more"
                            + " (-Xmx) and load the model again");

    /**
     * Takes shards that are ready, in the order of their layers. Their devices belong to this from
     * now on, unless this fails: then they are still the caller's.
     */
    Replica(List<Shard> shards) {
        this.shards = List.copyOf(shards);
        // So that the first, whose is what the host has for all, comes last.
        shards.forEach(shard -> devices.add(shard.device()::close));
        try {
            first().resources().add(hosts::close);
            for (int n = 0; n < concurrency(); n++) {
                marks.add(marks());
            }
            growPassages();
            if (shards.size() > 1) {
                connect();
            }
        } catch (RuntimeException | Error e) {
            endThreads();
            throw e;
        }
    }

    private CudaDevice first() {
        return shards.get(0).device();
    }

    private List<CudaDevice.Mark> marks() {
        List<CudaDevice.Mark> made = new ArrayList<>();
        if (shards.size() > 1) { // else the queue itself is waited for
            for (Shard shard : shards) {
                CudaDevice device = shard.device();
                on(device, () -> made.add(device.new Mark(device.resources())));
            }
        }
        return made;
    }

    private void connect() {
        for (int n = 0; n < shards.size(); n++) {
            Shard shard = shards.get(n);
            CudaDevice receiver = shards.get(Math.min(n + 1, shards.size() - 1)).device();
            if (n > 0) {
                CudaDevice sender = shards.get(n - 1).device();
                on(shard.device(), () -> shard.device().readFrom(sender));
                on(sender, () -> sender.readFrom(shard.device()));
            }
            Stage stage = new Stage(n);
            on(
                    receiver,
                    () -> {
                        for (int slot = 0; slot < shard.roomFor(1).streams.size(); slot++) {
                            stage.free.add(new Slot(slot, receiver.new Mark(receiver.resources())));
                        }
                    });
            stages.add(stage);
        }
        int number = NUMBER.incrementAndGet();
        for (Stage stage : stages) {
            Thread thread = new Thread(stage, "reward-gpu-%d-%d".formatted(number, stage.index));
            thread.setDaemon(true);
            threads.add(thread);
            thread.start();
        }
    }

    /** How many batches may be under way: one for each shard, and one that is ready to follow. */
    int concurrency() {
        return shards.size() == 1 ? 1 : shards.size() + 1;
    }

    List<Shard> shards() {
        return shards;
    }

    /** Why nothing is computed here any more; null if it is. */
    @Nullable BackendException failure() {
        return failure;
    }

    /**
     * Computes a batch; at most {@link #concurrency} threads at a time.
     *
     * @throws BackendException if a device fails, after which {@link #failure} says so, or if there
     *     is no memory for a long sequence
     */
    float[] score(PackedBatch batch) {
        int tokens = batch.tokens().length;
        while (true) {
            rooms.readLock().lock();
            try {
                if (hasRoom(tokens)) {
                    return computed(batch);
                }
            } finally {
                rooms.readLock().unlock();
            }
            grow(tokens);
        }
    }

    private boolean hasRoom(int tokens) {
        return shards.stream().allMatch(shard -> shard.hasRoom(tokens)) && !passages.isEmpty();
    }

    /**
     * Without memory for a long sequence the devices are as before, which is no failure; nor is it
     * if somebody else took what was free for a moment: the next batch tries again.
     */
    private void grow(int tokens) {
        rooms.writeLock().lock();
        try {
            requireWhole(); // or what is still in the queues might use what is freed
            for (Shard shard : shards) {
                on(shard.device(), () -> shard.roomFor(tokens));
            }
            growPassages();
        } catch (DeviceMemoryException e) {
            giveRoomBack(e);
            throw e;
        } catch (RuntimeException | Error e) {
            fail(e);
            throw e;
        } finally {
            rooms.writeLock().unlock();
        }
    }

    private void giveRoomBack(DeviceMemoryException reason) {
        try {
            for (Shard shard : shards) {
                on(shard.device(), shard::giveRoomBack);
            }
            for (Shard shard : shards) {
                on(shard.device(), () -> shard.roomFor(1));
            }
        } catch (DeviceMemoryException e) {
            reason.addSuppressed(e);
        } catch (BackendException e) {
            fail(e);
            reason.addSuppressed(e);
        }
    }

    /** In the host's memory as much as the largest batch that there is room for. */
    private void growPassages() {
        Activations room = shards.get(0).roomFor(1).streams.get(0);
        if (!passages.isEmpty() && passages.get(0).input.bytes().capacity() >= room.input.bytes()) {
            return;
        }
        passages = List.of();
        idle.clear();
        on(
                first(),
                () -> {
                    hosts.close();
                    passages = marks.stream().map(done -> passage(room, done)).toList();
                });
        idle.addAll(passages);
    }

    private Passage passage(Activations room, List<CudaDevice.Mark> done) {
        Cuda cuda = first().cuda();
        return new Passage(
                HostBuffer.allocate(cuda, hosts, (int) room.input.bytes()),
                HostBuffer.allocate(cuda, hosts, (int) room.rewards.bytes()),
                done);
    }

    private float[] computed(PackedBatch batch) {
        requireWhole();
        Passage passage = idle.remove();
        try {
            passage.begin(batch); // which touches no device
            return passed(passage);
        } finally {
            idle.add(passage);
        }
    }

    private float[] passed(Passage passage) {
        try {
            if (stages.isEmpty()) {
                on(first(), () -> pass(passage));
            } else {
                requireWhole(); // or nobody might tell this passage of a failure
                stages.get(0).inbox.add(passage);
                awaitQueued(passage);
                passage.await(shards);
            }
            return passage.result();
        } catch (RuntimeException | Error e) {
            fail(e);
            throw e;
        }
    }

    private void requireWhole() {
        BackendException before = failure;
        if (before != null) {
            throw told(before);
        }
    }

    /** A failure as a thread's own: several may get it, and add to it. */
    private static BackendException told(BackendException failure) {
        return new BackendException(String.valueOf(failure.getMessage()), failure);
    }

    /** Through the only shard. */
    private void pass(Passage passage) {
        Shard shard = shards.get(0);
        Activations a = shard.roomFor(1).streams.get(0);
        BatchInput in = shard.input(a, passage.input, passage.written());
        shard.embed(a, in);
        shard.rewards(shard.forward(a, in), in.sequences(), passage.rewards);
        shard.device().awaitCompute();
    }

    /**
     * The first failure is what all are told. Whoever waits is told without any memory of the heap:
     * that may be what is missing.
     */
    void fail(Throwable e) {
        try {
            BackendException told =
                    e instanceof BackendException known
                            ? known
                            : new BackendException("cuda: " + e, e);
            tell(told);
        } catch (OutOfMemoryError full) {
            tell(unsaid);
        }
    }

    private synchronized void tell(BackendException told) {
        if (failure == null) {
            failure = told;
        }
        for (int n = 0; n < threads.size(); n++) {
            threads.get(n).interrupt();
        }
        notifyAll();
    }

    private synchronized void queued(Passage passage) {
        passage.isQueued = true;
        notifyAll();
    }

    /** Waits until all shards have a batch in their devices' queues. */
    private synchronized void awaitQueued(Passage passage) {
        boolean interrupted = false;
        while (!passage.isQueued && failure == null) {
            try {
                wait();
            } catch (InterruptedException e) {
                interrupted = true; // but the batch is on its way
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        if (!passage.isQueued) {
            requireWhole();
        }
    }

    private static void on(CudaDevice device, Runnable work) {
        device.within(
                () -> {
                    work.run();
                    return device;
                });
    }

    /** A place that a batch is in on its way: what goes to the devices and comes back. */
    private static final class Passage {

        final HostBuffer input;
        final HostBuffer rewards;

        /** Behind what each shard does with it. */
        final List<CudaDevice.Mark> done;

        private @Nullable BatchInput written;

        /** Where the shard that had it last has left its residual stream. */
        @Nullable Slot slot;

        /** All shards have it in their devices' queues. */
        boolean isQueued; // guarded by the copy

        Passage(HostBuffer input, HostBuffer rewards, List<CudaDevice.Mark> done) {
            this.input = input;
            this.rewards = rewards;
            this.done = done;
        }

        void begin(PackedBatch batch) {
            isQueued = false; // nobody else knows this passage now
            written = BatchInput.write(input.bytes(), batch);
        }

        BatchInput written() {
            return Objects.requireNonNull(written);
        }

        void await(List<Shard> shards) {
            for (int n = 0; n < shards.size(); n++) {
                on(shards.get(n).device(), done.get(n)::await);
            }
        }

        float[] result() {
            float[] result = new float[written().sequences()];
            rewards.bytes().asFloatBuffer().get(result);
            return result;
        }
    }

    /**
     * One of a shard's residual streams.
     *
     * @param index among them
     * @param left behind the last that reads it: the copy to the next shard, where that is recorded
     */
    private record Slot(int index, CudaDevice.Mark left) {}

    /** A shard's thread. */
    private final class Stage implements Runnable {

        final int index;
        final Shard shard;
        final BlockingQueue<Passage> inbox = new LinkedBlockingQueue<>();

        /** Streams whose last reader is in a queue; they may be written behind their marks. */
        final BlockingQueue<Slot> free = new LinkedBlockingQueue<>();

        Stage(int index) {
            this.index = index;
            this.shard = shards.get(index);
        }

        @Override
        public void run() {
            try {
                on(shard.device(), this::serve);
            } catch (RuntimeException | Error e) {
                fail(e);
            }
        }

        private void serve() {
            try {
                while (true) {
                    pass(inbox.take());
                }
            } catch (InterruptedException e) {
                // The end: by close, or after a failure.
            }
        }

        private void pass(Passage passage) throws InterruptedException {
            CudaDevice device = shard.device();
            Slot slot = free.take();
            Activations a = shard.roomFor(1).streams.get(slot.index());
            if (index == 0) {
                device.waitFor(device.compute(), slot.left());
            } else {
                receive(passage, slot, a);
            }
            BatchInput in = shard.input(a, passage.input, passage.written());
            if (index == 0) {
                shard.embed(a, in);
            }
            Activations out = shard.forward(a, in);
            CudaDevice.Mark done = passage.done.get(index);
            if (index + 1 < stages.size()) {
                done.set(device.compute());
                passage.slot = slot;
                stages.get(index + 1).inbox.add(passage);
                return;
            }
            shard.rewards(out, in.sequences(), passage.rewards);
            done.set(device.compute());
            slot.left().set(device.compute());
            free.add(slot);
            queued(passage);
        }

        /** Copies the residual stream from the shard before, and frees it there. */
        private void receive(Passage passage, Slot slot, Activations a) {
            CudaDevice device = shard.device();
            Stage before = stages.get(index - 1);
            Slot from = Objects.requireNonNull(passage.slot);
            DeviceBuffer hidden = before.shard.roomFor(1).streams.get(from.index()).hidden;
            device.waitFor(device.copy(), passage.done.get(index - 1));
            device.waitFor(device.copy(), slot.left());
            device.receive(
                    a.hidden,
                    before.shard.device(),
                    hidden,
                    (long) passage.written().tokens() * hiddenBytes());
            from.left().set(device.copy());
            device.waitFor(device.compute(), from.left());
            before.free.add(from);
        }

        private long hiddenBytes() {
            return Activations.hiddenBytes(shard.sizes(), 1);
        }
    }

    /**
     * Gives everything back. No batch may be under way.
     *
     * @throws BackendException if a driver refuses to take something back, after all was tried; not
     *     after a failure
     */
    void close() {
        BackendException before = failure;
        endThreads();
        if (before != null) {
            devices.closeAfter(before);
        } else {
            devices.close();
        }
    }

    /**
     * Ends the threads, and waits for what is in the devices' queues: it may use what belongs to
     * another device, which may be given back first.
     *
     * @throws BackendException if a device refuses; not after a failure
     */
    void settle() {
        BackendException before = failure;
        Resources waits = settling();
        BackendException late = failure; // of a thread at its end
        if (late == null) {
            waits.close();
            return;
        }
        waits.closeAfter(late);
        if (before == null) {
            throw late;
        }
    }

    /** The same after a failure, which keeps what goes wrong now as suppressed. */
    void settleAfter(Throwable before) {
        settling().closeAfter(before);
    }

    private Resources settling() {
        endThreads();
        Resources waits = new Resources();
        // The first comes first: behind one that has failed, others may wait for its marks.
        for (int n = shards.size() - 1; n >= 0; n--) {
            CudaDevice device = shards.get(n).device();
            waits.add(() -> on(device, device::awaitAll));
        }
        return waits;
    }

    private void endThreads() {
        boolean interrupted = false;
        for (Thread thread : threads) {
            thread.interrupt();
            while (thread.isAlive()) {
                try {
                    thread.join();
                } catch (InterruptedException e) {
                    interrupted = true; // but the thread uses what is freed next
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
