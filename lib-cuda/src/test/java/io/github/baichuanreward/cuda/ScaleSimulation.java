package io.github.baichuanreward.cuda;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Queue;
import java.util.function.ToLongFunction;

/**
 * How long a queue of batches takes on copies of a model, in the time of a clock that exists in
 * numbers only: events one behind the other, without threads. The same batches and copies always
 * give the same result.
 *
 * <p>What waits for what is as in {@link Replica}, {@link CudaBackend} and the queue before them: a
 * place for a batch under way takes the next batch as soon as it is free, and brings it to the copy
 * with the least to do. There it passes the shards. Each has a few residual streams, two in {@link
 * Replica}, and receives into one of them while it computes in another.
 */
final class ScaleSimulation {

    private final Host host;
    private final List<Working> copies = new ArrayList<>();
    private final Queue<Integer> left = new ArrayDeque<>();
    private final List<Batch> batches;
    private final List<Span> spans = new ArrayList<>();
    private final PriorityQueue<Event> events =
            new PriorityQueue<>(
                    Comparator.comparingLong(Event::time).thenComparingLong(Event::number));
    private long now;
    private long scheduled;

    /** When the last batch that was begun to be planned is there. */
    private long planned;

    /**
     * What a batch costs depends on.
     *
     * @param sequences which of a list are in it
     * @param tokens of all of them
     * @param squares the sum of the squares of their lengths
     */
    record Batch(List<Integer> sequences, int tokens, long squares) {}

    /**
     * A copy of the model; all times in nanoseconds.
     *
     * @param shards how long each computes a batch
     * @param handOver how long a batch's residual stream takes from one shard to the next
     * @param concurrency most batches under way
     * @param streams of each shard; one is free when the next shard has copied it
     */
    record Copy(
            List<ToLongFunction<Batch>> shards,
            ToLongFunction<Batch> handOver,
            int concurrency,
            int streams) {}

    /**
     * What the host does for a batch before a device has something to do, in nanoseconds.
     *
     * @param planning one batch at a time is chosen, whichever copy it is for
     * @param launching of a copy's own thread
     */
    record Host(long planning, long launching) {}

    /** A device's work on a batch. */
    record Span(int copy, int shard, int batch, long start, long end) {}

    /**
     * What came out.
     *
     * @param devices how many there are
     * @param nanos until the last batch was done
     */
    record Result(List<Span> spans, int devices, long nanos) {

        /** The time that all devices together computed. */
        long busyNanos() {
            return spans.stream().mapToLong(span -> span.end - span.start).sum();
        }

        /** The part of the time that devices computed. */
        double busy() {
            return (double) busyNanos() / nanos / devices;
        }
    }

    private record Event(long time, long number, Runnable happening) {}

    private ScaleSimulation(List<Batch> batches, List<Copy> copies, Host host) {
        this.batches = batches;
        this.host = host;
        for (int n = 0; n < batches.size(); n++) {
            left.add(n);
        }
        for (int n = 0; n < copies.size(); n++) {
            this.copies.add(new Working(n, copies.get(n)));
        }
    }

    /** Computes all batches, in their order. */
    static Result run(List<Batch> batches, List<Copy> copies, Host host) {
        return new ScaleSimulation(batches, copies, host).run();
    }

    private Result run() {
        int places = copies.stream().mapToInt(working -> working.copy.concurrency).sum();
        for (int n = 0; n < places; n++) {
            plan();
        }
        while (!events.isEmpty()) {
            Event event = events.remove();
            now = event.time;
            event.happening.run();
        }
        int devices = copies.stream().mapToInt(working -> working.shards.size()).sum();
        return new Result(List.copyOf(spans), devices, now);
    }

    private void in(long nanos, Runnable happening) {
        events.add(new Event(now + nanos, scheduled++, happening));
    }

    /** A place is free: it takes the next batch, behind other places that do. */
    private void plan() {
        Integer batch = left.poll();
        if (batch != null) {
            planned = Math.max(planned, now) + host.planning;
            in(planned - now, () -> enter(batch));
        }
    }

    private void enter(int batch) {
        Working best = null;
        for (Working working : copies) {
            if (working.underWay < working.copy.concurrency
                    && (best == null || working.underWay < best.underWay)) {
                best = working;
            }
        }
        if (best == null) {
            throw new AssertionError("more places than copies have");
        }
        best.underWay++;
        Device first = best.shards.get(0);
        in(host.launching, () -> first.arrive(batch));
    }

    /** A copy at work. */
    private final class Working {

        final Copy copy;
        final List<Device> shards = new ArrayList<>();
        int underWay;

        Working(int number, Copy copy) {
            this.copy = copy;
            for (int n = 0; n < copy.shards.size(); n++) {
                shards.add(new Device(this, number, n));
            }
        }

        void done() {
            underWay--;
            plan();
        }
    }

    /** A shard at work. */
    private final class Device {

        final Working working;
        final int copy;
        final int shard;

        /** Batches that the shard before has computed, or the host has launched. */
        final Queue<Integer> arrived = new ArrayDeque<>();

        /** Those in a residual stream of this shard that are not being computed yet. */
        final Queue<Integer> received = new ArrayDeque<>();

        /** Residual streams. */
        int free;

        boolean isReceiving;
        boolean isComputing;

        Device(Working working, int copy, int shard) {
            this.working = working;
            this.copy = copy;
            this.shard = shard;
            this.free = working.copy.streams;
        }

        void arrive(int batch) {
            arrived.add(batch);
            receive();
        }

        private void receive() {
            if (isReceiving || free == 0 || arrived.isEmpty()) {
                return;
            }
            int batch = arrived.remove();
            free--;
            if (shard == 0) { // it makes the stream itself
                received.add(batch);
                compute();
                receive();
                return;
            }
            isReceiving = true;
            in(
                    working.copy.handOver.applyAsLong(batches.get(batch)),
                    () -> {
                        isReceiving = false;
                        working.shards.get(shard - 1).release();
                        received.add(batch);
                        compute();
                        receive();
                    });
        }

        private void release() {
            free++;
            receive();
        }

        private void compute() {
            if (isComputing || received.isEmpty()) {
                return;
            }
            int batch = received.remove();
            isComputing = true;
            long nanos = working.copy.shards.get(shard).applyAsLong(batches.get(batch));
            spans.add(new Span(copy, shard, batch, now, now + nanos));
            in(nanos, () -> computed(batch));
        }

        private void computed(int batch) {
            isComputing = false;
            if (shard + 1 < working.shards.size()) {
                working.shards.get(shard + 1).arrive(batch);
            } else {
                release();
                working.done();
            }
            compute();
        }
    }
}
