package io.github.baichuanreward.cuda;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.checkpoint.DType;
import io.github.baichuanreward.model.BaichuanConfig;
import io.github.baichuanreward.model.BaichuanWeights;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Some layers of a model on a device: the first ones with the embedding, the last ones with the
 * value head. What it is asked for is put into the device's queue.
 *
 * <p>Used on its device, by one thread at a time.
 */
final class Shard {

    /** Residual streams where one is handed over while the next is computed. */
    private static final int HANDED_OVER = 2;

    /** What all shards of a model have in common. */
    record Setup(
            BaichuanWeights weights,
            DType half,
            WeightForm form,
            GemmChoice gemm,
            int batchTokens) {

        PaddedSizes sizes() {
            return PaddedSizes.of(weights.config());
        }
    }

    private final CudaDevice device;
    private final Setup setup;
    private final BaichuanConfig config;
    private final PaddedSizes sizes;
    private final LayerPlan.Shard plan;
    private final int streams;
    private final Kernels image;
    private final Launchers kernels;

    /** Where a weight of 8 bits is made halves; null where none is. */
    private final @Nullable DeviceBuffer scratch;

    private GemmChoice.Gemms gemms;
    private final DeviceWeights weights;
    private final List<DecoderLayer> layers = new ArrayList<>();
    private @Nullable LayerStream stream;
    private @Nullable Room present;

    /**
     * Takes memory for weights and batches on a device that is entered; the weights come later.
     *
     * @param isAlone whether it is all of a copy
     * @throws BackendException if less is free than it takes, or if the device fails
     */
    Shard(CudaDevice device, Setup setup, LayerPlan.Shard plan, boolean isAlone) {
        this.device = device;
        this.setup = setup;
        this.plan = plan;
        config = setup.weights().config();
        sizes = setup.sizes();
        streams = isAlone ? 1 : HANDED_OVER;
        image = Kernels.load(device, setup.half());
        kernels = new Launchers(image);
        scratch = scratch();
        gemms = dequantizing(setup.gemm().open(device, kernels, setup.half()), kernels, scratch);
        weights = DeviceWeights.allocate(device, setup.weights(), setup.form(), plan);
        device.resources().add(this::giveRoomBack);
        roomFor(setup.batchTokens());
    }

    private @Nullable DeviceBuffer scratch() {
        long bytes = DequantizingGemm.scratchBytes(sizes, setup.form());
        return bytes == 0
                ? null
                : DeviceBuffer.allocate(
                        device.cuda(), device.resources(), bytes, "a weight of 16 bits");
    }

    private static GemmChoice.Gemms dequantizing(
            GemmChoice.Gemms plain, Launchers kernels, @Nullable DeviceBuffer scratch) {
        if (scratch == null) {
            return plain;
        }
        return new GemmChoice.Gemms(
                new DequantizingGemm(plain.all(), kernels, scratch),
                new DequantizingGemm(plain.last(), kernels, scratch));
    }

    /**
     * Why products cannot be relied on here, asked with the model's weights; empty if they can.
     * Before {@link #ready}.
     *
     * @param offloaded the layers that are not to stay here
     */
    Optional<String> undependable(List<HostBuffer> offloaded) {
        if (weights.resident.isEmpty()) {
            DeviceWeights.Place place = weights.passing.get(0);
            device.upload(place.memory(), offloaded.get(0), place.memory().bytes());
            device.awaitCopies();
        }
        Activations room = roomFor(setup.batchTokens()).streams.get(0);
        for (int rows : setup.gemm().blocks()) {
            Gemm asked = rows == setup.gemm().rows() ? gemms.all() : gemms.last();
            String difference = RowCheck.difference(device, kernels, asked, anyLayer(), room, rows);
            if (difference != null) {
                return Optional.of(
                        "%s gives rows of the same numbers different bits (%s)"
                                .formatted(asked.description(), difference));
            }
        }
        return Optional.empty();
    }

    private DeviceWeights.Layer anyLayer() {
        return weights.resident.isEmpty()
                ? weights.passing.get(0).layer()
                : weights.resident.firstEntry().getValue().layer();
    }

    /** Uses the project's own products. Before {@link #ready}. */
    void useKernels() {
        gemms =
                dequantizing(
                        GemmChoice.kernels().open(device, kernels, setup.half()), kernels, scratch);
    }

    /**
     * Everything is loaded.
     *
     * @param offloaded the layers that are not to stay here, in their order
     */
    void ready(List<HostBuffer> offloaded) {
        for (DeviceWeights.Place place : weights.resident.values()) {
            layers.add(decoder(place.layer()));
        }
        if (!offloaded.isEmpty()) {
            stream =
                    new LayerStream(
                            device,
                            offloaded,
                            weights.passing.stream().map(DeviceWeights.Place::memory).toList(),
                            weights.passing.stream().map(place -> decoder(place.layer())).toList());
        }
    }

    private DecoderLayer decoder(DeviceWeights.Layer layer) {
        float scale = (float) (1 / Math.sqrt(config.headDim()));
        DecoderLayer.Shape shape = new DecoderLayer.Shape(sizes, scale, config.rmsNormEps());
        return new DecoderLayer(kernels, gemms.all(), gemms.last(), shape, weights.slopes, layer);
    }

    PaddedSizes sizes() {
        return sizes;
    }

    CudaDevice device() {
        return device;
    }

    LayerPlan.Shard plan() {
        return plan;
    }

    DeviceWeights weights() {
        return weights;
    }

    /** Layers that stay here. */
    List<DecoderLayer> layers() {
        return layers;
    }

    /** Where the kernels' launches go. */
    Launchers.Queue queue() {
        return image;
    }

    /** Which products and which image, for people. */
    String description() {
        return "%s, kernels %s".formatted(gemms.all().description(), image.image());
    }

    /** Activations for so many tokens. */
    static final class Room {

        final Resources owner = new Resources();

        /** Which differ in their residual streams only. */
        final List<Activations> streams = new ArrayList<>();

        Room(CudaDevice device, PaddedSizes sizes, int rows, int count) {
            try {
                long hidden = Activations.hiddenBytes(sizes, rows);
                long bytes = Activations.bytes(sizes, rows) + (count - 1) * hidden;
                DeviceBuffer memory =
                        DeviceBuffer.allocate(
                                device.cuda(), owner, bytes, "batches of " + rows + " rows");
                // Rows behind the last token are multiplied, too.
                device.clear(memory);
                Arena arena = new Arena(memory);
                Activations all = new Activations(arena, sizes, rows);
                streams.add(all);
                while (streams.size() < count) {
                    streams.add(all.around(arena.take(hidden)));
                }
                device.awaitCopies();
            } catch (RuntimeException | Error e) {
                owner.closeAfter(e);
                throw e;
            }
        }

        int rows() {
            return streams.get(0).rows();
        }
    }

    /** Whether there is room for a batch of so many tokens. */
    boolean hasRoom(int tokens) {
        return present != null && present.rows() >= setup.gemm().room(tokens);
    }

    /**
     * Room for a batch; a single sequence may be longer than batches should be. Nothing that was
     * asked for before may be outstanding where there has to be more.
     */
    Room roomFor(int tokens) {
        if (hasRoom(tokens)) {
            return Objects.requireNonNull(present);
        }
        giveRoomBack(); // or the device would have to hold old and new
        // After a longer sequence for which there was no memory, again as much as usual.
        int rows = setup.gemm().room(Math.max(tokens, setup.batchTokens()));
        Room larger = new Room(device, sizes, rows, streams);
        present = larger;
        return larger;
    }

    /** Frees the room; the next batch will take as much as usual. */
    void giveRoomBack() {
        Room room = present;
        present = null;
        if (room != null) {
            room.owner.close();
        }
    }

    // What a batch goes through.

    /** Sends a batch's ids and segments. */
    BatchInput input(Activations a, HostBuffer input, BatchInput written) {
        device.uploadInput(a.input, input, written.bytes());
        return written.in(a.input);
    }

    /** The beginning of the residual stream, in the first shard. */
    void embed(Activations a, BatchInput in) {
        kernels.embedding(
                a.hidden,
                in.ids(),
                Objects.requireNonNull(weights.embedding),
                sizes.hidden(),
                in.tokens());
    }

    /**
     * Takes the residual stream through this shard's layers.
     *
     * @return what holds the last tokens' rows after the last layer of the model; else {@code a}
     */
    Activations forward(Activations a, BatchInput in) {
        int resident = 0;
        for (int n = 0; n < plan.layers(); n++) {
            LayerStream from = plan.isOffloaded(n) ? Objects.requireNonNull(stream) : null;
            DecoderLayer layer = from == null ? layers.get(resident++) : from.take();
            if (plan.firstLayer() + n + 1 == config.layers()) {
                layer.forwardLast(a.ofLastRows(), a, in);
            } else {
                layer.forward(a, in);
            }
            if (from != null) {
                from.done();
            }
        }
        return isLast() ? a.ofLastRows() : a;
    }

    boolean isLast() {
        return plan.firstLayer() + plan.layers() == config.layers();
    }

    /** Final norm and value head of some rows of the residual stream, and back to the host. */
    void rewards(Activations a, int rows, HostBuffer to) {
        kernels.valueHead(
                a.rewards,
                a.hidden,
                weights.finalNorm,
                weights.valueHead,
                sizes.hidden(),
                setup.weights().valueHead().bias(),
                config.rmsNormEps(),
                rows);
        device.download(to, a.rewards, (long) rows * Float.BYTES);
    }
}
