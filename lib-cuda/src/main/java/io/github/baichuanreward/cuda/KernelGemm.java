package io.github.baichuanreward.cuda;

/**
 * Products by the kernels of this project: their order of sums is the same for any number of rows.
 */
final class KernelGemm implements Gemm {

    private final Launchers kernels;

    KernelGemm(Launchers kernels) {
        this.kernels = kernels;
    }

    @Override
    public void multiply(DeviceBuffer y, DeviceBuffer x, DeviceMatrix w, int rows) {
        kernels.gemm(y, x, w.buffer(), rows, w.n(), w.k());
    }

    @Override
    public void multiplyAdd(DeviceBuffer y, DeviceBuffer x, DeviceMatrix w, int rows) {
        kernels.gemmAdd(y, x, w.buffer(), rows, w.n(), w.k());
    }

    @Override
    public void multiplyGated(
            DeviceBuffer gated, DeviceBuffer gateUp, DeviceBuffer x, DeviceMatrix w, int rows) {
        kernels.gemmSwiglu(gated, x, w.buffer(), rows, w.n() / 2, w.k());
    }

    @Override
    public String description() {
        return "own products";
    }
}
