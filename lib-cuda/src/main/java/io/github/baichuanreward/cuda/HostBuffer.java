package io.github.baichuanreward.cuda;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jcuda.Pointer;
import jcuda.driver.JCudaDriver;

/**
 * Page-locked memory of the host, which a device copies from and to by itself. Freed with the
 * {@link Resources} that it was given to; its buffer must not be touched afterwards.
 */
final class HostBuffer {

    private final Pointer pointer;
    private final ByteBuffer bytes;

    private HostBuffer(Pointer pointer, ByteBuffer bytes) {
        this.pointer = pointer;
        this.bytes = bytes;
    }

    /**
     * Allocates, with a context current.
     *
     * @param owner frees it
     */
    static HostBuffer allocate(Cuda cuda, Resources owner, int bytes) {
        Pointer pointer = new Pointer();
        cuda.driver(
                Cuda.HOST_MEMORY + " of " + Cuda.mebibytes(bytes),
                () -> JCudaDriver.cuMemAllocHost(pointer, bytes));
        owner.add(() -> cuda.driver("cuMemFreeHost", () -> JCudaDriver.cuMemFreeHost(pointer)));
        return new HostBuffer(
                pointer, pointer.getByteBuffer(0, bytes).order(ByteOrder.LITTLE_ENDIAN));
    }

    /** Its bytes, little-endian. */
    ByteBuffer bytes() {
        return bytes;
    }

    /** For the driver's functions. */
    Pointer pointer() {
        return pointer;
    }
}
