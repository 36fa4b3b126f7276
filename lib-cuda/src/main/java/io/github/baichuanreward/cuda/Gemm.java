package io.github.baichuanreward.cuda;

/**
 * Products of rows with weights, {@code y = x w^T}: halves multiplied exactly, summed in float32
 * and rounded once.
 *
 * <p>{@link #multiplyAdd} adds the residual inside the product, in float32, where the original
 * rounds product and sum to its half type: one rounding less, and no pass over the residual.
 *
 * <p>A row's bits depend on the row alone: neither on the number of rows nor on its place among
 * them. Rows behind those asked for, up to a multiple of a block, may be read and overwritten;
 * buffers have room for them.
 */
interface Gemm {

    /** {@code y [rows, n]} half {@code = x [rows, k] w^T}. */
    void multiply(DeviceBuffer y, DeviceBuffer x, DeviceMatrix w, int rows);

    /** {@code y [rows, n]} float32 {@code += x [rows, k] w^T}. */
    void multiplyAdd(DeviceBuffer y, DeviceBuffer x, DeviceMatrix w, int rows);

    /**
     * {@code gated [rows, intermediate] = half(silu(x gate^T) * (x up^T))}.
     *
     * @param gateUp {@code [rows, 2 * intermediate]} half, for what is computed on the way
     * @param w gate's rows, then up's
     */
    void multiplyGated(
            DeviceBuffer gated, DeviceBuffer gateUp, DeviceBuffer x, DeviceMatrix w, int rows);

    /** For people. */
    String description();
}
