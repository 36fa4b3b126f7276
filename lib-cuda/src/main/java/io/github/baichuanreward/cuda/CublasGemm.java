package io.github.baichuanreward.cuda;

import io.github.baichuanreward.checkpoint.DType;
import jcuda.Pointer;
import jcuda.cudaDataType;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasComputeType;
import jcuda.jcublas.cublasGemmAlgo;
import jcuda.jcublas.cublasOperation;

/**
 * Products by cuBLAS, in blocks of a fixed number of rows.
 *
 * <p>cuBLAS chooses how it splits a sum by the shape of the product, and does not say how. So each
 * call has the same number of rows, the last one reading on behind the rows asked for.
 */
final class CublasGemm implements Gemm {

    private final Cublas cublas;
    private final Launchers kernels;
    private final int type;
    private final int blockRows;

    /**
     * Multiplies on a device.
     *
     * @param half the weights' type
     * @param blockRows rows of each call; 0 makes one call of as many rows as there are, whose bits
     *     depend on their number
     */
    CublasGemm(Cublas cublas, Launchers kernels, DType half, int blockRows) {
        this.cublas = cublas;
        this.kernels = kernels;
        this.type = half == DType.FLOAT16 ? cudaDataType.CUDA_R_16F : cudaDataType.CUDA_R_16BF;
        this.blockRows = blockRows;
    }

    @Override
    public void multiply(DeviceBuffer y, DeviceBuffer x, DeviceMatrix w, int rows) {
        inBlocks(y, type, Short.BYTES, x, w, rows, 0);
    }

    @Override
    public void multiplyAdd(DeviceBuffer y, DeviceBuffer x, DeviceMatrix w, int rows) {
        inBlocks(y, cudaDataType.CUDA_R_32F, Float.BYTES, x, w, rows, 1);
    }

    @Override
    public void multiplyGated(
            DeviceBuffer gated, DeviceBuffer gateUp, DeviceBuffer x, DeviceMatrix w, int rows) {
        multiply(gateUp, x, w, rows);
        kernels.swiglu(gated, gateUp, w.n() / 2, rows);
    }

    @Override
    public String description() {
        return "cuBLAS %s in blocks of %d rows".formatted(cublas.version(), blockRows);
    }

    private void inBlocks(
            DeviceBuffer y,
            int yType,
            int yBytes,
            DeviceBuffer x,
            DeviceMatrix w,
            int rows,
            float beta) {
        int block = blockRows == 0 ? rows : blockRows;
        for (int first = 0; first < rows; first += block) {
            long xBytes = (long) w.k() * Short.BYTES;
            long rowBytes = (long) w.n() * yBytes;
            gemm(
                    y.view(first * rowBytes, block * rowBytes),
                    yType,
                    x.view(first * xBytes, block * xBytes),
                    w,
                    block,
                    beta);
        }
    }

    /** To cuBLAS, whose matrices lie by columns, {@code y^T [n, rows] = w x^T}. */
    private void gemm(
            DeviceBuffer y, int yType, DeviceBuffer x, DeviceMatrix w, int rows, float beta) {
        cublas.gemm(
                "%d x %d x %d".formatted(rows, w.n(), w.k()),
                handle ->
                        JCublas2.cublasGemmEx_new(
                                handle,
                                cublasOperation.CUBLAS_OP_T,
                                cublasOperation.CUBLAS_OP_N,
                                w.n(),
                                rows,
                                w.k(),
                                Pointer.to(new float[] {1}),
                                w.buffer().pointer(),
                                type,
                                w.k(),
                                x.pointer(),
                                type,
                                w.k(),
                                Pointer.to(new float[] {beta}),
                                y.pointer(),
                                yType,
                                w.n(),
                                cublasComputeType.CUBLAS_COMPUTE_32F,
                                cublasGemmAlgo.CUBLAS_GEMM_DEFAULT));
    }
}
