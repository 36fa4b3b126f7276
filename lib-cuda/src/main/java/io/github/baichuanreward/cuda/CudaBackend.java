package io.github.baichuanreward.cuda;

import io.github.baichuanreward.backend.Backend;
import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.batch.PackedBatch;
import io.github.baichuanreward.checkpoint.CheckpointException;
import io.github.baichuanreward.checkpoint.DType;
import io.github.baichuanreward.model.BaichuanConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The forward pass on one GPU: weights and activations in a half type, float32 sums, residual
 * stream and softmax.
 *
 * <p>A batch is put into the device's queue as a whole and waited for once. Threads take turns;
 * {@link #close} waits for the batch that is being computed.
 */
final class CudaBackend implements Backend {

    /** Enough rows for a GPU to be busy. */
    private static final int DEFAULT_BATCH_TOKENS = 4096;

    /** Attention counts pieces of 8 elements of Q, K and V in 32 bits. */
    private static final long MOST_QKV_ELEMENTS = (1L << 35) - 1;

    private static final Logger LOG = LoggerFactory.getLogger(CudaBackend.class);

    private final BaichuanConfig config;
    private final PaddedSizes sizes;
    private final GemmChoice choice;
    private final DType half;
    private final int batchTokens;
    private final CudaDevice device;
    private final Kernels image;
    private final Launchers kernels;
    private final Gemm gemm;
    private final DeviceWeights weights;
    private final float bias;
    private final List<DecoderLayer> layers = new ArrayList<>();
    private @Nullable Room present;
    private @Nullable BackendException failure;
    private boolean closed;

    private CudaBackend(CudaDevice device, BackendRequest request, GemmChoice choice)
            throws CheckpointException {
        this.device = device;
        this.choice = choice;
        config = request.weights().config();
        sizes = PaddedSizes.of(config);
        half = half(request);
        batchTokens = batchTokens(request);
        image = Kernels.load(device, half);
        kernels = new Launchers(image);
        GemmChoice.Gemms opened = choice.open(device, kernels, half);
        requireFree(plan(request, choice));
        weights = DeviceWeights.load(device, request.weights(), half, request.threads());
        bias = request.weights().valueHead().bias();
        device.resources().add(this::giveRoomBack);
        GemmChoice.Gemms gemms = dependable(opened, roomFor(batchTokens).all);
        gemm = gemms.all();
        float scale = (float) (1 / Math.sqrt(config.headDim()));
        DecoderLayer.Shape shape = new DecoderLayer.Shape(sizes, scale, config.rmsNormEps());
        for (DeviceWeights.Layer layer : weights.layers) {
            layers.add(new DecoderLayer(kernels, gemm, gemms.last(), shape, weights.slopes, layer));
        }
    }

    /** Those, or the kernels' if those give a row other bits in another place. */
    private GemmChoice.Gemms dependable(GemmChoice.Gemms gemms, Activations room) {
        DeviceWeights.Layer layer = weights.layers.get(0);
        for (int rows : choice.blocks()) {
            Gemm asked = rows == choice.rows() ? gemms.all() : gemms.last();
            String difference = RowCheck.difference(device, kernels, asked, layer, room, rows);
            if (difference != null) {
                LOG.warn(
                        "cuda: own products, which are slower than cuBLAS's: {} gives rows of the"
                                + " same numbers different bits ({})",
                        asked.description(),
                        difference);
                return GemmChoice.kernels().open(device, kernels, half);
            }
        }
        return gemms;
    }

    /**
     * Loads a model.
     *
     * @throws CheckpointException if a weight file cannot be read
     * @throws BackendException if there is no usable device, if it is too small, if the request
     *     names a precision, devices or sizes that this backend does not have, or if the device
     *     fails; then nothing stays open
     */
    static CudaBackend open(BackendRequest request) throws CheckpointException {
        return open(request, null);
    }

    /** With products that a test chooses. */
    static CudaBackend open(BackendRequest request, @Nullable GemmChoice wanted)
            throws CheckpointException {
        DeviceChoice found = DeviceChoice.of(request.devices());
        if (found.problem() != null) {
            throw new BackendException("cuda: " + found.problem());
        }
        half(request);
        GemmChoice choice = wanted == null ? GemmChoice.choose(request.cudaLibraries()) : wanted;
        MemoryPlan plan = plan(request, choice);
        CudaDevice device = CudaDevice.open(found.device(plan.total()));
        try {
            return device.within(() -> new CudaBackend(device, request, choice));
        } catch (CheckpointException | RuntimeException | Error e) {
            device.closeAfter(e);
            throw e;
        }
    }

    /**
     * The half type that a request asks for.
     *
     * @throws BackendException if it asks for another
     */
    static DType half(BackendRequest request) {
        return switch (request.precision()) {
            // Of float32, bfloat16 keeps the range.
            case AUTO ->
                    request.weights().storedType() == DType.FLOAT16
                            ? DType.FLOAT16
                            : DType.BFLOAT16;
            case BFLOAT16 -> DType.BFLOAT16;
            case FLOAT16 -> DType.FLOAT16;
            default ->
                    throw new BackendException(
                            "cuda: precision %s is not available; use auto, bfloat16 or float16, or --backend cpu"
                                    .formatted(
                                            request.precision().name().toLowerCase(Locale.ROOT)));
        };
    }

    /**
     * What a request will take.
     *
     * @throws BackendException if the kernels cannot compute its sizes
     */
    static MemoryPlan plan(BackendRequest request, GemmChoice gemm) {
        BaichuanConfig config = request.weights().config();
        String problem = PaddedSizes.problem(config);
        if (problem != null) {
            throw new BackendException("cuda: " + problem);
        }
        requireCountable(config, batchTokens(request));
        return MemoryPlan.of(config, gemm, batchTokens(request));
    }

    private static int batchTokens(BackendRequest request) {
        return request.batchTokens() == 0 ? DEFAULT_BATCH_TOKENS : request.batchTokens();
    }

    private static void requireCountable(BaichuanConfig config, int tokens) {
        long most = MOST_QKV_ELEMENTS / (3L * PaddedSizes.of(config).attention());
        long largest = Math.min(most, 1 << 24);
        if (tokens > largest) {
            throw new BackendException(
                    "cuda: %d tokens in a batch; this model allows at most %d"
                            .formatted(tokens, largest));
        }
    }

    private void requireFree(MemoryPlan plan) {
        long free = device.freeBytes();
        long needed = plan.weights() + plan.activations() + MemoryPlan.LATE_RESERVE;
        if (needed > free) {
            throw new BackendException(
                    "cuda: %s: %s, but of its %s only %s are free now; end what else uses it%s, or %s"
                            .formatted(
                                    device.properties().label(),
                                    plan.numbers(),
                                    MemoryPlan.gib(device.properties().bytes()),
                                    MemoryPlan.gib(free),
                                    another(plan.total()),
                                    plan.remedy(
                                            free
                                                    + plan.workspace()
                                                    + MemoryPlan.RESERVE
                                                    - MemoryPlan.LATE_RESERVE)));
        }
    }

    /** Whether others use that one, too, would only show when it is taken into use. */
    private String another(long bytes) {
        CudaDevice.Properties other =
                DeviceChoice.of(List.of()).otherThan(device.properties(), bytes);
        return other == null
                ? ""
                : ", or use %s (--devices %d, or LoadOptions.withDevices)"
                        .formatted(other.label(), other.ordinal());
    }

    @Override
    public synchronized float[] score(PackedBatch batch) {
        if (closed) {
            throw new IllegalStateException("cuda: this backend is closed");
        }
        if (failure != null) {
            throw new BackendException(
                    "cuda: this backend has failed before, and is to be closed: "
                            + Cuda.reason(failure),
                    failure);
        }
        // Outside what counts as a failure: without memory for a long sequence the device is as
        // before.
        Room room = device.within(() -> roomFor(batch.tokens().length));
        try {
            return device.within(() -> forward(room, batch));
        } catch (BackendException e) {
            failure = e;
            throw e;
        } catch (RuntimeException | Error e) { // work may be queued that reads the room's input
            failure = new BackendException("cuda: " + e, e);
            throw e;
        }
    }

    private float[] forward(Room r, PackedBatch batch) {
        BatchInput in = embed(r, batch);
        int last = layers.size() - 1;
        for (DecoderLayer layer : layers.subList(0, last)) {
            layer.forward(r.all, in);
        }
        layers.get(last).forwardLast(r.last, r.all, in);
        return rewards(r, r.last, in.sequences());
    }

    @Override
    public int batchTokens() {
        return batchTokens;
    }

    @Override
    public int rows(int tokens) {
        return choice.room(tokens);
    }

    @Override
    public String description() {
        return "cuda: %s, %s, %s, kernels %s"
                .formatted(
                        device.properties().label(),
                        half.name().toLowerCase(Locale.ROOT),
                        gemm.description(),
                        image.image());
    }

    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        if (failure != null) {
            device.closeAfter(failure);
        } else {
            device.close();
        }
    }

    // The stages, one by one, for tests that compare each with its golden, and for measuring.

    /** Activations for so many tokens, and what goes to the device and comes back. */
    static final class Room {

        final Resources owner = new Resources();
        final Activations all;
        final Activations last;
        final HostBuffer input;
        final HostBuffer rewards;

        Room(CudaDevice device, PaddedSizes sizes, int rows) {
            Cuda cuda = device.cuda();
            try {
                long bytes = Activations.bytes(sizes, rows);
                DeviceBuffer memory =
                        DeviceBuffer.allocate(cuda, owner, bytes, "batches of " + rows + " rows");
                // Rows behind the last token are multiplied, too.
                device.clear(memory);
                all = new Activations(new Arena(memory), sizes, rows);
                last = all.ofLastRows();
                input = HostBuffer.allocate(cuda, owner, (int) all.input.bytes());
                rewards = HostBuffer.allocate(cuda, owner, (int) all.rewards.bytes());
                device.awaitCopies();
            } catch (RuntimeException | Error e) {
                owner.closeAfter(e);
                throw e;
            }
        }
    }

    CudaDevice device() {
        return device;
    }

    List<DecoderLayer> layers() {
        return layers;
    }

    /** Where the kernels' launches go. */
    Launchers.Queue queue() {
        return image;
    }

    /** Room for a batch; a single sequence may be longer than batches should be. */
    Room roomFor(int tokens) {
        int rows = choice.room(tokens);
        if (present != null && present.all.rows() >= rows) {
            return present;
        }
        requireCountable(config, tokens);
        giveRoomBack(); // or the device would have to hold old and new
        // After a longer sequence for which there was no memory, again as much as usual.
        Room larger = new Room(device, sizes, Math.max(rows, choice.room(batchTokens)));
        present = larger;
        return larger;
    }

    private void giveRoomBack() {
        Room room = present;
        present = null;
        if (room != null) {
            room.owner.close();
        }
    }

    BatchInput embed(Room r, PackedBatch batch) {
        BatchInput in = BatchInput.write(r.input.bytes(), r.all.input, batch);
        device.uploadInput(r.all.input, r.input, in.bytes());
        kernels.embedding(
                r.all.hidden, in.ids(), weights.embedding.buffer(), sizes.hidden(), in.tokens());
        return in;
    }

    /** Final norm and value head of some rows of the residual stream; waits for them. */
    float[] rewards(Room r, Activations a, int rows) {
        kernels.valueHead(
                a.rewards,
                a.hidden,
                weights.finalNorm,
                weights.valueHead,
                sizes.hidden(),
                bias,
                config.rmsNormEps(),
                rows);
        device.download(r.rewards, a.rewards, (long) rows * Float.BYTES);
        device.awaitCompute();
        float[] rewards = new float[rows];
        r.rewards.bytes().asFloatBuffer().get(rewards);
        return rewards;
    }
}
