package io.github.baichuanreward.cuda;

import io.github.baichuanreward.backend.BackendException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;
import org.jspecify.annotations.Nullable;

/**
 * A GPU in use: its primary context, a stream to compute on and one to copy on. Everything that is
 * opened on it is given to its {@link #resources}, which {@link #close} gives back in reverse
 * order.
 *
 * <p>A thread works with a device inside {@link #within}. One thread at a time, but for what is
 * said to be otherwise.
 */
final class CudaDevice implements AutoCloseable {

    /**
     * What a device says of itself.
     *
     * @param ordinal its number
     * @param major of its compute capability
     * @param minor of its compute capability
     * @param bytes of its memory
     * @param driver the CUDA version that the driver supports: 12020 for 12.2
     */
    record Properties(int ordinal, String name, int major, int minor, long bytes, int driver) {

        /** How messages call it. */
        String label() {
            return "device %d (%s)".formatted(ordinal, name);
        }
    }

    private static final int NAME_BYTES = 256;

    /** Who waits sleeps: converters need the cores. */
    private static final int MARK =
            CUevent_flags.CU_EVENT_DISABLE_TIMING | CUevent_flags.CU_EVENT_BLOCKING_SYNC;

    private final Properties properties;
    private final Cuda cuda;
    private final CUdevice device;
    private final CUcontext context = new CUcontext();
    private final Resources resources = new Resources();
    private final CUstream compute = new CUstream();
    private final CUstream copy = new CUstream();
    private boolean closed;

    private CudaDevice(Properties properties) {
        this.properties = properties;
        this.cuda = new Cuda(properties.label());
        this.device = handle(cuda, properties.ordinal());
    }

    /** Starts the driver; returns its code. The first call of all. */
    static int initialize() {
        return Cuda.code(() -> JCudaDriver.cuInit(0));
    }

    /** How many devices there are. */
    static int count() {
        int[] count = new int[1];
        new Cuda("driver").driver("cuDeviceGetCount", () -> JCudaDriver.cuDeviceGetCount(count));
        return count[0];
    }

    /** Asks a device about itself. */
    static Properties properties(int ordinal) {
        Cuda cuda = new Cuda("device " + ordinal);
        CUdevice device = handle(cuda, ordinal);
        byte[] name = new byte[NAME_BYTES];
        cuda.driver(
                "cuDeviceGetName", () -> JCudaDriver.cuDeviceGetName(name, name.length, device));
        long[] bytes = new long[1];
        cuda.driver("cuDeviceTotalMem", () -> JCudaDriver.cuDeviceTotalMem(bytes, device));
        int[] driver = new int[1];
        cuda.driver("cuDriverGetVersion", () -> JCudaDriver.cuDriverGetVersion(driver));
        return new Properties(
                ordinal,
                new String(name, StandardCharsets.UTF_8).replaceAll("\0.*", "").strip(),
                attribute(
                        cuda,
                        device,
                        CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR),
                attribute(
                        cuda,
                        device,
                        CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR),
                bytes[0],
                driver[0]);
    }

    /**
     * Takes a device into use.
     *
     * @throws BackendException if the driver refuses; then nothing stays open
     */
    static CudaDevice open(Properties properties) {
        CudaDevice opened = new CudaDevice(properties);
        opened.cuda.driver(
                "cuDevicePrimaryCtxRetain",
                () -> JCudaDriver.cuDevicePrimaryCtxRetain(opened.context, opened.device));
        try {
            return opened.within(opened::createStreams);
        } catch (BackendException e) {
            opened.closeAfter(e);
            throw e;
        }
    }

    private CudaDevice createStreams() {
        // Not ordered with the default stream, which is the application's.
        for (CUstream stream : List.of(compute, copy)) {
            cuda.driver(
                    "cuStreamCreate",
                    () ->
                            JCudaDriver.cuStreamCreate(
                                    stream, CUstream_flags.CU_STREAM_NON_BLOCKING));
            resources.add(
                    () ->
                            cuda.driver(
                                    "cuStreamDestroy", () -> JCudaDriver.cuStreamDestroy(stream)));
        }
        return this;
    }

    Properties properties() {
        return properties;
    }

    Cuda cuda() {
        return cuda;
    }

    Resources resources() {
        return resources;
    }

    /** Where kernels and products run, in order. */
    CUstream compute() {
        return compute;
    }

    /** Where copies run, in order, beside them. */
    CUstream copy() {
        return copy;
    }

    /** What a thread does with a device. */
    interface Work<T extends @Nullable Object, E extends Exception> {
        T run() throws E;
    }

    /**
     * Does something with this device as the calling thread's, which then has again the one that it
     * had before; for any thread.
     */
    <T extends @Nullable Object, E extends Exception> T within(Work<T, E> work) throws E {
        CUcontext before = new CUcontext();
        cuda.driver("cuCtxGetCurrent", () -> JCudaDriver.cuCtxGetCurrent(before));
        setCurrent(context);
        T result;
        try {
            result = work.run();
        } catch (Throwable e) {
            restore(before, e);
            throw e;
        }
        restore(before, null);
        return result;
    }

    private void setCurrent(CUcontext wanted) {
        cuda.driver("cuCtxSetCurrent", () -> JCudaDriver.cuCtxSetCurrent(wanted));
    }

    /** Tries twice, which does no harm: else the thread would keep a device that may be closed. */
    private void restore(CUcontext before, @Nullable Throwable failure) {
        Resources twice = new Resources();
        twice.add(() -> setCurrent(before));
        try {
            setCurrent(before);
        } catch (BackendException e) {
            twice.closeAfter(e);
            if (failure == null) {
                throw e;
            }
            failure.addSuppressed(e);
        }
    }

    /** Memory that is free now. */
    long freeBytes() {
        long[] free = new long[1];
        cuda.driver("cuMemGetInfo", () -> JCudaDriver.cuMemGetInfo(free, new long[1]));
        return free[0];
    }

    /** Fills with zeros, before all copies that follow on the same stream. */
    void clear(DeviceBuffer target) {
        cuda.driver(
                "cuMemsetD8Async of " + Cuda.mebibytes(target.bytes()),
                () ->
                        JCudaDriver.cuMemsetD8Async(
                                target.pointer(), (byte) 0, target.bytes(), copy));
    }

    /** Copies to the device, on the stream for copies. */
    void upload(DeviceBuffer target, HostBuffer source, long bytes) {
        upload(target, source, 0, bytes, copy);
    }

    /** The same from somewhere in the host's memory. */
    void upload(DeviceBuffer target, HostBuffer source, long from, long bytes) {
        upload(target, source, from, bytes, copy);
    }

    /** Copies to the device, before the kernels that follow. */
    void uploadInput(DeviceBuffer target, HostBuffer source, long bytes) {
        upload(target, source, 0, bytes, compute);
    }

    private void upload(
            DeviceBuffer target, HostBuffer source, long from, long bytes, CUstream stream) {
        if (bytes > target.bytes() || from < 0 || bytes > source.bytes().capacity() - from) {
            throw new AssertionError(
                    "%d bytes from %d of %d to %d"
                            .formatted(bytes, from, source.bytes().capacity(), target.bytes()));
        }
        cuda.driver(
                "cuMemcpyHtoDAsync",
                () ->
                        JCudaDriver.cuMemcpyHtoDAsync(
                                target.pointer(),
                                source.pointer().withByteOffset(from),
                                bytes,
                                stream));
    }

    /** Copies from the device, after the kernels before. */
    void download(HostBuffer target, DeviceBuffer source, long bytes) {
        if (bytes > source.bytes() || bytes > target.bytes().capacity()) {
            throw new AssertionError(
                    "%d bytes from %d to %d"
                            .formatted(bytes, source.bytes(), target.bytes().capacity()));
        }
        cuda.driver(
                "cuMemcpyDtoHAsync",
                () ->
                        JCudaDriver.cuMemcpyDtoHAsync(
                                target.pointer(), source.pointer(), bytes, compute));
    }

    /**
     * Copies from another device, or from another part of this one, on the stream for copies. Where
     * neither device may read the other's memory, the driver goes through the host's.
     */
    void receive(DeviceBuffer target, CudaDevice from, DeviceBuffer source, long bytes) {
        if (bytes > source.bytes() || bytes > target.bytes()) {
            throw new AssertionError(
                    "%d bytes from %d to %d".formatted(bytes, source.bytes(), target.bytes()));
        }
        if (from.properties.ordinal() == properties.ordinal()) {
            cuda.driver(
                    "cuMemcpyDtoDAsync",
                    () ->
                            JCudaDriver.cuMemcpyDtoDAsync(
                                    target.pointer(), source.pointer(), bytes, copy));
            return;
        }
        cuda.driver(
                "cuMemcpyPeerAsync from " + from.properties.label(),
                () ->
                        JCudaDriver.cuMemcpyPeerAsync(
                                target.pointer(),
                                context,
                                source.pointer(),
                                from.context,
                                bytes,
                                copy));
    }

    /**
     * Lets this device, which is entered, read another's memory, so that copies go straight from
     * one to the other; where it cannot, they go through the host's.
     *
     * <p>That ends with one of the contexts, and not before: others in this process may have come
     * to rely on it.
     */
    void readFrom(CudaDevice other) {
        if (other.properties.ordinal() == properties.ordinal()) {
            return;
        }
        int[] can = new int[1];
        cuda.driver(
                "cuDeviceCanAccessPeer",
                () -> JCudaDriver.cuDeviceCanAccessPeer(can, device, other.device));
        if (can[0] == 0) {
            return;
        }
        int code = Cuda.code(() -> JCudaDriver.cuCtxEnablePeerAccess(other.context, 0));
        switch (code) {
            case CUresult.CUDA_SUCCESS,
                    CUresult.CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED -> {} // by whom ever
            case CUresult.CUDA_ERROR_PEER_ACCESS_UNSUPPORTED,
                    CUresult.CUDA_ERROR_TOO_MANY_PEERS -> {} // as if it could not
            default -> cuda.driver("cuCtxEnablePeerAccess", () -> code);
        }
    }

    /** Has what follows on a stream of this device wait for a mark of any device. */
    void waitFor(CUstream stream, Mark mark) {
        cuda.driver(
                "cuStreamWaitEvent", () -> JCudaDriver.cuStreamWaitEvent(stream, mark.event, 0));
    }

    /** Waits until everything is computed: the only wait of a batch. */
    void awaitCompute() {
        cuda.driver("cuStreamSynchronize", () -> JCudaDriver.cuStreamSynchronize(compute));
    }

    /** Waits until everything in all queues is done. */
    void awaitAll() {
        cuda.driver("cuCtxSynchronize", JCudaDriver::cuCtxSynchronize);
    }

    /** Waits until everything is copied. */
    void awaitCopies() {
        cuda.driver("cuStreamSynchronize", () -> JCudaDriver.cuStreamSynchronize(copy));
    }

    /** A mark in a stream of this device, that threads and other streams can wait for. */
    final class Mark {

        private final CUevent event = new CUevent();

        /** Belongs to {@code owner}. */
        Mark(Resources owner) {
            cuda.driver("cuEventCreate", () -> JCudaDriver.cuEventCreate(event, MARK));
            owner.add(() -> cuda.driver("cuEventDestroy", () -> JCudaDriver.cuEventDestroy(event)));
        }

        /** Sets it behind what is in a stream so far. */
        void set(CUstream stream) {
            cuda.driver("cuEventRecord", () -> JCudaDriver.cuEventRecord(event, stream));
        }

        /** Waits for what is before it; not at all if it was never set. */
        void await() {
            cuda.driver("cuEventSynchronize", () -> JCudaDriver.cuEventSynchronize(event));
        }
    }

    /**
     * Gives back everything, the device last; a second call does nothing.
     *
     * @throws BackendException if the driver refused to take something back, after all was tried
     */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        Resources all = new Resources();
        all.add(
                () ->
                        cuda.driver(
                                "cuDevicePrimaryCtxRelease",
                                () -> JCudaDriver.cuDevicePrimaryCtxRelease(device)));
        // A second time for what the first has left, because it could not begin.
        all.add(() -> within(this::giveBack));
        all.add(() -> within(this::giveBack));
        all.close();
    }

    /** What is still queued may use what is freed. */
    private CudaDevice giveBack() {
        if (!resources.isEmpty()) {
            resources.add(this::awaitAll);
        }
        resources.close();
        return this;
    }

    /** Closes after a failure, which keeps what goes wrong now as suppressed. */
    void closeAfter(Throwable failure) {
        try {
            close();
        } catch (BackendException e) {
            failure.addSuppressed(e);
        }
    }

    private static CUdevice handle(Cuda cuda, int ordinal) {
        CUdevice device = new CUdevice();
        cuda.driver("cuDeviceGet", () -> JCudaDriver.cuDeviceGet(device, ordinal));
        return device;
    }

    private static int attribute(Cuda cuda, CUdevice device, int which) {
        int[] value = new int[1];
        cuda.driver(
                "cuDeviceGetAttribute",
                () -> JCudaDriver.cuDeviceGetAttribute(value, which, device));
        return value[0];
    }
}
