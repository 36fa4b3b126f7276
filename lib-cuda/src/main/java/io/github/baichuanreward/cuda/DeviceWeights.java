package io.github.baichuanreward.cuda;

import io.github.baichuanreward.checkpoint.CheckpointException;
import io.github.baichuanreward.checkpoint.DType;
import io.github.baichuanreward.checkpoint.Tensor;
import io.github.baichuanreward.cuda.WeightBand.Columns;
import io.github.baichuanreward.model.BaichuanConfig;
import io.github.baichuanreward.model.BaichuanWeights;
import io.github.baichuanreward.model.Projection;
import java.util.ArrayList;
import java.util.List;

/**
 * A model's weights on a device: pieces of one arena, half but for value head and slopes. What
 * fills sizes up is zero, so that it adds nothing to any sum.
 */
final class DeviceWeights {

    /**
     * One decoder layer.
     *
     * @param inputNorm {@code [hidden]}
     * @param qkv {@code [3 * attention, hidden]}
     * @param outProj {@code [hidden, attention]}
     * @param postNorm {@code [hidden]}
     * @param gateUp {@code [2 * intermediate, hidden]}: gate's rows, then up's
     * @param down {@code [hidden, intermediate]}
     */
    record Layer(
            DeviceBuffer inputNorm,
            DeviceMatrix qkv,
            DeviceMatrix outProj,
            DeviceBuffer postNorm,
            DeviceMatrix gateUp,
            DeviceMatrix down) {}

    /** {@code [vocabulary, hidden]}. */
    final DeviceMatrix embedding;

    final List<Layer> layers = new ArrayList<>();

    /** {@code [hidden]}. */
    final DeviceBuffer finalNorm;

    /** {@code [hidden]} float32. */
    final DeviceBuffer valueHead;

    /** ALiBi's, {@code [heads]} float32. */
    final DeviceBuffer slopes;

    private final BaichuanConfig config;
    private final PaddedSizes sizes;

    private DeviceWeights(Arena arena, BaichuanConfig config) {
        this.config = config;
        this.sizes = PaddedSizes.of(config);
        int hidden = sizes.hidden();
        embedding = matrix(arena, config.vocabulary(), hidden);
        for (int n = 0; n < config.layers(); n++) {
            layers.add(
                    new Layer(
                            vector(arena, hidden, Short.BYTES),
                            matrix(arena, 3 * sizes.attention(), hidden),
                            matrix(arena, hidden, sizes.attention()),
                            vector(arena, hidden, Short.BYTES),
                            matrix(arena, 2 * sizes.intermediate(), hidden),
                            matrix(arena, hidden, sizes.intermediate())));
        }
        finalNorm = vector(arena, hidden, Short.BYTES);
        valueHead = vector(arena, hidden, Float.BYTES);
        slopes = vector(arena, sizes.heads(), Float.BYTES);
    }

    /** Bytes that a model of these sizes takes. */
    static long bytes(BaichuanConfig config) {
        Arena arena = Arena.measuring();
        new DeviceWeights(arena, config);
        return arena.used();
    }

    /**
     * Reads a model into memory of a device, which is entered.
     *
     * @throws CheckpointException if a file cannot be read
     */
    static DeviceWeights load(CudaDevice device, BaichuanWeights weights, DType half, int threads)
            throws CheckpointException {
        BaichuanConfig config = weights.config();
        DeviceBuffer memory =
                DeviceBuffer.allocate(
                        device.cuda(), device.resources(), bytes(config), "the weights");
        device.clear(memory);
        DeviceWeights loaded = new DeviceWeights(new Arena(memory), config);
        WeightReader.read(device, half, loaded.bands(weights), threads);
        loaded.upload(device, weights.valueHead().weight(), config.slopes());
        return loaded;
    }

    private void upload(CudaDevice device, float[] head, float[] alibi) {
        try (Resources own = new Resources()) {
            int bytes = Math.max(head.length, alibi.length) * Float.BYTES;
            HostBuffer first = HostBuffer.allocate(device.cuda(), own, bytes);
            HostBuffer second = HostBuffer.allocate(device.cuda(), own, bytes);
            own.add(device::awaitCopies); // before they are freed
            first.bytes().asFloatBuffer().put(head);
            second.bytes().asFloatBuffer().put(alibi);
            device.upload(valueHead, first, (long) head.length * Float.BYTES);
            device.upload(slopes, second, (long) alibi.length * Float.BYTES);
        }
    }

    private List<WeightBand> bands(BaichuanWeights weights) {
        List<WeightBand> bands = new ArrayList<>();
        bands.add(
                band(
                        new Projection(weights.embedding(), List.of()),
                        0,
                        config.vocabulary(),
                        Columns.of(config.hidden()),
                        embedding.buffer(),
                        0));
        for (int n = 0; n < layers.size(); n++) {
            add(bands, weights.layers().get(n), layers.get(n));
        }
        bands.add(norm(weights.finalNorm(), finalNorm));
        return bands;
    }

    private void add(List<WeightBand> bands, BaichuanWeights.Layer from, Layer to) {
        bands.add(norm(from.inputNorm(), to.inputNorm()));
        addQkv(bands, from.qkv(), to.qkv().buffer());
        Columns heads = new Columns(config.heads(), config.headDim(), sizes.headDim());
        bands.add(band(from.outProj(), 0, config.hidden(), heads, to.outProj().buffer(), 0));
        bands.add(norm(from.postNorm(), to.postNorm()));
        Columns hidden = Columns.of(config.hidden());
        int rows = config.intermediate();
        DeviceBuffer gateUp = to.gateUp().buffer();
        bands.add(band(from.gate(), 0, rows, hidden, gateUp, 0));
        bands.add(band(from.up(), 0, rows, hidden, gateUp, sizes.intermediate()));
        Columns intermediate = new Columns(1, config.intermediate(), sizes.intermediate());
        bands.add(band(from.down(), 0, config.hidden(), intermediate, to.down().buffer(), 0));
    }

    /** Whole where heads stay as wide as they are, else head by head. */
    private void addQkv(List<WeightBand> bands, Projection from, DeviceBuffer to) {
        Columns hidden = Columns.of(config.hidden());
        int headDim = config.headDim();
        if (headDim == sizes.headDim()) {
            bands.add(band(from, 0, 3 * config.hidden(), hidden, to, 0));
            return;
        }
        for (int head = 0; head < 3 * config.heads(); head++) {
            bands.add(band(from, head * headDim, headDim, hidden, to, head * sizes.headDim()));
        }
    }

    private static WeightBand band(
            Projection from, int firstRow, int rows, Columns columns, DeviceBuffer to, int toRow) {
        long rowBytes = (long) columns.padded() * Short.BYTES;
        DeviceBuffer target = to.view(toRow * rowBytes, rows * rowBytes);
        return new WeightBand(from.weight(), from.deltas(), firstRow, rows, columns, target);
    }

    private WeightBand norm(Tensor from, DeviceBuffer to) {
        return new WeightBand(from, List.of(), 0, config.hidden(), Columns.of(1), to);
    }

    private static DeviceMatrix matrix(Arena arena, int n, int k) {
        return new DeviceMatrix(arena.take((long) n * k * Short.BYTES), n, k);
    }

    private static DeviceBuffer vector(Arena arena, int count, int bytes) {
        return arena.take((long) count * bytes);
    }
}
