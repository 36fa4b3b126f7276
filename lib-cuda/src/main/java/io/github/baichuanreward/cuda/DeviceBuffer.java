package io.github.baichuanreward.cuda;

import jcuda.driver.CUdeviceptr;
import jcuda.driver.JCudaDriver;

/**
 * Some bytes of a device's memory: allocated, and then freed with the {@link Resources} they were
 * given to, or a view of such.
 */
final class DeviceBuffer {

    private final CUdeviceptr pointer;
    private final long offset;
    private final long bytes;

    private DeviceBuffer(CUdeviceptr pointer, long offset, long bytes) {
        this.pointer = pointer;
        this.offset = offset;
        this.bytes = bytes;
    }

    /**
     * Allocates memory of the device whose context is current.
     *
     * @param owner frees it
     * @param purpose for the message if there is not enough
     */
    static DeviceBuffer allocate(Cuda cuda, Resources owner, long bytes, String purpose) {
        CUdeviceptr pointer = new CUdeviceptr();
        cuda.driver(
                "cuMemAlloc of %s for %s".formatted(Cuda.mebibytes(bytes), purpose),
                () -> JCudaDriver.cuMemAlloc(pointer, bytes));
        owner.add(() -> cuda.driver("cuMemFree", () -> JCudaDriver.cuMemFree(pointer)));
        return new DeviceBuffer(pointer, 0, bytes);
    }

    /** Memory that is nowhere: for what only measures, and for tests of what is passed on. */
    static DeviceBuffer nowhere(long bytes) {
        return new DeviceBuffer(new CUdeviceptr(), 0, bytes);
    }

    /** A part of it, which lives as long as the whole. */
    DeviceBuffer view(long offset, long length) {
        if (offset < 0 || length < 0 || offset > bytes - length) {
            throw new AssertionError(
                    "bytes %d to %d of a buffer of %d".formatted(offset, offset + length, bytes));
        }
        return new DeviceBuffer(pointer.withByteOffset(offset), this.offset + offset, length);
    }

    long bytes() {
        return bytes;
    }

    /** Where it begins in what was allocated. */
    long offset() {
        return offset;
    }

    /** For the driver's and cuBLAS's functions. */
    CUdeviceptr pointer() {
        return pointer;
    }
}
