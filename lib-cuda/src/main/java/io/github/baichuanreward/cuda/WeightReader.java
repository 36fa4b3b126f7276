package io.github.baichuanreward.cuda;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.checkpoint.CheckpointException;
import io.github.baichuanreward.checkpoint.DType;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Brings weights from a checkpoint to all that hold them; each is read once.
 *
 * <p>Some threads convert parts of them into page-locked memory, from where the devices fetch them
 * while the next parts are converted. The mapped file is touched by Java only: a file that is cut
 * meanwhile ends in an exception, where it would end the process inside the driver's copy. Those
 * threads touch nothing else, since that exception may come late; only the calling thread speaks
 * with the driver.
 */
final class WeightReader {

    /**
     * A block on its way.
     *
     * @param block what is read
     * @param devices that hold it
     * @param host its place in the host's memory; null where it has none
     */
    record Shipment(WeightBlock block, List<DevicePlace> devices, @Nullable ByteBuffer host) {}

    /**
     * A block's place on a device.
     *
     * @param device which is not entered
     * @param memory of the size of the block
     */
    record DevicePlace(CudaDevice device, DeviceBuffer memory) {}

    private record Part(WeightBand band, Shipment shipment) {}

    /** What a thread converts at a time: large enough for the bus, small enough for the cache. */
    private static final int PART_BYTES = 8 << 20;

    /** For each thread: one is filled while the other is on its way. */
    private static final int BUFFERS = 2;

    /** Where bytes go as they are, more than so many only wait for the bus. */
    private static final int MOST_COPYING = 4;

    /** Each has buffers of its own. */
    private static final int MOST_CONVERTING = 16;

    private final CudaDevice first;
    private final DType half;
    private final List<Part> parts = new ArrayList<>();
    private final Set<CudaDevice> devices = new LinkedHashSet<>();

    private WeightReader(CudaDevice first, DType half, List<Shipment> shipments) {
        this.first = first;
        this.half = half;
        for (Shipment shipment : shipments) {
            shipment.devices().forEach(place -> devices.add(place.device()));
            for (WeightBand band : shipment.block().bands()) {
                band.split(PART_BYTES).forEach(part -> parts.add(new Part(part, shipment)));
            }
        }
    }

    /**
     * Reads blocks; returns when they are there.
     *
     * @param first a device, not entered, through which page-locked memory is allocated
     * @param threads that may be used; 0 means as many as there are cores
     * @throws CheckpointException if a file cannot be read, or was cut
     * @throws BackendException if a device fails
     */
    static void read(CudaDevice first, DType half, List<Shipment> shipments, int threads)
            throws CheckpointException {
        int wanted = threads == 0 ? Runtime.getRuntime().availableProcessors() : threads;
        WeightReader reader = new WeightReader(first, half, shipments);
        boolean copies = reader.parts.stream().allMatch(part -> part.band().isCopied(half));
        int most = copies ? MOST_COPYING : MOST_CONVERTING;
        int used = Math.min(Math.min(wanted, most), reader.parts.size());
        first.within(
                () -> {
                    reader.run(used);
                    return reader;
                });
    }

    private void run(int threads) throws CheckpointException {
        int bytes = 1;
        for (Part part : parts) {
            bytes = Math.max(bytes, part.band().bytes());
        }
        try (Resources own = new Resources()) {
            List<Slot> slots = new ArrayList<>();
            for (int n = 0; n < BUFFERS * threads; n++) {
                slots.add(new Slot(HostBuffer.allocate(first.cuda(), own, bytes)));
            }
            for (CudaDevice device : devices) {
                Resources marks = new Resources();
                // A second time for what the first has left, because it could not begin.
                own.add(() -> device.within(() -> closed(marks)));
                own.add(() -> device.within(() -> closed(marks)));
                // This, and the converters' end, come first, before buffers are freed.
                marks.add(device::awaitCopies);
                device.within(
                        () -> {
                            slots.forEach(slot -> slot.sent.put(device, device.new Mark(marks)));
                            return marks;
                        });
            }
            ExecutorService converters = converters(threads);
            own.add(() -> stop(converters));
            pass(slots, converters);
        }
    }

    private static Resources closed(Resources resources) {
        resources.close();
        return resources;
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
            Part part = parts.get(n);
            Slot slot = slots.get(n % count);
            await(slot.filled, part.band());
            send(slot, part);
            int next = n - 1 + count;
            if (n > 0 && next < parts.size()) {
                Slot sent = slots.get((n - 1) % count);
                sent.await();
                fill(sent, parts.get(next), converters);
            }
        }
    }

    private static void send(Slot slot, Part part) {
        for (DevicePlace place : part.shipment().devices()) {
            CudaDevice device = place.device();
            device.within(
                    () -> {
                        for (WeightBand.Piece piece : part.band().pieces()) {
                            DeviceBuffer target = place.memory().view(piece.to(), piece.bytes());
                            device.upload(target, slot.buffer, piece.from(), piece.bytes());
                        }
                        slot.mark(device).set(device.copy());
                        return device;
                    });
        }
    }

    private void fill(Slot slot, Part part, ExecutorService converters) throws CheckpointException {
        WeightBand band = part.band();
        WeightBand.Source source = band.map();
        ByteBuffer host = part.shipment().host();
        slot.filled =
                converters.submit(
                        () -> {
                            band.fill(slot.buffer.bytes(), half, source);
                            if (host != null) {
                                put(host, slot.buffer.bytes(), band);
                            }
                            return null;
                        });
    }

    private static void put(ByteBuffer host, ByteBuffer filled, WeightBand band) {
        for (WeightBand.Piece piece : band.pieces()) {
            host.put(Math.toIntExact(piece.to()), filled, piece.from(), piece.bytes());
        }
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

    /** A buffer, what fills it, and the marks behind its copies. */
    private static final class Slot {

        final HostBuffer buffer;
        final Map<CudaDevice, CudaDevice.Mark> sent = new LinkedHashMap<>();
        Future<?> filled = new FutureTask<>(() -> null);

        Slot(HostBuffer buffer) {
            this.buffer = buffer;
        }

        CudaDevice.Mark mark(CudaDevice device) {
            return Objects.requireNonNull(sent.get(device));
        }

        /** Waits for the copies so far, if there were any. */
        void await() {
            sent.forEach(
                    (device, mark) ->
                            device.within(
                                    () -> {
                                        mark.await();
                                        return mark;
                                    }));
        }
    }
}
