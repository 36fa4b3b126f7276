package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.JavaProcess;
import io.github.baichuanreward.TinyModel;
import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.batch.PackedBatch;
import io.github.baichuanreward.model.BaichuanWeights;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import jcuda.driver.CUcontext;
import jcuda.driver.JCudaDriver;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/**
 * An application may use devices itself: a thread has after each call the context that it had
 * before, none or another device's, also where the call fails. In a process of its own, because
 * this one has a single device.
 */
@ExtendWith(FakeGpu.class)
class CallersContextTest {

    private static final int MOST_CALLS = 2000;

    @TempDir Path directory;

    @Test
    void isAsBeforeAfterEachCall() throws Exception {
        assertThat(run("contexts"))
                .containsExactly(
                        "no context, device 0: kept",
                        "no context, device 1: kept",
                        "a context of device 0, device 0: kept",
                        "a context of device 0, device 1: kept",
                        "a context of device 1, device 0: kept",
                        "a context of device 1, device 1: kept");
    }

    @Test
    void aModelIsOnTheDeviceThatWasAskedFor() throws Exception {
        List<String> lines = run("bytes");

        assertThat(lines.get(0)).matches("device 0: reward \\S+, bytes \\[[1-9]\\d*, 0\\]");
        assertThat(lines.get(1)).matches("device 1: reward \\S+, bytes \\[0, [1-9]\\d*\\]");
        assertThat(lines.get(1).replaceAll(",.*", ""))
                .isEqualTo(lines.get(0).replaceAll(",.*", "").replace("device 0", "device 1"));
    }

    /** On two devices, whose contexts it keeps. */
    static final class Program {

        private static final PackedBatch BATCH =
                PackedBatch.pack(List.of(new int[] {1, 2, 3}, new int[] {9}), 100).get(0);

        private final BaichuanWeights weights;

        private Program(BaichuanWeights weights) {
            this.weights = weights;
        }

        public static void main(String[] args) throws IOException {
            assertThat(CudaLibraries.cublas((Path) null).problem()).isNull();
            assertThat(CudaDevice.initialize()).isZero();
            Program program = new Program(BaichuanWeights.open(Path.of(args[1])));
            List<CUcontext> contexts = new ArrayList<>();
            List<CudaDevice> devices = new ArrayList<>();
            for (int ordinal = 0; ordinal < 2; ordinal++) {
                CudaDevice device = CudaDevice.open(CudaDevice.properties(ordinal));
                devices.add(device);
                contexts.add(device.within(Program::current));
            }
            if (args[0].equals("bytes")) {
                program.bytes(contexts);
            } else {
                program.contexts(contexts);
            }
            setCurrent(null);
            devices.forEach(CudaDevice::close);
            FakeGpu.assertNothingLives();
        }

        private void bytes(List<CUcontext> contexts) throws IOException {
            for (int ordinal = 0; ordinal < 2; ordinal++) {
                try (CudaBackend backend = open(ordinal)) {
                    int bits = Float.floatToIntBits(backend.score(BATCH)[0]);
                    System.out.printf(
                            "device %d: reward %08x, bytes %s%n", ordinal, bits, bytesOf(contexts));
                }
                assertThat(bytesOf(contexts)).containsOnly(0L);
            }
        }

        private static List<Long> bytesOf(List<CUcontext> contexts) {
            List<Long> bytes = new ArrayList<>();
            for (CUcontext context : contexts) {
                setCurrent(context);
                bytes.add(FakeGpu.deviceBytes());
            }
            setCurrent(null);
            return bytes;
        }

        private void contexts(List<CUcontext> contexts) throws IOException {
            for (int caller = -1; caller < 2; caller++) {
                for (int ordinal = 0; ordinal < 2; ordinal++) {
                    CUcontext before = caller < 0 ? null : contexts.get(caller);
                    setCurrent(before);
                    tryEachFailure(ordinal, before);
                    System.out.printf(
                            "%s, device %d: kept%n",
                            caller < 0 ? "no context" : "a context of device " + caller, ordinal);
                }
            }
        }

        private void tryEachFailure(int ordinal, @Nullable CUcontext before) throws IOException {
            CUcontext expected = before == null ? new CUcontext() : before;
            useWithin(ordinal, expected);
            assertThat(FakeGpu.calls()).isPositive();
            for (int k = 1; k < MOST_CALLS; k++) {
                FakeGpu.failCall(k);
                boolean failed = false;
                try {
                    useWithin(ordinal, expected);
                } catch (BackendException e) {
                    failed = true;
                }
                assertThat(current()).as("after call %d failed", k).isEqualTo(expected);
                boolean wasReached = FakeGpu.calls() >= k;
                FakeGpu.failCall(0);
                if (!wasReached) {
                    assertThat(failed).isFalse();
                    return;
                }
            }
            throw new AssertionError("more than " + MOST_CALLS + " calls");
        }

        private void useWithin(int ordinal, CUcontext expected) throws IOException {
            try (CudaBackend backend = open(ordinal)) {
                assertThat(current()).as("after open").isEqualTo(expected);
                try {
                    backend.score(BATCH);
                } finally {
                    assertThat(current()).as("after score").isEqualTo(expected);
                }
            }
            assertThat(current()).as("after close").isEqualTo(expected);
        }

        private CudaBackend open(int ordinal) throws IOException {
            BackendRequest request =
                    new BackendRequest(weights, Precision.AUTO, List.of(ordinal), 40, 1);
            return CudaBackend.open(request, GemmChoice.kernels());
        }

        /** Asks again where it is the call that was to fail. */
        private static CUcontext current() {
            CUcontext current = new CUcontext();
            if (JCudaDriver.cuCtxGetCurrent(current) != 0) {
                assertThat(JCudaDriver.cuCtxGetCurrent(current)).isZero();
            }
            return current;
        }

        private static void setCurrent(@Nullable CUcontext context) {
            assertThat(JCudaDriver.cuCtxSetCurrent(context == null ? new CUcontext() : context))
                    .isZero();
        }
    }

    private List<String> run(String what) throws Exception {
        new TinyModel(1).write(directory);
        ProcessBuilder builder =
                JavaProcess.of(List.of(), Program.class, what, directory.toString());
        builder.environment().put("FAKE_GPU_DEVICES", "2");
        Process process = builder.redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        return output.lines().toList();
    }
}
