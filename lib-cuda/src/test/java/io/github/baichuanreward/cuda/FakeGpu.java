package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.abort;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * The driver and cuBLAS that stand in for real ones; see {@code
 * kernels/src/test/cpp/fake/fake_cuda.h}. The build puts their folder into {@code LD_LIBRARY_PATH}.
 *
 * <p>A test extended with this is skipped where they could not be built, and must leave nothing
 * open on them.
 */
final class FakeGpu implements BeforeEachCallback, AfterEachCallback {

    private static final int FAIL_CALL = 0x7f000001;
    private static final int LIVE_BYTES = 0x7f000002;
    private static final int LIVE_OBJECTS = 0x7f000003;
    private static final int LAUNCHES = 0x7f000004;
    private static final int FREE_MEMORY = 0x7f000005;
    private static final int PRODUCT_ORDER = 0x7f000006;
    private static final int LEAKED = 0x7f000007;
    private static final int DEVICE_BYTES = 0x7f000008;
    private static final int COPIED_BYTES = 0x7f000009;
    private static final int ALLOCATED_BYTES = 0x7f00000a;
    private static final int CUBIN_ERROR = 0x7f00000b;
    private static final int PTX_ERROR = 0x7f00000c;
    private static final int BREAK_AFTER = 0x7f00000d;

    /** Leaks that a test has been told of. */
    private static long leaksSaid;

    @Override
    public void beforeEach(ExtensionContext test) {
        require();
    }

    @Override
    public void afterEach(ExtensionContext test) {
        if (isBuilt()) { // else the test was skipped
            leave();
        }
    }

    /** As a test must leave it, and what else was asked for is taken back. */
    static void leave() {
        failCall(0);
        breakNoDevice();
        refuseImages(0, 0);
        productOrder(1);
        assertNothingLives();
    }

    /** Skips the calling test where the fake GPU could not be built. */
    static void require() {
        if (!isBuilt()) {
            String message =
                    folder().resolve("libcuda.so.1")
                            + " is not there: it needs GNU make and g++ on Linux";
            if (List.of("true", "compiler").contains(System.getProperty("kernels.required", ""))) {
                fail(message);
            }
            abort(message);
        }
        assertThat(CudaLibraries.driver().problem()).isNull();
        assertThat(CudaDevice.initialize()).isZero();
    }

    /** Whether it could be built. */
    static boolean isBuilt() {
        return Files.exists(folder().resolve("libcuda.so.1"));
    }

    /** Whether the driver in use is this one. */
    static boolean isThere() {
        return JCudaDriver.cuCtxGetLimit(new long[1], LIVE_OBJECTS) == 0;
    }

    /** Where its libraries are. */
    static Path folder() {
        return Path.of(System.getProperty("kernels.directory"), "target", "fake-gpu")
                .toAbsolutePath()
                .normalize();
    }

    /** The k-th call from now on fails; 0 for none. */
    static void failCall(int k) {
        set(FAIL_CALL, k);
    }

    /** Calls since {@link #failCall}. */
    static long calls() {
        return get(FAIL_CALL);
    }

    /**
     * Lets the device that is in use by the thread, or the first, break when its k-th launch from
     * now on runs, as after an illegal address; other devices go on. With {@code FAKE_GPU_FAULTS}
     * as it is by default it stays broken as long as this process, so that is for a test's own
     * process.
     */
    static void breakAfter(int k) {
        set(BREAK_AFTER, k);
    }

    /** Takes every {@link #breakAfter} back. */
    static void breakNoDevice() {
        set(BREAK_AFTER, 0);
    }

    static long launches() {
        return get(LAUNCHES);
    }

    /** Bytes of the memory of the device that is in use by the thread, or of the first. */
    static long deviceBytes() {
        return get(DEVICE_BYTES);
    }

    /** Bytes that were copied to devices so far. */
    static long copiedBytes() {
        return get(COPIED_BYTES);
    }

    /** Bytes that were allocated on devices so far. */
    static long allocatedBytes() {
        return get(ALLOCATED_BYTES);
    }

    /** Lets loading machine code and PTX fail with these codes; 0 for what they deserve. */
    static void refuseImages(int cubin, int ptx) {
        set(CUBIN_ERROR, cubin);
        set(PTX_ERROR, ptx);
    }

    /** Lets so much memory be free; 0 for all. A device must be in use by the thread. */
    static void freeMemory(long bytes) {
        set(FREE_MEMORY, bytes);
    }

    /** 0: sums as they stand. 1: by the number of rows. 2: by a row's place, too. */
    static void productOrder(int order) {
        set(PRODUCT_ORDER, order);
    }

    /** Nothing that was opened is still open, nor ended only because its context did. */
    static void assertNothingLives() {
        long before = leaksSaid;
        leaksSaid = get(LEAKED);
        assertThat(leaksSaid - before)
                .as("modules, streams, events and memory that nobody released before the context")
                .isZero();
        assertThat(get(LIVE_OBJECTS)).as("contexts, modules, streams and the like").isZero();
        assertThat(get(LIVE_BYTES)).as("bytes on devices").isZero();
    }

    private static void set(int what, long value) {
        assertThat(JCudaDriver.cuCtxSetLimit(what, value)).isZero();
    }

    private static long get(int what) {
        long[] value = new long[1];
        assertThat(JCudaDriver.cuCtxGetLimit(value, what)).isZero();
        return value[0];
    }
}
