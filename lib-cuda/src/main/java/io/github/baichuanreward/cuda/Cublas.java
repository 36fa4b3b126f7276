package io.github.baichuanreward.cuda;

import io.github.baichuanreward.backend.BackendException;
import java.nio.file.Path;
import java.util.function.ToIntFunction;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasMath;
import jcuda.runtime.cudaStream_t;

/**
 * cuBLAS on a device's stream for computing, with a workspace of its own, so that what it computes
 * has the same bits in every run. Belongs to the device.
 */
final class Cublas {

    /** What NVIDIA recommends from Hopper on; more than it recommends for older devices. */
    static final long WORKSPACE_BYTES = 32L << 20;

    private final Cuda cuda;
    private final cublasHandle handle = new cublasHandle();
    private final String version;

    private Cublas(CudaDevice device) {
        cuda = device.cuda();
        // Before the handle, so that it is freed after it.
        DeviceBuffer workspace =
                DeviceBuffer.allocate(
                        cuda, device.resources(), WORKSPACE_BYTES, "cuBLAS's workspace");
        cuda.cublas("cublasCreate", () -> JCublas2.cublasCreate(handle));
        device.resources()
                .add(() -> cuda.cublas("cublasDestroy", () -> JCublas2.cublasDestroy(handle)));
        cuda.cublas(
                "cublasSetStream",
                () -> JCublas2.cublasSetStream(handle, new cudaStream_t(device.compute())));
        // Sums of halves would be faster and rounded more often.
        cuda.cublas(
                "cublasSetMathMode",
                () ->
                        JCublas2.cublasSetMathMode(
                                handle,
                                cublasMath.CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION));
        cuda.cublas(
                "cublasSetWorkspace",
                () -> JCublas2.cublasSetWorkspace(handle, workspace.pointer(), workspace.bytes()));
        int[] number = new int[1];
        cuda.cublas("cublasGetVersion", () -> JCublas2.cublasGetVersion(handle, number));
        version = "%d.%d".formatted(number[0] / 10_000, number[0] / 100 % 100);
    }

    /**
     * Opens it on a device whose context is current: the one that the process has, or the first of
     * the usual places.
     *
     * @throws BackendException if there is none, or if it refuses
     */
    static Cublas open(CudaDevice device) {
        // JCuda's class would look for it by itself, and if that failed once, never again.
        String problem = CudaLibraries.cublas((Path) null).problem();
        if (problem != null) {
            throw new BackendException("cuda: " + problem);
        }
        return new Cublas(device);
    }

    /** Its version. */
    String version() {
        return version;
    }

    /** Puts a product into the device's queue. */
    void gemm(String shape, ToIntFunction<cublasHandle> function) {
        cuda.cublas("cublasGemmEx of " + shape, () -> function.applyAsInt(handle));
    }
}
