package io.github.baichuanreward.cuda;

import io.github.baichuanreward.backend.BackendException;
import java.util.function.IntFunction;
import java.util.function.IntSupplier;
import java.util.stream.IntStream;
import jcuda.CudaException;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import jcuda.jcublas.cublasStatus;

/**
 * Calls the driver and cuBLAS for one device: the place where a code that they return becomes an
 * exception that names device, call and error, and says what to do.
 */
final class Cuda {

    /** Of the driver: CUDA_ERROR_UNKNOWN. cuBLAS's end before. */
    private static final int LAST_CODE = 999;

    /** Calls that ask for memory of the host. */
    static final String HOST_MEMORY = "cuMemAllocHost";

    private final String device;

    /**
     * Speaks for a device.
     *
     * @param device how messages call it, such as {@code device 0 (NVIDIA H200)}
     */
    Cuda(String device) {
        this.device = device;
    }

    /**
     * Calls the driver.
     *
     * @param call the function, and what it is asked for
     * @throws DeviceMemoryException if there is not enough memory
     * @throws BackendException if the driver refuses
     */
    void driver(String call, IntSupplier function) {
        int code = code(function, CUresult::stringFor);
        if (code != CUresult.CUDA_SUCCESS) {
            String remedy = call.startsWith(HOST_MEMORY) ? hostRemedy(code) : remedy(code);
            BackendException failure = failure(call, errorName(code), remedy);
            throw code == CUresult.CUDA_ERROR_OUT_OF_MEMORY
                    ? new DeviceMemoryException(String.valueOf(failure.getMessage()))
                    : failure;
        }
    }

    /**
     * Calls cuBLAS.
     *
     * @param call the function, and what it is asked for
     * @throws BackendException if cuBLAS refuses
     */
    void cublas(String call, IntSupplier function) {
        int status = code(function, cublasStatus::stringFor);
        if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
            String remedy =
                    status == cublasStatus.CUBLAS_STATUS_ALLOC_FAILED
                            ? memory() + "free memory of this GPU, or use one with more"
                            : "load the model again, or try -D%s=%s"
                                    .formatted(GemmChoice.PROPERTY, GemmChoice.KERNELS);
            throw failure(call, cublasStatus.stringFor(status), remedy);
        }
    }

    /** The error that a call has led to. */
    BackendException failure(String call, String error, String remedy) {
        return new BackendException("cuda: %s: %s: %s; %s".formatted(device, call, error, remedy));
    }

    /** What a failure says, for messages that name the backend themselves. */
    static String reason(BackendException failure) {
        return String.valueOf(failure.getMessage()).replaceFirst("^cuda: ", "");
    }

    /** How the driver calls an error. */
    static String errorName(int code) {
        return CUresult.stringFor(code);
    }

    /** Bytes for people. */
    static String mebibytes(long bytes) {
        return "%d MiB".formatted((bytes + (1L << 20) - 1) >> 20);
    }

    /** What a function of the driver returns, whether or not JCuda throws it. */
    static int code(IntSupplier function) {
        return code(function, CUresult::stringFor);
    }

    /**
     * An application may have told JCuda to throw, which it does with the error's name; that is the
     * application's affair, and stays as it is.
     */
    private static int code(IntSupplier function, IntFunction<String> names) {
        try {
            return function.getAsInt();
        } catch (CudaException e) {
            return IntStream.rangeClosed(1, LAST_CODE)
                    .filter(code -> names.apply(code).equals(e.getMessage()))
                    .findFirst()
                    .orElse(LAST_CODE);
        }
    }

    private static String remedy(int code) {
        return switch (code) {
            case CUresult.CUDA_ERROR_OUT_OF_MEMORY ->
                    memory() + "lower the batch tokens (--batch_tokens), or use a larger GPU";
            // After these the driver promises no process anything any more.
            case CUresult.CUDA_ERROR_ILLEGAL_ADDRESS,
                    CUresult.CUDA_ERROR_LAUNCH_TIMEOUT,
                    CUresult.CUDA_ERROR_ASSERT,
                    CUresult.CUDA_ERROR_HARDWARE_STACK_ERROR,
                    CUresult.CUDA_ERROR_ILLEGAL_INSTRUCTION,
                    CUresult.CUDA_ERROR_MISALIGNED_ADDRESS,
                    CUresult.CUDA_ERROR_INVALID_ADDRESS_SPACE,
                    CUresult.CUDA_ERROR_INVALID_PC,
                    CUresult.CUDA_ERROR_LAUNCH_FAILED ->
                    "end this process and start it again; the kernel's log (dmesg, lines with Xid)"
                            + " says more";
            case CUresult.CUDA_ERROR_ECC_UNCORRECTABLE ->
                    "load the model again; the kernel's log (dmesg, lines with Xid) says more";
            default -> "load the model again";
        };
    }

    /** Not the device is full. */
    private static String hostRemedy(int code) {
        return code == CUresult.CUDA_ERROR_OUT_OF_MEMORY
                ? "free memory of the host, of which so much must be page-locked; offloaded layers"
                        + " take less of it with --precision int8, or more GPUs"
                : remedy(code);
    }

    private static String memory() {
        long[] free = new long[1];
        long[] total = new long[1];
        return code(() -> JCudaDriver.cuMemGetInfo(free, total)) == CUresult.CUDA_SUCCESS
                ? "%d MiB free of %d; ".formatted(free[0] >> 20, total[0] >> 20)
                : "";
    }
}
