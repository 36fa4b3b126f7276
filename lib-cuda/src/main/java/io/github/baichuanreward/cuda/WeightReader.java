package io.github.baichuanreward.cuda;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.checkpoint.CheckpointException;
import io.github.baichuanreward.checkpoint.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;

/**
 * Brings weights from a checkpoint to a device.
 *
 * <p>Some threads convert parts of them into page-locked memory, from where the device fetches them
 * while the next parts are converted. The mapped file is touched by Java only: a file that is cut
 * meanwhile ends in an exception, where it would end the process inside the driver's copy. Those
 * threads touch nothing else, since that exception may come late; only the calling thread speaks
 * with the driver.
 */
final class WeightReader {

    /** What a thread converts at a time: large enough for the bus, small enough for the cache. */
    private static final int PART_BYTES = 8 << 20;

    /** For each thread: one is filled while the other is on its way. */
    private static final int BUFFERS = 2;

    /** Where bytes go as they are, more than so many only wait for the bus. */
    private static final int MOST_COPYING = 4;

    /** Each has buffers of its own. */
    private static final int MOST_CONVERTING = 16;

    private final CudaDevice device;
    private final DType half;
    private final List<WeightBand> parts = new ArrayList<>();

    private WeightReader(CudaDevice device, DType half, List<WeightBand> bands) {
        this.device = device;
        this.half = half;
        for (WeightBand band : bands) {
            parts.addAll(band.split(PART_BYTES));
        }
    }

    /**
     * Reads all bands to a device that is entered; returns when they are there.
     *
     * @param threads that may be used; 0 means as many as there are cores
     * @throws CheckpointException if a file cannot be read, or was cut
     * @throws BackendException if the device fails
     */
    static void read(CudaDevice device, DType half, List<WeightBand> bands, int threads)
            throws CheckpointException {
        int wanted = threads == 0 ? Runtime.getRuntime().availableProcessors() : threads;
        boolean copies = bands.stream().allMatch(band -> band.isCopied(half));
        int most = copies ? MOST_COPYING : MOST_CONVERTING;
        WeightReader reader = new WeightReader(device, half, bands);
        reader.run(Math.min(Math.min(wanted, most), reader.parts.size()));
    }

    private void run(int threads) throws CheckpointException {
        int bytes = 1;
        for (WeightBand part : parts) {
            bytes = Math.max(bytes, part.rows() * part.rowBytes());
        }
        try (Resources own = new Resources()) {
            List<Slot> slots = new ArrayList<>();
            for (int n = 0; n < BUFFERS * threads; n++) {
                slots.add(new Slot(device, own, bytes));
            }
            // These two come first, before buffers are freed.
            own.add(device::awaitCopies);
            ExecutorService converters = converters(threads);
            own.add(() -> stop(converters));
            pass(slots, converters);
        }
    }

    /**
     * Each slot is filled, sent off, and filled again one turn later, so that there is always a
     * copy behind the one that is waited for.
     */
    private void pass(List<Slot> slots, ExecutorService converters) throws CheckpointException {
        int count = slots.size();
        for (int n = 0; n < Math.min(count, parts.size()); n++) {
            fill(slots.get(n), parts.get(n), converters);
        }
        for (int n = 0; n < parts.size(); n++) {
            WeightBand part = parts.get(n);
            Slot slot = slots.get(n % count);
            await(slot.filled, part);
            device.upload(part.target(), slot.buffer, (long) part.rows() * part.rowBytes());
            slot.sent.set();
            int next = n - 1 + count;
            if (n > 0 && next < parts.size()) {
                Slot sent = slots.get((n - 1) % count);
                sent.sent.await();
                fill(sent, parts.get(next), converters);
            }
        }
    }

    private void fill(Slot slot, WeightBand part, ExecutorService converters)
            throws CheckpointException {
        WeightBand.Source source = part.map();
        slot.filled =
                converters.submit(
                        () -> {
                            part.fill(slot.buffer.bytes(), half, source);
                            return null;
                        });
    }

    /** Waits for a part. An interrupt is kept for later: the wait is short. */
    private static void await(Future<?> filled, WeightBand part) throws CheckpointException {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    filled.get();
                    return;
                } catch (InterruptedException e) {
                    interrupted = true;
                } catch (ExecutionException e) {
                    throw failure(part, e.getCause() == null ? e : e.getCause());
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** What a part that could not be converted is to the caller. */
    static CheckpointException failure(WeightBand part, Throwable cause) {
        if (cause instanceof CheckpointException e) {
            return e;
        }
        if (!(cause instanceof InternalError)) { // which says that a page was not there
            if (cause instanceof Error e) {
                throw e;
            }
            throw new IllegalStateException(cause);
        }
        return new CheckpointException(
                "%s: tensor \"%s\": the file was cut, or cannot be read, while it was loaded: %s"
                        .formatted(part.tensor().file(), part.tensor().name(), cause),
                cause);
    }

    private static ExecutorService converters(int threads) {
        return Executors.newFixedThreadPool(
                threads,
                work -> {
                    Thread thread = new Thread(work, "baichuan-reward-weights");
                    thread.setDaemon(true);
                    // An error that comes late: the part's own failure has been told.
                    thread.setUncaughtExceptionHandler((t, e) -> {});
                    return thread;
                });
    }

    /** What still runs writes into the buffers. */
    private static void stop(ExecutorService converters) {
        converters.shutdownNow();
        boolean interrupted = false;
        while (!converters.isTerminated()) {
            try {
                if (converters.awaitTermination(1, TimeUnit.MINUTES)) {
                    break;
                }
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** A buffer, what fills it, and the mark behind its copy. */
    private static final class Slot {

        final HostBuffer buffer;
        final CudaDevice.Mark sent;
        Future<?> filled = new FutureTask<>(() -> null);

        Slot(CudaDevice device, Resources own, int bytes) {
            buffer = HostBuffer.allocate(device.cuda(), own, bytes);
            sent = device.new Mark(own);
        }
    }
}
