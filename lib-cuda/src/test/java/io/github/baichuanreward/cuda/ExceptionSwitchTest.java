package io.github.baichuanreward.cuda;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.JavaProcess;
import io.github.baichuanreward.TinyModel;
import io.github.baichuanreward.backend.Backend;
import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.batch.PackedBatch;
import io.github.baichuanreward.model.BaichuanWeights;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import jcuda.CudaException;
import jcuda.driver.JCudaDriver;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasHandle;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * JCuda throws or returns codes, as an application says for the whole process: neither may change
 * what this library does, nor this library what the application has said. Each test is a process.
 */
class ExceptionSwitchTest {

    private static final int NO_FLAGS_OF_CU_INIT = 77;

    @TempDir Path directory;

    @BeforeEach
    void writeModel() throws IOException {
        FakeGpu.require();
        new TinyModel(1).write(Files.createDirectory(directory.resolve("model")));
    }

    /** Turns the switch before or after libraries are loaded, or never; then scores. */
    static final class Program {
        private Program() {}

        public static void main(String[] args) throws IOException {
            if (args[1].equals("before")) {
                turn();
            }
            CudaLibraries.cublas((Path) null);
            if (args[1].equals("after")) {
                turn();
            }
            BaichuanWeights weights = BaichuanWeights.open(Path.of(args[0]));
            BackendRequest request = new BackendRequest(weights, Precision.AUTO, List.of(), 64, 1);
            try (Backend backend = CudaBackend.open(request)) {
                PackedBatch batch = PackedBatch.pack(List.of(new int[] {1, 2}), 9).get(0);
                System.out.printf(
                        "scored %s on %s%n", backend.score(batch)[0], backend.description());
            } catch (BackendException e) {
                System.out.println(e.getMessage());
            }
            System.out.println(throwing(() -> JCudaDriver.cuInit(NO_FLAGS_OF_CU_INIT)));
            System.out.println(throwing(() -> JCublas2.cublasDestroy(new cublasHandle())));
        }

        private static void turn() {
            JCudaDriver.setExceptionsEnabled(true);
            JCublas2.setExceptionsEnabled(true);
        }

        private static boolean throwing(Runnable call) {
            try {
                call.run();
                return false;
            } catch (CudaException e) {
                return true;
            }
        }
    }

    @Test
    void scoresAndLeavesTheSwitchAsItIs() throws Exception {
        String never = run("never", Map.of(), "false");

        assertThat(never).startsWith("scored ");
        assertThat(run("before", Map.of(), "true")).isEqualTo(never);
        assertThat(run("after", Map.of(), "true")).isEqualTo(never);
    }

    @Test
    void aDriverWithoutADeviceIsSaidTheSameWay() throws Exception {
        Map<String, String> environment = Map.of("FAKE_GPU_DEVICES", "0");
        String never = run("never", environment, "false");

        assertThat(never).startsWith("cuda: the NVIDIA driver finds no GPU; ");
        assertThat(run("before", environment, "true")).isEqualTo(never);
        assertThat(run("after", environment, "true")).isEqualTo(never);
    }

    @Test
    void aDeviceWithoutMemoryIsSaidTheSameWay() throws Exception {
        Map<String, String> environment = Map.of("FAKE_GPU_MEMORY", Integer.toString(8 << 20));
        String never = run("never", environment, "false");

        assertThat(never).contains("is too small: ").contains("but it has 0.01 GiB; ");
        assertThat(run("before", environment, "true")).isEqualTo(never);
        assertThat(run("after", environment, "true")).isEqualTo(never);
    }

    /** What the driver refuses is a reason to load the next image. */
    @Test
    void anImageThatTheDriverRefusesIsPassedBy() throws Exception {
        Path folder = directory.resolve("classes/io/github/baichuanreward/kernels");
        Files.createDirectories(folder);
        Files.writeString(folder.resolve("sm_90.cubin"), "no image");

        assertThat(run("never", Map.of(), "false")).endsWith(" kernels " + KernelImages.PTX);
        assertThat(run("before", Map.of(), "true")).endsWith(" kernels " + KernelImages.PTX);
    }

    private String run(String turned, Map<String, String> environment, String throwing)
            throws Exception {
        ProcessBuilder builder =
                JavaProcess.of(
                        List.of(),
                        directory.resolve("classes")
                                + File.pathSeparator
                                + System.getProperty("java.class.path"),
                        Program.class,
                        directory.resolve("model").toString(),
                        turned);
        builder.environment().putAll(environment);
        builder.redirectError(directory.resolve("errors").toFile());
        Process process = builder.start();
        List<String> lines =
                new String(process.getInputStream().readAllBytes(), UTF_8).lines().toList();
        assertThat(process.waitFor())
                .as(lines + Files.readString(directory.resolve("errors")))
                .isZero();
        assertThat(lines.subList(1, 3)).as("what the application sees").containsOnly(throwing);
        return lines.get(0);
    }
}
