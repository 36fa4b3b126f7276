package io.github.baichuanreward.cuda;

import io.github.baichuanreward.cuda.DeviceWeights.Layer;
import java.util.stream.Stream;

/**
 * Products with weights of 8 bits: each weight is made halves again, in the same place for all,
 * just before it is multiplied. Activations are never rounded to 8 bits.
 *
 * <p>For a 13B model that reads 13 GB and writes 26 GB for each batch, some 9 ms on an H200.
 */
final class DequantizingGemm implements Gemm {

    private final Gemm halves;
    private final Launchers kernels;
    private final DeviceBuffer scratch;

    /**
     * Multiplies with weights that have scales, and passes on those that have none.
     *
     * @param halves multiplies
     * @param scratch {@link #scratchBytes}; overwritten by each product, in the order of the queue
     */
    DequantizingGemm(Gemm halves, Launchers kernels, DeviceBuffer scratch) {
        this.halves = halves;
        this.kernels = kernels;
        this.scratch = scratch;
    }

    /** Bytes of the largest weight in halves; 0 where none has to be made. */
    static long scratchBytes(PaddedSizes sizes, WeightForm form) {
        if (form == WeightForm.HALF) {
            return 0;
        }
        Layer layer = Layer.in(Arena.measuring(), sizes, form);
        return Stream.of(layer.qkv(), layer.outProj(), layer.gateUp(), layer.down())
                .mapToLong(w -> (long) w.n() * w.k() * Short.BYTES)
                .max()
                .orElseThrow();
    }

    @Override
    public void multiply(DeviceBuffer y, DeviceBuffer x, DeviceMatrix w, int rows) {
        halves.multiply(y, x, halves(w), rows);
    }

    @Override
    public void multiplyAdd(DeviceBuffer y, DeviceBuffer x, DeviceMatrix w, int rows) {
        halves.multiplyAdd(y, x, halves(w), rows);
    }

    @Override
    public void multiplyGated(
            DeviceBuffer gated, DeviceBuffer gateUp, DeviceBuffer x, DeviceMatrix w, int rows) {
        halves.multiplyGated(gated, gateUp, x, halves(w), rows);
    }

    @Override
    public String description() {
        return halves.description();
    }

    private DeviceMatrix halves(DeviceMatrix w) {
        DeviceBuffer scales = w.scales();
        if (scales == null) {
            return w;
        }
        DeviceBuffer made = scratch.view(0, (long) w.n() * w.k() * Short.BYTES);
        kernels.dequantize(made, w.buffer(), scales, w.k(), w.n());
        return new DeviceMatrix(made, w.n(), w.k());
    }
}
