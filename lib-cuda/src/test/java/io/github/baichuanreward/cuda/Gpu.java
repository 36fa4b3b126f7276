package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.fail;

import io.github.baichuanreward.cuda.CudaDevice.Properties;
import java.util.List;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;

/**
 * The GPU of tests whose names end in {@code GpuTest}: the fake one, or, where the system property
 * {@code gpu.required} is true, whatever this computer has; then none at all is a failure.
 *
 * <p>A test must leave nothing open. A real driver does not say what is; there the memory that is
 * free must be as much as before, so nobody else should use the GPU.
 */
final class Gpu implements BeforeEachCallback, AfterEachCallback {

    /** Less than any model's buffers, more than a driver keeps of what it was asked for. */
    private static final long SLACK = 24L << 20;

    private static final Namespace STORE = Namespace.create(Gpu.class);

    @Override
    public void beforeEach(ExtensionContext test) {
        require();
        if (!isFake()) {
            test.getStore(STORE).put(Long.class, freeBytes());
        }
    }

    @Override
    public void afterEach(ExtensionContext test) {
        if (!Boolean.getBoolean("gpu.required") && !FakeGpu.isBuilt()) { // and so it was skipped
            return;
        }
        if (isFake()) {
            FakeGpu.leave();
            return;
        }
        long before = test.getStore(STORE).get(Long.class, Long.class);
        assertThat(freeBytes())
                .as("bytes of the GPU that are free after the test")
                .isGreaterThan(before - SLACK);
    }

    private static void require() {
        if (!Boolean.getBoolean("gpu.required")) {
            FakeGpu.require();
            return;
        }
        String problem = DeviceChoice.of(List.of()).problem();
        if (problem != null) {
            fail("these tests want a GPU: " + problem);
        }
    }

    /** Whether it is the fake one, on which a product of real size takes minutes. */
    static boolean isFake() {
        return FakeGpu.isThere();
    }

    /** The device. */
    static Properties properties() {
        return DeviceChoice.of(List.of()).devices().get(0);
    }

    private static long freeBytes() {
        CudaDevice device = CudaDevice.open(properties());
        try {
            return device.within(device::freeBytes);
        } finally {
            device.close();
        }
    }
}
