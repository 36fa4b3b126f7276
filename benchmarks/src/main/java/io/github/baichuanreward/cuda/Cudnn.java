package io.github.baichuanreward.cuda;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.checkpoint.DType;
import java.util.function.IntSupplier;
import jcuda.Pointer;
import jcuda.jcudnn.JCudnn;
import jcuda.jcudnn.cudnnDataType;
import jcuda.jcudnn.cudnnHandle;
import jcuda.jcudnn.cudnnSoftmaxAlgorithm;
import jcuda.jcudnn.cudnnSoftmaxMode;
import jcuda.jcudnn.cudnnTensorDescriptor;
import jcuda.jcudnn.cudnnTensorFormat;
import jcuda.runtime.cudaStream_t;

/** cuDNN on a device's stream for computing: the softmax alone. Belongs to the device. */
final class Cudnn {

    private final Cuda cuda;
    private final cudnnHandle handle = new cudnnHandle();
    private final cudnnTensorDescriptor rows = new cudnnTensorDescriptor();

    private Cudnn(CudaDevice device) {
        cuda = device.cuda();
        call("cudnnCreate", () -> JCudnn.cudnnCreate(handle));
        device.resources().add(() -> call("cudnnDestroy", () -> JCudnn.cudnnDestroy(handle)));
        call(
                "cudnnSetStream",
                () -> JCudnn.cudnnSetStream(handle, new cudaStream_t(device.compute())));
        call("cudnnCreateTensorDescriptor", () -> JCudnn.cudnnCreateTensorDescriptor(rows));
        device.resources()
                .add(
                        () ->
                                call(
                                        "cudnnDestroyTensorDescriptor",
                                        () -> JCudnn.cudnnDestroyTensorDescriptor(rows)));
    }

    /**
     * Opens it on a device whose context is current: the one that {@link CudnnLibrary} has loaded,
     * or the first of the usual places.
     *
     * @throws BackendException if there is none, or if it refuses
     */
    static Cudnn open(CudaDevice device) {
        String problem = CudnnLibrary.problem(null);
        if (problem != null) {
            throw new BackendException("cuda: " + problem);
        }
        return new Cudnn(device);
    }

    /** Its version. */
    String version() {
        long number = JCudnn.cudnnGetVersion();
        return "%d.%d.%d".formatted(number / 10_000, number / 100 % 100, number % 100);
    }

    /** Puts {@code y[r] = softmax(x[r])} into the device's queue, of packed rows. */
    void softmax(DeviceBuffer y, DeviceBuffer x, DType half, int count, int columns) {
        int type =
                half == DType.FLOAT16
                        ? cudnnDataType.CUDNN_DATA_HALF
                        : cudnnDataType.CUDNN_DATA_BFLOAT16;
        call(
                "cudnnSetTensor4dDescriptor",
                () ->
                        JCudnn.cudnnSetTensor4dDescriptor(
                                rows,
                                cudnnTensorFormat.CUDNN_TENSOR_NCHW,
                                type,
                                count,
                                columns,
                                1,
                                1));
        call(
                "cudnnSoftmaxForward of %d rows of %d in %s".formatted(count, columns, half),
                () ->
                        JCudnn.cudnnSoftmaxForward(
                                handle,
                                cudnnSoftmaxAlgorithm.CUDNN_SOFTMAX_ACCURATE,
                                cudnnSoftmaxMode.CUDNN_SOFTMAX_MODE_INSTANCE,
                                Pointer.to(new float[] {1}),
                                rows,
                                x.pointer(),
                                Pointer.to(new float[] {0}),
                                rows,
                                y.pointer()));
    }

    /** Names of errors are cuDNN's own: JCudnn knows those of version 8, whose numbers differ. */
    private void call(String name, IntSupplier function) {
        int status = function.getAsInt();
        if (status != 0) {
            throw cuda.failure(
                    name,
                    JCudnn.cudnnGetErrorString(status),
                    "try -p half=FLOAT16, or another cuDNN 9");
        }
    }
}
