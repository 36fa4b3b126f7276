package io.github.baichuanreward.cuda;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.checkpoint.CheckpointException;
import io.github.baichuanreward.checkpoint.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Brings weights from a checkpoint to a device.
 *
 * <p>Some threads convert parts of them into page-locked memory, from where the device fetches them
 * while the next parts are converted. The mapped file is touched by Java only: a file that is cut
 * meanwhile ends in an exception, where it would end the process inside the driver's copy.
 */
final class WeightReader {

    /** What a thread converts at a time: large enough for the bus, small enough for the cache. */
    private static final int PART_BYTES = 8 << 20;

    /** One is filled while the other is on its way. */
    private static final int BUFFERS = 2;

    /** More than so many only wait for the bus. */
    private static final int MOST_THREADS = 4;

    private final CudaDevice device;
    private final DType half;
    private final List<WeightBand> parts = new ArrayList<>();
    private final int bufferBytes;
    private final AtomicInteger next = new AtomicInteger();
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

    private WeightReader(CudaDevice device, DType half, List<WeightBand> bands) {
        this.device = device;
        this.half = half;
        int largest = 1;
        for (WeightBand band : bands) {
            parts.addAll(band.split(PART_BYTES));
        }
        for (WeightBand part : parts) {
            largest = Math.max(largest, part.rows() * part.rowBytes());
        }
        this.bufferBytes = largest;
    }

    /**
     * Reads all bands; returns when they are on the device.
     *
     * @param threads that may be used; 0 means as many as there are cores
     * @throws CheckpointException if a file cannot be read, or was cut
     * @throws BackendException if the device fails
     */
    static void read(CudaDevice device, DType half, List<WeightBand> bands, int threads)
            throws CheckpointException {
        new WeightReader(device, half, bands).run(threads);
    }

    private void run(int threads) throws CheckpointException {
        int wanted = threads == 0 ? Runtime.getRuntime().availableProcessors() : threads;
        int count = Math.min(Math.min(wanted, MOST_THREADS), parts.size());
        List<Thread> readers = new ArrayList<>();
        for (int n = 0; n < count; n++) {
            Thread reader = new Thread(this::readParts, "baichuan-reward-weights-" + n);
            reader.setDaemon(true);
            reader.start();
            readers.add(reader);
        }
        join(readers);
        Throwable failed = failure.get();
        if (failed instanceof CheckpointException e) {
            throw e;
        } else if (failed instanceof BackendException e) {
            throw e;
        } else if (failed != null) {
            throw new BackendException("cuda: the weights cannot be read: " + failed, failed);
        }
    }

    /** An interrupt waits until nothing is in use any more. */
    private static void join(List<Thread> readers) {
        boolean interrupted = false;
        for (Thread reader : readers) {
            while (reader.isAlive()) {
                try {
                    reader.join();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void readParts() {
        try {
            device.within(this::readSome);
        } catch (CheckpointException | RuntimeException | Error e) {
            failure.compareAndSet(null, e); // thrown by the thread that waits
        }
    }

    /** Reads parts until there are no more; returns how many. */
    private int readSome() throws CheckpointException {
        try (Resources own = new Resources()) {
            List<Slot> slots = new ArrayList<>();
            for (int n = 0; n < BUFFERS; n++) {
                slots.add(new Slot(device, own, bufferBytes));
            }
            own.add(device::awaitCopies); // the first to be done, before buffers are freed
            int turn = 0;
            while (failure.get() == null) {
                int part = next.getAndIncrement();
                if (part >= parts.size()) {
                    break;
                }
                read(parts.get(part), slots.get(turn % BUFFERS));
                turn++;
            }
            return turn;
        }
    }

    private void read(WeightBand part, Slot slot) throws CheckpointException {
        slot.sent.await();
        part.fill(slot.buffer.bytes(), half);
        device.upload(part.target(), slot.buffer, (long) part.rows() * part.rowBytes());
        slot.sent.set();
    }

    /** A buffer, and the mark behind its copy. */
    private static final class Slot {

        final HostBuffer buffer;
        final CudaDevice.Mark sent;

        Slot(CudaDevice device, Resources own, int bytes) {
            buffer = HostBuffer.allocate(device.cuda(), own, bytes);
            sent = device.new Mark(own);
        }
    }
}
