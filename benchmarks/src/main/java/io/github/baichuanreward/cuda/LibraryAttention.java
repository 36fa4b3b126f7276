package io.github.baichuanreward.cuda;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.checkpoint.DType;
import jcuda.Pointer;
import jcuda.cudaDataType;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.JCudaDriver;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasComputeType;
import jcuda.jcublas.cublasGemmAlgo;
import jcuda.jcublas.cublasOperation;

/**
 * Attention made of libraries, without a kernel of ours, each step for all sequences and heads at
 * once:
 *
 * <pre>
 * scores  = bias                    a copy
 * scores += scale * queries keys^T  cuBLAS, batched by pointers
 * weights = softmax(scores)         cuDNN
 * context = weights values          cuBLAS
 * </pre>
 *
 * <p>{@code bias [sequences, heads, tokens, tokens]} is {@code slope * (j - i)} where key {@code j}
 * may be seen from query {@code i}, and minus infinity where not; it is made once, outside what is
 * measured. cuBLAS can add a product only to what its result overwrites, so the bias is copied
 * there each time; adding it in a step of its own would move as many bytes. Queries, keys and
 * values lie in rows of {@code 3 * hidden}, as the kernel has them, and nothing is rearranged.
 *
 * <p><b>memory</b>: bias, scores and weights, {@code 6 * sequences * heads * tokens^2} bytes: 4.0
 * GB for one sequence of 4096 and 40 heads.
 *
 * <p><b>traffic</b>: they are read and written seven times (copy 2, product 2, softmax 2, product
 * 1), {@code 14 * sequences * heads * tokens^2} bytes, 9.4 GB there; the kernel has none of it.
 *
 * <p><b>operations</b>: twice the kernel's, because products of libraries know no mask.
 */
final class LibraryAttention implements AttentionWay.Attention {

    /** Matrices of cuBLAS begin, and their columns lie, at multiples of 16 bytes to be fast. */
    private static final int ALIGNMENT = 8;

    /** Rows of a softmax: no more than the blocks that a grid may have in any direction. */
    private static final int MOST_ROWS = 65_535;

    private final AttentionTask task;
    private final AttentionTask.Shape shape;
    private final Cublas cublas;
    private final Cudnn cudnn;
    private final int type;
    private final DeviceBuffer bias;
    private final DeviceBuffer scores;
    private final DeviceBuffer weights;
    private final DeviceBuffer queryPlaces;
    private final DeviceBuffer keyPlaces;
    private final DeviceBuffer valuePlaces;
    private final DeviceBuffer scorePlaces;
    private final DeviceBuffer weightPlaces;
    private final DeviceBuffer contextPlaces;

    LibraryAttention(AttentionTask task) {
        this.task = task;
        shape = task.shape();
        if (!takes(shape.tokens())) {
            throw new BackendException(
                    "sequences of %d tokens: attention of libraries wants a multiple of %d"
                            .formatted(shape.tokens(), ALIGNMENT));
        }
        cublas = Cublas.open(task.device());
        cudnn = Cudnn.open(task.device());
        type = shape.half() == DType.FLOAT16 ? cudaDataType.CUDA_R_16F : cudaDataType.CUDA_R_16BF;
        long square = (long) shape.tokens() * shape.tokens() * Short.BYTES;
        long bytes = (long) shape.sequences() * shape.heads() * square;
        bias = task.allocate(bytes, "bias");
        scores = task.allocate(bytes, "scores");
        weights = task.allocate(bytes, "weights");
        fillBias(square);
        queryPlaces = places(task.qkv(), 3L * shape.hidden(), 0);
        keyPlaces = places(task.qkv(), 3L * shape.hidden(), shape.hidden());
        valuePlaces = places(task.qkv(), 3L * shape.hidden(), 2L * shape.hidden());
        contextPlaces = places(task.context(), shape.hidden(), 0);
        scorePlaces = squares(scores, square);
        weightPlaces = squares(weights, square);
        task.device().awaitAll();
    }

    /** Whether sequences of a length can be computed so. */
    static boolean takes(int tokens) {
        return tokens % ALIGNMENT == 0;
    }

    @Override
    public void enqueue() {
        copy(scores, bias);
        multiply(
                "queries and keys",
                cublasOperation.CUBLAS_OP_T,
                new int[] {shape.tokens(), shape.tokens(), shape.headDim()},
                new DeviceBuffer[] {keyPlaces, queryPlaces, scorePlaces},
                new int[] {3 * shape.hidden(), 3 * shape.hidden(), shape.tokens()},
                shape.scale(),
                1);
        softmax();
        multiply(
                "weights and values",
                cublasOperation.CUBLAS_OP_N,
                new int[] {shape.headDim(), shape.tokens(), shape.tokens()},
                new DeviceBuffer[] {valuePlaces, weightPlaces, contextPlaces},
                new int[] {3 * shape.hidden(), shape.tokens(), shape.hidden()},
                1,
                0);
    }

    @Override
    public String description() {
        return "cuBLAS %s, cuDNN %s".formatted(cublas.version(), cudnn.version());
    }

    /** Of each head once for all sequences; a row is the one before, moved by a place. */
    private void fillBias(long square) {
        int tokens = shape.tokens();
        float[] slopes = shape.slopes();
        for (int head = 0; head < shape.heads(); head++) {
            float[] distances = new float[2 * tokens - 1];
            for (int d = 0; d < distances.length; d++) {
                int keyMinusQuery = d - (tokens - 1);
                distances[d] =
                        keyMinusQuery <= 0 ? slopes[head] * keyMinusQuery : Float.NEGATIVE_INFINITY;
            }
            DeviceBuffer first = bias.view(head * square, square);
            task.upload(
                    first,
                    bytes -> {
                        for (int query = 0; query < tokens; query++) {
                            shape.half()
                                    .fromFloats(
                                            bytes,
                                            query * tokens,
                                            distances,
                                            tokens - 1 - query,
                                            tokens);
                        }
                    });
        }
        DeviceBuffer first = bias.view(0, shape.heads() * square);
        for (int sequence = 1; sequence < shape.sequences(); sequence++) {
            copy(bias.view(sequence * first.bytes(), first.bytes()), first);
        }
    }

    private void copy(DeviceBuffer target, DeviceBuffer source) {
        CudaDevice device = task.device();
        device.cuda()
                .driver(
                        "cuMemcpyDtoDAsync",
                        () ->
                                JCudaDriver.cuMemcpyDtoDAsync(
                                        target.pointer(),
                                        source.pointer(),
                                        source.bytes(),
                                        device.compute()));
    }

    /** Where the matrix of each sequence and head begins in rows of so many elements. */
    private DeviceBuffer places(DeviceBuffer rows, long rowElements, long column) {
        CUdeviceptr[] pointers = new CUdeviceptr[shape.sequences() * shape.heads()];
        for (int i = 0; i < pointers.length; i++) {
            long row = (long) (i / shape.heads()) * shape.tokens();
            long element =
                    row * rowElements + column + (long) (i % shape.heads()) * shape.headDim();
            pointers[i] = rows.pointer().withByteOffset(element * Short.BYTES);
        }
        return upload(pointers);
    }

    private DeviceBuffer squares(DeviceBuffer all, long square) {
        CUdeviceptr[] pointers = new CUdeviceptr[shape.sequences() * shape.heads()];
        for (int i = 0; i < pointers.length; i++) {
            pointers[i] = all.pointer().withByteOffset(i * square);
        }
        return upload(pointers);
    }

    private DeviceBuffer upload(CUdeviceptr[] pointers) {
        long bytes = (long) pointers.length * Long.BYTES;
        DeviceBuffer target = task.allocate(bytes, "pointers");
        task.device()
                .cuda()
                .driver(
                        "cuMemcpyHtoD",
                        () ->
                                JCudaDriver.cuMemcpyHtoD(
                                        target.pointer(), Pointer.to(pointers), bytes));
        return target;
    }

    /** {@code c = alpha * op(a) b + beta * c}, of matrices that lie by columns. */
    private void multiply(
            String name,
            int operation,
            int[] mnk,
            DeviceBuffer[] abc,
            int[] strides,
            float alpha,
            float beta) {
        cublas.gemm(
                name,
                handle ->
                        JCublas2.cublasGemmBatchedEx_new(
                                handle,
                                operation,
                                cublasOperation.CUBLAS_OP_N,
                                mnk[0],
                                mnk[1],
                                mnk[2],
                                Pointer.to(new float[] {alpha}),
                                abc[0].pointer(),
                                type,
                                strides[0],
                                abc[1].pointer(),
                                type,
                                strides[1],
                                Pointer.to(new float[] {beta}),
                                abc[2].pointer(),
                                type,
                                strides[2],
                                shape.sequences() * shape.heads(),
                                cublasComputeType.CUBLAS_COMPUTE_32F,
                                cublasGemmAlgo.CUBLAS_GEMM_DEFAULT));
    }

    private void softmax() {
        int rows = shape.sequences() * shape.heads() * shape.tokens();
        long rowBytes = (long) shape.tokens() * Short.BYTES;
        for (int first = 0; first < rows; first += MOST_ROWS) {
            int count = Math.min(MOST_ROWS, rows - first);
            cudnn.softmax(
                    weights.view(first * rowBytes, count * rowBytes),
                    scores.view(first * rowBytes, count * rowBytes),
                    shape.half(),
                    count,
                    shape.tokens());
        }
    }
}
