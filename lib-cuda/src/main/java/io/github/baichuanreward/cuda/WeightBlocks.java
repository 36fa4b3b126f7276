package io.github.baichuanreward.cuda;

import io.github.baichuanreward.checkpoint.Tensor;
import io.github.baichuanreward.cuda.WeightBand.Columns;
import io.github.baichuanreward.model.BaichuanConfig;
import io.github.baichuanreward.model.BaichuanWeights;
import io.github.baichuanreward.model.Projection;
import java.util.ArrayList;
import java.util.List;

/**
 * What of a checkpoint goes where on devices. What fills sizes up stays as the memory was: zero, so
 * that it adds nothing to any sum.
 */
final class WeightBlocks {

    private final BaichuanWeights weights;
    private final BaichuanConfig config;
    private final PaddedSizes sizes;
    private final WeightForm form;

    /**
     * Of a model.
     *
     * @param form of projections
     */
    WeightBlocks(BaichuanWeights weights, WeightForm form) {
        this.weights = weights;
        this.config = weights.config();
        this.sizes = PaddedSizes.of(config);
        this.form = form;
    }

    /** {@code [vocabulary, hidden]}. */
    WeightBlock embedding() {
        Projection from = new Projection(weights.embedding(), List.of());
        return new WeightBlock(
                DeviceWeights.embeddingBytes(config),
                List.of(
                        new WeightBand(
                                from.weight(),
                                from.deltas(),
                                0,
                                config.vocabulary(),
                                Columns.of(config.hidden()),
                                0,
                                WeightBand.NO_SCALES)));
    }

    /** The norm before the value head, {@code [hidden]}. */
    WeightBlock finalNorm() {
        return new WeightBlock(
                (long) config.hidden() * Short.BYTES, List.of(norm(weights.finalNorm(), 0)));
    }

    /** A decoder layer, as {@link DeviceWeights.Layer#in} lays it out. */
    WeightBlock layer(int n) {
        BaichuanWeights.Layer from = weights.layers().get(n);
        Arena arena = Arena.measuring();
        DeviceWeights.Layer to = DeviceWeights.Layer.in(arena, sizes, form);
        List<WeightBand> bands = new ArrayList<>();
        bands.add(norm(from.inputNorm(), to.inputNorm().offset()));
        addQkv(bands, from.qkv(), to.qkv());
        Columns heads = new Columns(config.heads(), config.headDim(), sizes.headDim());
        bands.add(band(from.outProj(), 0, config.hidden(), heads, to.outProj(), 0));
        bands.add(norm(from.postNorm(), to.postNorm().offset()));
        Columns hidden = Columns.of(config.hidden());
        int rows = config.intermediate();
        bands.add(band(from.gate(), 0, rows, hidden, to.gateUp(), 0));
        bands.add(band(from.up(), 0, rows, hidden, to.gateUp(), sizes.intermediate()));
        Columns intermediate = new Columns(1, config.intermediate(), sizes.intermediate());
        bands.add(band(from.down(), 0, config.hidden(), intermediate, to.down(), 0));
        return new WeightBlock(arena.used(), bands);
    }

    /** Whole where heads stay as wide as they are, else head by head. */
    private void addQkv(List<WeightBand> bands, Projection from, DeviceMatrix to) {
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
            Projection from, int firstRow, int rows, Columns columns, DeviceMatrix to, int toRow) {
        DeviceBuffer scales = to.scales();
        long bytes = scales == null ? Short.BYTES : Byte.BYTES;
        return new WeightBand(
                from.weight(),
                from.deltas(),
                firstRow,
                rows,
                columns,
                to.buffer().offset() + bytes * toRow * columns.padded(),
                scales == null
                        ? WeightBand.NO_SCALES
                        : scales.offset() + (long) toRow * Float.BYTES);
    }

    private WeightBand norm(Tensor from, long offset) {
        return new WeightBand(
                from, List.of(), 0, config.hidden(), Columns.of(1), offset, WeightBand.NO_SCALES);
    }
}
