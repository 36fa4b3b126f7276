package io.github.baichuanreward.cuda;

import io.github.baichuanreward.model.BaichuanConfig;
import io.github.baichuanreward.model.BaichuanWeights;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The weights that a device holds: pieces of one arena.
 *
 * <p>Of layers that stay in the host's memory it holds only the places of two, which {@link
 * LayerStream} fills by turns.
 */
final class DeviceWeights {

    /**
     * One decoder layer. Norms are half, projections of one {@link WeightForm}.
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
            DeviceMatrix down) {

        /** The next piece of an arena; every layer lies in it in the same way. */
        static Layer in(Arena arena, PaddedSizes sizes, WeightForm form) {
            int hidden = sizes.hidden();
            return new Layer(
                    vector(arena, hidden, Short.BYTES),
                    DeviceMatrix.in(arena, 3 * sizes.attention(), hidden, form),
                    DeviceMatrix.in(arena, hidden, sizes.attention(), form),
                    vector(arena, hidden, Short.BYTES),
                    DeviceMatrix.in(arena, 2 * sizes.intermediate(), hidden, form),
                    DeviceMatrix.in(arena, hidden, sizes.intermediate(), form));
        }
    }

    /**
     * Memory that a block of weights goes to.
     *
     * @param memory all of it
     * @param layer what lies in it
     */
    record Place(DeviceBuffer memory, Layer layer) {}

    /** {@code [vocabulary, hidden]}; null where another device holds the first layer. */
    final @Nullable DeviceBuffer embedding;

    /** Layers that stay here, by their number in the model. */
    final TreeMap<Integer, Place> resident = new TreeMap<>();

    /** Where layers that do not stay here are while they are used; none if all stay. */
    final List<Place> passing = new ArrayList<>();

    /** {@code [hidden]}. */
    final DeviceBuffer finalNorm;

    /** {@code [hidden]} float32. */
    final DeviceBuffer valueHead;

    /** ALiBi's, {@code [heads]} float32. */
    final DeviceBuffer slopes;

    private DeviceWeights(
            Arena arena, BaichuanConfig config, WeightForm form, LayerPlan.Shard shard) {
        PaddedSizes sizes = PaddedSizes.of(config);
        embedding = shard.firstLayer() == 0 ? arena.take(embeddingBytes(config)) : null;
        long layerBytes = layerBytes(sizes, form);
        for (int n = 0; n < shard.layers(); n++) {
            if (!shard.isOffloaded(n)) {
                resident.put(shard.firstLayer() + n, place(arena, layerBytes, sizes, form));
            }
        }
        while (shard.offloaded() > 0 && passing.size() < ModelMemory.STREAMING) {
            passing.add(place(arena, layerBytes, sizes, form));
        }
        finalNorm = vector(arena, sizes.hidden(), Short.BYTES);
        valueHead = vector(arena, sizes.hidden(), Float.BYTES);
        slopes = vector(arena, sizes.heads(), Float.BYTES);
    }

    private static Place place(Arena arena, long bytes, PaddedSizes sizes, WeightForm form) {
        DeviceBuffer memory = arena.take(bytes);
        return new Place(memory, Layer.in(new Arena(memory), sizes, form));
    }

    /** Bytes of a decoder layer. */
    static long layerBytes(PaddedSizes sizes, WeightForm form) {
        Arena arena = Arena.measuring();
        Layer.in(arena, sizes, form);
        return arena.used();
    }

    /** Bytes of the embedding. */
    static long embeddingBytes(BaichuanConfig config) {
        Arena arena = Arena.measuring();
        vector(arena, config.vocabulary(), config.hidden() * Short.BYTES);
        return arena.used();
    }

    /** Bytes of final norm, value head and slopes. */
    static long endsBytes(PaddedSizes sizes) {
        Arena arena = Arena.measuring();
        vector(arena, sizes.hidden(), Short.BYTES);
        vector(arena, sizes.hidden(), Float.BYTES);
        vector(arena, sizes.heads(), Float.BYTES);
        return arena.used();
    }

    /**
     * Memory for a shard's weights on a device that is entered: zeros, and value head and slopes;
     * {@link WeightReader} brings the rest.
     */
    static DeviceWeights allocate(
            CudaDevice device, BaichuanWeights weights, WeightForm form, LayerPlan.Shard shard) {
        BaichuanConfig config = weights.config();
        Arena arena = Arena.measuring();
        new DeviceWeights(arena, config, form, shard);
        DeviceBuffer memory =
                DeviceBuffer.allocate(
                        device.cuda(), device.resources(), arena.used(), "the weights");
        device.clear(memory);
        DeviceWeights allocated = new DeviceWeights(new Arena(memory), config, form, shard);
        allocated.upload(device, weights.valueHead().weight(), config.slopes());
        return allocated;
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

    private static DeviceBuffer vector(Arena arena, int count, int bytes) {
        return arena.take((long) count * bytes);
    }
}
