package io.github.baichuanreward.cuda;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.checkpoint.DType;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import jcuda.NativePointerObject;
import jcuda.Pointer;
import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.jspecify.annotations.Nullable;

/**
 * An image of the kernels on a device: what {@link Launchers} asks for is found there and launched.
 */
final class Kernels implements Launchers.Queue {

    /** Dynamic shared memory that a kernel may have without being allowed to. */
    private static final int PLAIN_SHARED_BYTES = 48 * 1024;

    private static final int ALL_PERCENT = 100;

    private final CudaDevice device;
    private final String image;
    private final Map<Kernel, CUfunction> functions = new EnumMap<>(Kernel.class);

    private Kernels(CudaDevice device, String image) {
        this.device = device;
        this.image = image;
    }

    /**
     * Loads the best image that the device takes; it belongs to the device.
     *
     * @param half the kernels' type
     * @throws BackendException if it takes none
     */
    static Kernels load(CudaDevice device, DType half) {
        List<String> refusals = new ArrayList<>();
        for (String name : KernelImages.candidates(device.properties())) {
            byte[] image = KernelImages.read(name);
            CUmodule module = new CUmodule();
            String refusal =
                    image == null ? "not in the jar" : load(device.cuda(), module, name, image);
            if (refusal == null) {
                device.resources()
                        .add(
                                () ->
                                        device.cuda()
                                                .driver(
                                                        "cuModuleUnload",
                                                        () -> JCudaDriver.cuModuleUnload(module)));
                Kernels kernels = new Kernels(device, name);
                kernels.find(module, half == DType.FLOAT16 ? "f16" : "bf16");
                return kernels;
            }
            refusals.add(name + ": " + refusal);
        }
        throw device.cuda()
                .failure(
                        "kernels",
                        String.join(", ", refusals),
                        "install a newer NVIDIA driver, or use --backend cpu");
    }

    /** Loads a module; returns the error's name if the image is not for this device or driver. */
    private static @Nullable String load(Cuda cuda, CUmodule module, String name, byte[] image) {
        ByteBuffer bytes = ByteBuffer.allocateDirect(image.length).put(image).flip();
        int[] code = new int[1];
        cuda.driver(
                "cuModuleLoadDataEx of " + name,
                () -> {
                    // From an array JCuda would keep the garbage collector out meanwhile, which is
                    // seconds where the driver compiles.
                    code[0] =
                            Cuda.code(
                                    () ->
                                            JCudaDriver.cuModuleLoadDataEx(
                                                    module,
                                                    Pointer.to(bytes),
                                                    0,
                                                    new int[0],
                                                    new Pointer()));
                    return isRefusal(code[0]) ? CUresult.CUDA_SUCCESS : code[0];
                });
        return isRefusal(code[0]) ? Cuda.errorName(code[0]) : null;
    }

    private static boolean isRefusal(int code) {
        return code == CUresult.CUDA_ERROR_INVALID_IMAGE
                || code == CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU
                || code == CUresult.CUDA_ERROR_INVALID_PTX
                || code == CUresult.CUDA_ERROR_UNSUPPORTED_PTX_VERSION
                // The driver's compiler of PTX is a library of its own, which containers may lack.
                || code == CUresult.CUDA_ERROR_JIT_COMPILER_NOT_FOUND
                || code == CUresult.CUDA_ERROR_JIT_COMPILATION_DISABLED;
    }

    private void find(CUmodule module, String dtype) {
        for (Kernel kernel : Kernel.values()) {
            CUfunction function = new CUfunction();
            String symbol = kernel.symbol(dtype);
            device.cuda()
                    .driver(
                            "cuModuleGetFunction " + symbol,
                            () -> JCudaDriver.cuModuleGetFunction(function, module, symbol));
            if (kernel.sharedBytes() > PLAIN_SHARED_BYTES) {
                setAttribute(
                        function,
                        symbol,
                        CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                        kernel.sharedBytes());
                // A multiprocessor divides its memory between cache and blocks, of which two fit.
                setAttribute(
                        function,
                        symbol,
                        CUfunction_attribute.CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT,
                        ALL_PERCENT);
            }
            functions.put(kernel, function);
        }
    }

    private void setAttribute(CUfunction function, String symbol, int attribute, int value) {
        device.cuda()
                .driver(
                        "cuFuncSetAttribute of " + symbol,
                        () -> JCudaDriver.cuFuncSetAttribute(function, attribute, value));
    }

    /** Which image was loaded. */
    String image() {
        return image;
    }

    /** The only place where arguments lose their types; {@link Launchers} has checked them. */
    @Override
    public void launch(Kernel kernel, int gridX, int gridY, List<Object> arguments) {
        CUfunction function = functions.get(kernel);
        NativePointerObject[] pointers = new NativePointerObject[arguments.size()];
        for (int i = 0; i < pointers.length; i++) {
            Object argument = arguments.get(i);
            if (argument instanceof DeviceBuffer buffer) {
                pointers[i] = Pointer.to(buffer.pointer());
            } else if (argument instanceof Integer number) {
                pointers[i] = Pointer.to(new int[] {number});
            } else {
                pointers[i] = Pointer.to(new float[] {(Float) argument});
            }
        }
        device.cuda()
                .driver(
                        "cuLaunchKernel " + kernel.stem(),
                        () ->
                                JCudaDriver.cuLaunchKernel(
                                        function,
                                        gridX,
                                        gridY,
                                        1,
                                        kernel.threads(),
                                        1,
                                        1,
                                        kernel.sharedBytes(),
                                        device.compute(),
                                        Pointer.to(pointers),
                                        null));
    }
}
