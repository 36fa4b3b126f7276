package io.github.baichuanreward.cpu;

import io.github.baichuanreward.backend.Backend;
import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.GpuOptions;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.batch.PackedBatch;
import io.github.baichuanreward.batch.Segment;
import io.github.baichuanreward.checkpoint.CheckpointException;
import io.github.baichuanreward.model.BaichuanConfig;
import io.github.baichuanreward.model.BaichuanWeights;
import io.github.baichuanreward.model.ValueHead;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The forward pass on CPU cores: float32 or bfloat16 activations on weights mapped as they lie on
 * disk.
 *
 * <p>The operating system reads weights when they are first used and may drop them again, so memory
 * that a program must have is the activations only. On the Java heap: {@code 24 * hidden + 4 *
 * intermediate} bytes a token of the largest batch seen, and for each thread {@code 8 * headDim +
 * 256} bytes a token of the longest sequence seen (of which oneDNN's products keep {@code 8 *
 * headDim} in native memory); plain Java products add 2 KiB a token for each thread, oneDNN's at
 * most {@code 4096 * intermediate} bytes of native memory. For Baichuan-13B and two threads that is
 * 0.25 GB at the default batch size and 0.8 GB for a sequence of 4096 tokens, or for as many tokens
 * of sequences that share a prefix. The mappings end when this object is garbage.
 */
final class CpuBackend implements Backend {

    /** Enough rows to make the widening of the weights cheap, few enough for a small heap. */
    private static final int DEFAULT_BATCH_TOKENS = 1024;

    private final BaichuanConfig config;
    private final int batchTokens;
    private final int groupTokens;
    private final Workers workers;
    private final MatMul matMul;
    private final String precision;
    private final Matrix embedding;
    private final List<DecoderLayer> layers;
    private final float[] finalNorm;
    private final ValueHead valueHead;
    private final AtomicBoolean closed = new AtomicBoolean();
    private Activations activations;

    /** Chooses products; tests choose for themselves. */
    interface Products {
        MatMul open(Workers workers, BaichuanWeights weights, Precision precision);
    }

    private CpuBackend(BackendRequest request, int batchTokens, Workers workers, MatMul matMul)
            throws CheckpointException {
        BaichuanWeights weights = request.weights();
        this.config = weights.config();
        this.batchTokens = batchTokens;
        // As much as one sequence may need anyway, where nobody has asked for smaller batches.
        this.groupTokens =
                request.batchTokens() == 0
                        ? Math.max(batchTokens, config.maxLength())
                        : batchTokens;
        this.workers = workers;
        this.matMul = matMul;
        this.precision =
                request.precision() == Precision.BFLOAT16 ? "bfloat16 activations" : "float32";
        TiledAttention attention =
                new TiledAttention(
                        workers,
                        () -> matMul.attention(config.headDim(), config.hidden()),
                        config.headDim(),
                        config.hidden());
        this.embedding = Matrix.map(weights.embedding());
        this.layers = new ArrayList<>();
        for (BaichuanWeights.Layer layer : weights.layers()) {
            layers.add(new DecoderLayer(workers, matMul, attention, config, layer));
        }
        this.finalNorm = weights.finalNorm().toFloats();
        this.valueHead = weights.valueHead();
        this.activations = new Activations(config, 0);
    }

    /**
     * Maps the weights.
     *
     * @throws CheckpointException if a weight file vanished or shrank since it was opened
     * @throws BackendException if the request names a precision, devices or a batch size that this
     *     backend does not have
     */
    static CpuBackend open(BackendRequest request) throws CheckpointException {
        return open(request, MatMulChoice::choose);
    }

    private static void requireNoGpus(GpuOptions gpus) {
        if (!gpus.devices().isEmpty()) {
            throw new BackendException(
                    "cpu: devices %s were given, but devices are GPUs; leave them out"
                            .formatted(gpus.devices()));
        }
        if (gpus.isWish()) {
            throw new BackendException(
                    "cpu: layers per device, and offload, are for GPUs; leave them out");
        }
    }

    static CpuBackend open(BackendRequest request, Products products) throws CheckpointException {
        requireNoGpus(request.gpus());
        int batchTokens = batchTokens(request);
        requireArrays(request.weights().config(), batchTokens);
        int threads =
                request.threads() == 0
                        ? Runtime.getRuntime().availableProcessors()
                        : request.threads();
        Workers workers = new Workers(threads);
        try {
            MatMul matMul = products.open(workers, request.weights(), request.precision());
            return open(request, batchTokens, workers, matMul);
        } catch (CheckpointException | RuntimeException e) {
            workers.close();
            throw e;
        }
    }

    private static CpuBackend open(
            BackendRequest request, int batchTokens, Workers workers, MatMul matMul)
            throws CheckpointException {
        try {
            return new CpuBackend(request, batchTokens, workers, matMul);
        } catch (CheckpointException | RuntimeException e) {
            matMul.close();
            throw e;
        }
    }

    /** The size of batches that a request will get. */
    static int batchTokens(BackendRequest request) {
        return request.batchTokens() == 0 ? DEFAULT_BATCH_TOKENS : request.batchTokens();
    }

    @Override
    public float[] score(PackedBatch batch) {
        requireOpen();
        return workers.lead(() -> forward(batch));
    }

    private void requireOpen() {
        if (closed.get()) {
            throw new IllegalStateException("cpu: this backend is closed");
        }
    }

    private float[] forward(PackedBatch batch) {
        requireOpen(); // closing may have come between, and has then freed all
        List<Segment> segments = batch.segments();
        int[] all = new int[segments.size() + 1];
        int[] scored = new int[segments.size() + 1];
        for (int s = 0; s < segments.size(); s++) {
            all[s + 1] = segments.get(s).end();
            scored[s + 1] = scored[s] + (segments.get(s).scored() ? 1 : 0);
        }
        Activations a = activationsFor(batch.tokens().length);

        embed(a.hidden, batch.tokens());
        for (int n = 0; n < layers.size(); n++) {
            boolean last = n == layers.size() - 1;
            layers.get(n).forward(a, segments, last ? scored : all);
        }
        return rewards(a, batch.sequences());
    }

    @Override
    public int batchTokens() {
        return batchTokens;
    }

    @Override
    public int groupTokens() {
        return groupTokens;
    }

    @Override
    public String description() {
        int threads = workers.count();
        return "cpu: %s, %s, %d thread%s"
                .formatted(precision, matMul.description(), threads, threads == 1 ? "" : "s");
    }

    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            workers.lead(this::free);
            workers.close();
        }
    }

    /** Led by a worker, so that it comes after a batch that is still being computed. */
    private Activations free() {
        matMul.close();
        activations = new Activations(config, 0);
        return activations;
    }

    // The stages, one by one, for tests that compare each with its golden.

    List<DecoderLayer> layers() {
        return layers;
    }

    Activations activationsFor(int tokens) {
        if (activations.tokens() >= tokens) {
            return activations;
        }
        requireArrays(config, tokens);
        activations = new Activations(config, 0); // or the heap would have to hold old and new
        try {
            activations = new Activations(config, tokens);
        } catch (OutOfMemoryError e) {
            throw new BackendException(
                    ("cpu: a batch of %d tokens needs %d MiB of the Java heap, whose limit is %d"
                                    + " MiB; raise it (-Xmx), or lower batchTokens or the lengths of"
                                    + " the texts")
                            .formatted(
                                    tokens,
                                    Activations.bytes(config, tokens) >> 20,
                                    Runtime.getRuntime().maxMemory() >> 20),
                    e);
        }
        return activations;
    }

    private static void requireArrays(BaichuanConfig config, int tokens) {
        int largest = Activations.largestBatch(config);
        if (tokens > largest) {
            throw new BackendException(
                    "cpu: %d tokens in a batch; this model allows at most %d"
                            .formatted(tokens, largest));
        }
    }

    void embed(float[] hidden, int[] tokens) {
        int width = config.hidden();
        workers.rows(
                tokens.length,
                width,
                (first, end) -> {
                    for (int t = first; t < end; t++) {
                        embedding.toFloats(hidden, t * width, tokens[t], 0, width);
                    }
                });
    }

    float[] rewards(Activations a, int rows) {
        VectorOps.rmsNorm(a.normed, a.hidden, finalNorm, 0, rows, config.rmsNormEps());
        float[] rewards = new float[rows];
        for (int row = 0; row < rows; row++) {
            rewards[row] = CpuOps.valueHead(a.normed, valueHead.weight(), valueHead.bias(), row);
        }
        return rewards;
    }
}
