package io.github.baichuanreward.cuda;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.GpuOptions;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.batch.PackedBatch;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * What it costs to divide a model: the same list of full batches whole, in two shards that share a
 * device, with weights of 8 bits, and with half of the layers in the host's memory. All are loaded
 * at once and take turns; what does not fit beside the others is left out, and said. Prints
 * Markdown.
 */
final class DivisionMeasurements {

    /** Enough that filling and draining a pipeline of two is a few percent; fewer where slow. */
    private static final int MOST_BATCHES = 32;

    private static final int FEWEST_BATCHES = 4;

    private static final int LENGTH = 512;

    private final BackendRequest request;
    private final double seconds;
    private int batches = 1;

    /**
     * Of a model on one device.
     *
     * @param seconds for each way
     */
    DivisionMeasurements(BackendRequest request, double seconds) {
        this.request = request;
        this.seconds = seconds;
    }

    void report() throws IOException {
        int layers = request.weights().config().layers();
        Map<String, CudaBackend> ways = new LinkedHashMap<>();
        try (Resources all = new Resources()) {
            GpuOptions gpus = request.gpus();
            add(all, ways, "whole", request.precision(), gpus);
            add(
                    all,
                    ways,
                    "two shards on one device",
                    request.precision(),
                    gpus.withDevices(List.of(0, 0))
                            .withLayersPerDevice(List.of(layers / 2, layers - layers / 2)));
            add(all, ways, "int8", Precision.INT8, gpus);
            addOffloaded(all, ways, gpus.withOffload(true));
            CudaBackend first = ways.values().iterator().next();
            ExecutorService caller = Executors.newSingleThreadExecutor();
            try {
                rate(first, caller); // warms up
                double batch = first.batchTokens() / rate(first, caller);
                batches = (int) Math.max(FEWEST_BATCHES, Math.min(MOST_BATCHES, seconds / batch));
            } finally {
                caller.shutdown();
            }
            print(
                    "%n## What dividing it costs%n%n%d batches of up to %d sequences of %d tokens, by"
                            + " turns; medians.%n%n| way | tokens/s | time, beside whole |%n|---|---|---|%n",
                    batches, first.batchTokens() / LENGTH, LENGTH);
            Map<String, List<Double>> rates = measured(ways);
            double whole = median(rates.values().iterator().next());
            rates.forEach(
                    (way, found) ->
                            print(
                                    "| %s | %.0f (%.0f to %.0f) | %.3f |%n",
                                    way,
                                    median(found),
                                    Collections.min(found),
                                    Collections.max(found),
                                    whole / median(found)));
        }
    }

    private void add(
            Resources all,
            Map<String, CudaBackend> ways,
            String name,
            Precision precision,
            GpuOptions gpus)
            throws IOException {
        BackendRequest divided =
                new BackendRequest(
                        request.weights(),
                        precision,
                        gpus,
                        request.batchTokens(),
                        request.threads());
        try {
            CudaBackend backend = CudaBackend.open(divided);
            all.add(backend::close);
            ways.put(name, backend);
        } catch (BackendException e) {
            print("%nNot measured: %s: %s%n", name, Cuda.reason(e));
        }
    }

    /** As on a device that holds half of the layers: the rest of its memory is taken. */
    private void addOffloaded(Resources all, Map<String, CudaBackend> ways, GpuOptions gpus)
            throws IOException {
        ModelMemory memory = new Placement(request, GemmChoice.choose(gpus.libraries())).memory();
        int half = memory.layers() / 2;
        long wanted =
                memory.shard(half, true, true)
                        + memory.activations() // batches are twice as large
                        + ModelMemory.OPENED_RESERVE;
        CudaDevice others = CudaDevice.open(CudaDevice.properties(0));
        all.add(others::close);
        long taken = others.within(others::freeBytes) - wanted;
        if (taken <= 0) {
            print("%nNot measured: offload: too little memory is left beside the others%n");
            return;
        }
        others.within(
                () ->
                        DeviceBuffer.allocate(
                                others.cuda(), others.resources(), taken, "what others hold"));
        String name = "half of the layers offloaded";
        add(all, ways, name, request.precision(), gpus);
        CudaBackend backend = ways.get(name);
        if (backend != null && !backend.description().contains("offloaded")) {
            ways.remove(name);
            print("%nNot measured: offload: so small a model fits all the same%n");
        }
    }

    private Map<String, List<Double>> measured(Map<String, CudaBackend> ways) {
        Map<String, List<Double>> rates = new LinkedHashMap<>();
        ExecutorService callers = Executors.newCachedThreadPool();
        try {
            ways.forEach((way, backend) -> rate(backend, callers)); // warms up
            long end = System.nanoTime() + (long) (seconds * ways.size() * 1e9);
            int rounds = 0;
            while (rounds++ < 3 || System.nanoTime() < end) {
                ways.forEach(
                        (way, backend) ->
                                rates.computeIfAbsent(way, w -> new ArrayList<>())
                                        .add(rate(backend, callers)));
            }
        } finally {
            callers.shutdown();
        }
        return rates;
    }

    /** Tokens a second of the list, as many batches under way as there can be. */
    private double rate(CudaBackend backend, ExecutorService callers) {
        Random random = new Random(LENGTH);
        int vocabulary = request.weights().config().vocabulary();
        List<int[]> sequences = new ArrayList<>();
        for (int n = 0; n < Math.max(1, backend.batchTokens() / LENGTH); n++) {
            sequences.add(random.ints(LENGTH, 0, vocabulary).toArray());
        }
        PackedBatch batch = PackedBatch.pack(sequences, Integer.MAX_VALUE).get(0);
        int tokens = batch.tokens().length;
        long began = System.nanoTime();
        List<CompletableFuture<?>> asked = new ArrayList<>();
        for (int n = 0; n < batches; n++) {
            asked.add(CompletableFuture.supplyAsync(() -> backend.score(batch), callers));
        }
        asked.forEach(CompletableFuture::join);
        return batches * (double) tokens / ((System.nanoTime() - began) / 1e9);
    }

    private static double median(List<Double> values) {
        return values.stream().sorted().toList().get(values.size() / 2);
    }

    @SuppressWarnings("AnnotateFormatMethod")
    private static void print(String format, Object... values) {
        System.out.printf(Locale.ROOT, format, values);
    }
}
