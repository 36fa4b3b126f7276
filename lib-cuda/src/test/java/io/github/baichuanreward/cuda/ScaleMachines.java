package io.github.baichuanreward.cuda;

import io.github.baichuanreward.batch.BatchPlanner;
import io.github.baichuanreward.batch.PackedBatch;
import io.github.baichuanreward.cuda.ScaleSimulation.Batch;
import io.github.baichuanreward.cuda.ScaleSimulation.Copy;
import io.github.baichuanreward.cuda.ScaleSimulation.Host;
import io.github.baichuanreward.cuda.ScaleSimulation.Result;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.function.ToLongFunction;
import java.util.stream.IntStream;

/**
 * Machines for {@link ScaleSimulation}: what {@link LayerPlan} makes of their GPUs, and how long
 * these would take. Every rate is computed from data sheets and published measurements of other
 * programs; none was measured with this library.
 */
final class ScaleMachines {

    // Nanoseconds per token of one of Baichuan-13B's 40 layers on an H200, from a roofline:
    // products
    // at 86 % of the 790 TFLOP/s (bfloat16) that cuBLAS was seen to reach, everything elementwise
    // at
    // 80 % of 4.3 TB/s. Attention grows with the length of the sequence; the line runs through
    // published rates: 15 ns at 128 tokens, 24 at 512, 64 at 2048, 117 at 4096.
    private static final double PRODUCTS = 928;
    private static final double ELEMENTWISE = 48;
    private static final double ATTENTION = 12;
    private static final double ATTENTION_PER_KEY = 105.0 / 4096;

    /** All of these for sequences of 512 tokens, where other GPUs are compared. */
    private static final double H200 = 1000;

    /**
     * Of its waves, a product of 1024 rows fills 91 %; those 86 % are of one that fills 98 %. Taken
     * for all GPUs, though each has another number of multiprocessors.
     */
    private static final double WAVES = 0.98 / 0.91;

    /** Rows of each call of cuBLAS. */
    private static final int ROWS = GemmChoice.cublasInBlocks().rows();

    /** A layer's weights are made 16 bits again for each batch: 1 ms on a card of 1 TB/s. */
    private static final double DEQUANTIZING = 1e6;

    /** Float32 residual stream of a token. */
    private static final long HIDDEN_BYTES = 5120 * 4;

    /** From device to device by way of the host: 8 ms for the 84 MB of 4096 tokens. */
    static final double LINK = 10.5e9;

    /** Assumed, as nothing tells it; the driver's calls take less. */
    private static final long LINK_LATENCY = 50_000;

    /** PCIe 4 with 16 lanes from page-locked memory: 630 MB in 25 ms. */
    private static final double HOST_LINK = 25.2e9;

    /** 320 launches of up to 6 microseconds; planning is assumed, and takes less on a list. */
    static final Host HOST = new Host(500_000, 2_000_000);

    /** As {@link Placement} chooses. */
    private static final int BATCH_TOKENS = 4096;

    private static final int OFFLOADED_BATCH_TOKENS = 8192;

    // As the queue of lib-core chooses from: so many batches' worth of tokens, or for each at a
    // time.
    private static final int WINDOW = 16;
    private static final int WINDOW_EACH = 4;

    private ScaleMachines() {}

    /**
     * A sort of GPU.
     *
     * @param nanos per token and layer in sequences of 512 tokens, all included
     */
    record Kind(String name, int gib, double nanos) {

        static final Kind H200_141 = new Kind("H200", 140, H200);

        // 9,000 tokens a second through 40 layers: 65 to 86 % of 312 TFLOP/s, as others reach.
        static final Kind A100_80 = new Kind("A100 80 GB", 80, 1e9 / 9000 / 40);
        static final Kind A100_40 = new Kind("A100 40 GB", 40, 1e9 / 9000 / 40);

        // 370 and 850 ms for 4096 tokens in 20 layers.
        static final Kind RTX_4090 = new Kind("RTX 4090", 24, 370e6 / 4096 / 20);
        static final Kind RTX_3090 = new Kind("RTX 3090", 24, 850e6 / 4096 / 20);
    }

    /** GPUs of one kind in one computer, and in which form they hold the model. */
    record Machine(Kind kind, int gpus, WeightForm form) {

        boolean isOffloaded() {
            return plan(BATCH_TOKENS, /* offload= */ false).problem() != null;
        }

        int batchTokens() {
            return isOffloaded() ? OFFLOADED_BATCH_TOKENS : BATCH_TOKENS;
        }

        LayerPlan plan() {
            return plan(batchTokens(), isOffloaded());
        }

        private LayerPlan plan(int batchTokens, boolean offload) {
            List<LayerPlan.Device> devices =
                    IntStream.range(0, gpus)
                            .mapToObj(
                                    n ->
                                            new LayerPlan.Device(
                                                    n,
                                                    "device " + n,
                                                    kind.name,
                                                    (long) kind.gib << 30))
                            .toList();
            return LayerPlan.of(memory(batchTokens), devices, List.of(), offload);
        }

        private ModelMemory memory(int batchTokens) {
            return ModelMemory.of(
                    ModelMemoryTest.BAICHUAN_13B, GemmChoice.cublasInBlocks(), form, batchTokens);
        }

        /** The copies of the plan, with so many bytes a second from device to device. */
        List<Copy> copies(double link) {
            return plan().copies().stream().map(copy -> copy(copy, link)).toList();
        }

        private Copy copy(LayerPlan.Copy copy, double link) {
            List<ToLongFunction<Batch>> shards = new ArrayList<>();
            for (LayerPlan.Shard shard : copy.shards()) {
                double sending =
                        shard.offloaded() * memory(batchTokens()).layer() / HOST_LINK * 1e9;
                // Layers are sent while others are computed, also those of the batch before.
                shards.add(batch -> Math.round(Math.max(sending, shard.layers() * layer(batch))));
            }
            int devices = shards.size();
            return new Copy(
                    shards,
                    batch -> handOver(batch, link),
                    /* concurrency= */ devices == 1 ? 1 : devices + 1,
                    /* streams= */ devices == 1 ? 1 : 2);
        }

        /** Nanoseconds of a batch in a layer. */
        double layer(Batch batch) {
            long rows = (batch.tokens() + ROWS - 1L) / ROWS * ROWS;
            double onH200 =
                    rows * PRODUCTS * WAVES
                            + batch.tokens() * (ELEMENTWISE + ATTENTION)
                            + batch.squares() * ATTENTION_PER_KEY;
            return onH200 * kind.nanos / H200 + (form == WeightForm.INT8 ? DEQUANTIZING : 0);
        }

        /** Packed as the queue packs a long list. */
        List<Batch> pack(List<Integer> lengths) {
            int concurrency = copies(LINK).stream().mapToInt(Copy::concurrency).sum();
            long window = (long) Math.max(WINDOW, WINDOW_EACH * concurrency) * batchTokens();
            return ScaleMachines.pack(lengths, batchTokens(), window);
        }

        Result run(List<Integer> lengths, double link) {
            return ScaleSimulation.run(pack(lengths), copies(link), HOST);
        }
    }

    /** Nanoseconds. */
    private static long handOver(Batch batch, double link) {
        return LINK_LATENCY + Math.round(batch.tokens() * HIDDEN_BYTES / link * 1e9);
    }

    /** Lengths with a median of 400 tokens, as those of prompts with answers are spread. */
    static List<Integer> lengths(int count, long seed) {
        Random random = new Random(seed);
        return IntStream.range(0, count)
                .map(
                        n -> {
                            double length = 400 * StrictMath.exp(0.7 * random.nextGaussian());
                            return (int) Math.max(1, Math.min(4096, Math.round(length)));
                        })
                .boxed()
                .toList();
    }

    /** Batches of sequences that share nothing, chosen from a window of so many tokens. */
    static List<Batch> pack(List<Integer> lengths, int batchTokens, long window) {
        List<Batch> batches = new ArrayList<>();
        List<Integer> numbers = new ArrayList<>();
        List<int[]> waiting = new ArrayList<>();
        long tokens = 0;
        int next = 0;
        while (next < lengths.size() || !waiting.isEmpty()) {
            while (next < lengths.size()
                    && (waiting.isEmpty() || tokens + lengths.get(next) <= window)) {
                int[] sequence = new int[lengths.get(next)];
                sequence[0] = next + 1; // unlike all others
                waiting.add(sequence);
                numbers.add(next);
                tokens += sequence.length;
                next++;
            }
            PackedBatch packed = BatchPlanner.next(waiting, batchTokens, batchTokens);
            List<Integer> sequences = new ArrayList<>();
            long squares = 0;
            Set<Integer> taken = new HashSet<>();
            for (int n : packed.order()) {
                long length = waiting.get(n).length;
                sequences.add(numbers.get(n));
                squares += length * length;
                taken.add(n);
            }
            batches.add(new Batch(List.copyOf(sequences), packed.tokens().length, squares));
            tokens -= packed.tokens().length;
            waiting = left(waiting, taken);
            numbers = left(numbers, taken);
        }
        return batches;
    }

    private static <T> List<T> left(List<T> all, Set<Integer> taken) {
        List<T> left = new ArrayList<>();
        for (int n = 0; n < all.size(); n++) {
            if (!taken.contains(n)) {
                left.add(all.get(n));
            }
        }
        return left;
    }
}
