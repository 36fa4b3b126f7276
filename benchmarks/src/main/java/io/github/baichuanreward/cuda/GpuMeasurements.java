package io.github.baichuanreward.cuda;

import io.github.baichuanreward.ModelShape;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.GpuOptions;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.batch.BatchPlanner;
import io.github.baichuanreward.batch.PackedBatch;
import io.github.baichuanreward.model.BaichuanConfig;
import io.github.baichuanreward.model.RandomModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;

/**
 * Where a GPU's time goes in a model of random weights: tokens a second beside those of its
 * products alone, milliseconds by kernel and product, memory; and what dividing it costs. Prints
 * Markdown.
 *
 * <p>Arguments: SHAPE (a name of {@link ModelShape#named}), LENGTHS (such as {@code 128,512}),
 * SECONDS for each figure, and, where it is not in the usual places, the folder of cuBLAS.
 */
final class GpuMeasurements {

    private static final double PERCENT = 100;

    private static final int PROMPT = 512;
    private static final int ANSWER = 256;
    private static final int ANSWERS = 16;

    private final CudaBackend backend;
    private final Shard shard;
    private final BaichuanConfig config;
    private final double seconds;

    private GpuMeasurements(CudaBackend backend, BaichuanConfig config, double seconds) {
        this.backend = backend;
        this.shard = backend.copies().get(0).shards().get(0);
        this.config = config;
        this.seconds = seconds;
    }

    public static void main(String[] arguments) throws IOException {
        ModelShape shape = arguments.length < 3 ? null : ModelShape.named().get(arguments[0]);
        if (shape == null || arguments.length > 4) {
            throw new IllegalArgumentException(
                    "needed: SHAPE LENGTHS SECONDS [CUDA_LIBRARIES]; shapes are "
                            + ModelShape.named().keySet());
        }
        Path libraries = arguments.length == 4 ? Path.of(arguments[3]) : null;
        BaichuanConfig config =
                new BaichuanConfig(
                        shape.vocabulary(),
                        shape.hidden(),
                        shape.intermediate(),
                        shape.layers(),
                        shape.heads(),
                        shape.maxLength(),
                        1e-6f);
        try (RandomModel model = RandomModel.make(config, 1)) {
            BackendRequest request =
                    new BackendRequest(
                            model.weights(),
                            Precision.BFLOAT16,
                            GpuOptions.defaults().withDevices(List.of(0)).withLibraries(libraries),
                            0,
                            0);
            long before = free();
            long began = System.nanoTime();
            try (CudaBackend backend = CudaBackend.open(request)) {
                double loading = (System.nanoTime() - began) / 1e9;
                print("## Where the time goes%n%n");
                print("%s: %s%n%n", arguments[0], backend.description());
                ModelMemory memory = new Placement(request, GemmChoice.choose(libraries)).memory();
                double bytes = memory.weights();
                print(
                        "%.2f GB of weights in %.2f s, %.2f GB/s, from files that are in memory;"
                                + " %.2f GB of the GPU in use, of which the plan says %.2f.%n%n",
                        bytes / 1e9,
                        loading,
                        bytes / 1e9 / loading,
                        (before - free()) / 1e9,
                        memory.total() / 1e9);
                double wanted = Double.parseDouble(arguments[2]);
                new GpuMeasurements(backend, config, wanted).report(arguments[1]);
            }
            new DivisionMeasurements(request, Double.parseDouble(arguments[2])).report();
        }
    }

    private static long free() {
        CudaDevice device = CudaDevice.open(DeviceChoice.of(List.of(0)).devices().get(0));
        try {
            return device.within(device::freeBytes);
        } finally {
            device.close();
        }
    }

    private void report(String lengths) {
        int[] all = Arrays.stream(lengths.split(",", -1)).mapToInt(Integer::parseInt).toArray();
        print(
                "| tokens | tokens/s | products alone, tokens/s | share | TFLOP/s of the products |%n");
        print("|---|---|---|---|---|%n");
        for (int length : all) {
            rates(length);
        }
        if (config.maxLength() >= PROMPT + ANSWER) {
            bestOf();
        }
        for (int length : all) {
            stages(length);
        }
    }

    /** Answers to one prompt, each computed alone and with the prompt computed once. */
    private void bestOf() {
        Random random = new Random(ANSWERS);
        int[] prompt = random.ints(PROMPT, 0, config.vocabulary()).toArray();
        List<int[]> sequences = new ArrayList<>();
        for (int n = 0; n < ANSWERS; n++) {
            int[] sequence = Arrays.copyOf(prompt, PROMPT + ANSWER);
            Arrays.setAll(
                    sequence, t -> t < PROMPT ? sequence[t] : random.nextInt(config.vocabulary()));
            sequences.add(sequence);
        }
        List<PackedBatch> alone = PackedBatch.pack(sequences, backend.batchTokens());
        List<PackedBatch> sharing = new ArrayList<>();
        List<int[]> left = new ArrayList<>(sequences);
        while (!left.isEmpty()) {
            PackedBatch next =
                    BatchPlanner.next(left, backend.batchTokens(), backend.groupTokens());
            sharing.add(next);
            List<int[]> taken = Arrays.stream(next.order()).mapToObj(left::get).toList();
            left.removeIf(sequence -> taken.stream().anyMatch(other -> other == sequence));
        }
        double apart = median(() -> alone.forEach(backend::score));
        double together = median(() -> sharing.forEach(backend::score));
        print(
                "%nBest of %d, a prompt of %d tokens, answers of %d: %.1f ms each alone, %.1f ms"
                        + " with the prompt computed once, %.2f times as fast.%n",
                ANSWERS, PROMPT, ANSWER, 1e3 * apart, 1e3 * together, apart / together);
    }

    private void rates(int length) {
        PackedBatch batch = batch(length);
        int tokens = batch.tokens().length;
        List<Double> wholes = sorted(() -> backend.score(batch));
        List<Double> alone = sorted(() -> shard.device().within(() -> products(tokens)));
        double whole = middle(wholes);
        double products = middle(alone);
        double operations = 0; // of all layers for all tokens, as the products alone are computed
        for (DecoderLayer layer : shard.layers()) {
            for (DeviceMatrix w : matrices(layer)) {
                operations += 2.0 * tokens * w.n() * w.k();
            }
        }
        print(
                "| %d | %s | %s | %.1f %% | %.1f |%n",
                length,
                rates(tokens, wholes),
                rates(tokens, alone),
                PERCENT * products / whole,
                operations / products / 1e12);
    }

    private static List<DeviceMatrix> matrices(DecoderLayer layer) {
        DeviceWeights.Layer w = layer.weights();
        return List.of(w.qkv(), w.outProj(), w.gateUp(), w.down());
    }

    /** All products of all layers for all tokens, and nothing else. */
    private boolean products(int tokens) {
        Activations a = shard.roomFor(tokens).streams.get(0);
        for (DecoderLayer layer : shard.layers()) {
            Gemm gemm = layer.gemm();
            DeviceWeights.Layer w = layer.weights();
            gemm.multiply(a.qkv, a.normed, w.qkv(), tokens);
            gemm.multiplyAdd(a.hidden, a.context, w.outProj(), tokens);
            gemm.multiply(a.gateUp, a.normed, w.gateUp(), tokens);
            gemm.multiplyAdd(a.hidden, a.gated, w.down(), tokens);
        }
        shard.device().awaitCompute();
        return true;
    }

    private void stages(int length) {
        PackedBatch batch = batch(length);
        backend.score(batch);
        Map<String, Double> times = shard.device().within(() -> timedForward(batch));
        double sum = times.values().stream().mapToDouble(t -> t).sum();
        print("%nA batch of %d x %d tokens, by events:%n%n", batch.sequences(), length);
        print("| stage | ms | share |%n|---|---|---|%n");
        times.forEach(
                (stage, time) ->
                        print("| %s | %.3f | %.1f %% |%n", stage, time, PERCENT * time / sum));
        print("| all | %.3f | |%n", sum);
    }

    /** The backend's own forward pass, its layers timed. */
    private Map<String, Double> timedForward(PackedBatch batch) {
        StageTimes times = new StageTimes(shard.device());
        Activations all = shard.roomFor(batch.tokens().length).streams.get(0);
        Activations lastRows = all.ofLastRows();
        try (Resources own = new Resources()) {
            forward(times, batch, all, lastRows, own);
        }
        return times.milliseconds();
    }

    private void forward(
            StageTimes times,
            PackedBatch batch,
            Activations all,
            Activations lastRows,
            Resources own) {
        Cuda cuda = shard.device().cuda();
        HostBuffer input = HostBuffer.allocate(cuda, own, (int) all.input.bytes());
        HostBuffer rewards = HostBuffer.allocate(cuda, own, (int) all.rewards.bytes());
        own.add(shard.device()::awaitCompute); // before they are freed
        BatchInput[] in = new BatchInput[1];
        times.time(
                "input and embedding",
                () -> {
                    in[0] = shard.input(all, input, BatchInput.write(input.bytes(), batch));
                    shard.embed(all, in[0]);
                });
        int last = shard.layers().size() - 1;
        for (DecoderLayer layer : shard.layers().subList(0, last)) {
            times.timed(layer, shard.queue()).forward(all, in[0]);
        }
        times.timed(shard.layers().get(last), shard.queue()).forwardLast(lastRows, all, in[0]);
        times.time(
                "value head and its copy",
                () -> shard.rewards(lastRows, batch.sequences(), rewards));
        shard.device().awaitCompute();
    }

    /** As many sequences as a batch takes. */
    private PackedBatch batch(int length) {
        Random random = new Random(length);
        List<int[]> sequences = new ArrayList<>();
        for (int n = 0; n < Math.max(1, backend.batchTokens() / length); n++) {
            sequences.add(random.ints(length, 0, config.vocabulary()).toArray());
        }
        return PackedBatch.pack(sequences, Integer.MAX_VALUE).get(0);
    }

    /** Tokens a second: the median, the lowest and the highest. */
    private static String rates(int tokens, List<Double> times) {
        return String.format(
                Locale.ROOT,
                "%.0f (%.0f to %.0f)",
                tokens / middle(times),
                tokens / times.get(times.size() - 1),
                tokens / times.get(0));
    }

    private double median(Runnable run) {
        return middle(sorted(run));
    }

    private static double middle(List<Double> sorted) {
        return sorted.get(sorted.size() / 2);
    }

    /** Seconds of each of as many runs as fit, after one that warms up; three at least. */
    private List<Double> sorted(Runnable run) {
        run.run();
        List<Double> times = new ArrayList<>();
        long start = System.nanoTime();
        while (times.size() < 3 || (System.nanoTime() - start) / 1e9 < seconds) {
            long began = System.nanoTime();
            run.run();
            times.add((System.nanoTime() - began) / 1e9);
        }
        return times.stream().sorted().toList();
    }

    @SuppressWarnings("AnnotateFormatMethod")
    private static void print(String format, Object... values) {
        System.out.printf(Locale.ROOT, format, values);
    }
}
