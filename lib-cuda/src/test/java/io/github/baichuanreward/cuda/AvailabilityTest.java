package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.JavaProcess;
import io.github.baichuanreward.TinyModel;
import io.github.baichuanreward.backend.Backend;
import io.github.baichuanreward.backend.BackendChoice;
import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.batch.PackedBatch;
import io.github.baichuanreward.model.BaichuanWeights;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What is said where something is missing, each in a process of its own: a library that was once
 * missing is missing for the life of a process.
 */
class AvailabilityTest {

    private static final String LIBRARIES = "LD_LIBRARY_PATH";

    @TempDir Path directory;

    @BeforeEach
    void writeModel() throws IOException {
        Files.createDirectory(directory.resolve("model"));
        new TinyModel(1).write(directory.resolve("model"));
        Files.createDirectory(directory.resolve("temporary"));
    }

    /** Prints what each backend says, twice, then what scoring does. */
    static final class Program {
        private Program() {}

        public static void main(String[] args) throws IOException {
            // What else is installed on this machine plays no part.
            CudaLibraries.cublas(CublasPlaces.usual(Map.of(), Path.of(args[0])));
            BaichuanWeights weights = BaichuanWeights.open(Path.of(args[0]));
            BackendRequest request = new BackendRequest(weights, Precision.AUTO, List.of(), 64, 1);
            for (int time = 0; time < 2; time++) {
                BackendChoice choice = BackendChoice.of(BackendChoice.AUTO, request);
                for (BackendChoice.Candidate candidate : choice.candidates()) {
                    System.out.printf(
                            "%s %s: %s%n", candidate.name(), candidate.fit(), candidate.reason());
                }
            }
            for (String name : List.of(BackendChoice.AUTO, "cuda")) {
                try (Backend backend = BackendChoice.of(name, request).open()) {
                    PackedBatch batch = PackedBatch.pack(List.of(new int[] {1, 2}), 9).get(0);
                    System.out.printf(
                            "scored %s on %s%n", backend.score(batch)[0], backend.description());
                } catch (BackendException e) {
                    System.out.printf("refused: %s%n", e.getMessage());
                }
            }
        }
    }

    @Test
    void onAPlatformWithoutNatives() throws Exception {
        assertThat(run(Map.of(), "-Dos.arch=aarch64").get(0))
                .isEqualTo(
                        "cuda ABSENT: JCuda has no natives for Linux on aarch64; it has for Linux and"
                                + " Windows on x86_64; use --backend cpu");
    }

    @Test
    void withoutJCuda() throws Exception {
        assertThat(firstLineWithout("jcuda-", "jcublas-"))
                .matches(
                        "cuda ABSENT: JCuda's classes are not there \\(jcuda/.*\\); add"
                                + " org.jcuda:jcuda and org.jcuda:jcublas");
    }

    @Test
    void withoutTheNativesOfJCuda() throws Exception {
        assertThat(firstLineWithout("jcuda-natives-", "jcublas-natives-"))
                .startsWith("cuda ABSENT: JCuda cannot be loaded: ")
                .endsWith(
                        "; add org.jcuda:jcuda-natives and org.jcuda:jcublas-natives of this platform"
                                + " (classifier linux-x86_64 or windows-x86_64)");
    }

    private String firstLineWithout(String... jars) throws Exception {
        String classPath =
                Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                        .filter(entry -> Arrays.stream(jars).noneMatch(entry::contains))
                        .collect(Collectors.joining(File.pathSeparator));
        List<String> options = List.of("-Djava.io.tmpdir=" + directory.resolve("temporary"));
        Process process =
                JavaProcess.of(
                                options,
                                classPath,
                                Program.class,
                                directory.resolve("model").toString())
                        .redirectError(directory.resolve("errors").toFile())
                        .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return output.lines().findFirst().orElse(errors());
    }

    @Test
    void withADamagedDriver() throws Exception {
        Path broken = Files.createDirectory(directory.resolve("broken"));
        Files.writeString(broken.resolve("libcuda.so.1"), "x");

        assertThat(run(Map.of(LIBRARIES, broken.toString())).get(0))
                .matches("cuda ABSENT: JCuda cannot be loaded: .*libcuda.so.1: file too short");
    }

    @Test
    void withoutADriver() throws Exception {
        SystemLibraries.requireNone("libcuda.so");
        List<String> lines = run(Map.of(LIBRARIES, ""));
        String reason =
                "no NVIDIA driver (libcuda.so.1) is installed; to use an NVIDIA GPU, install driver"
                        + " 450 or newer";

        assertThat(lines.get(0)).isEqualTo("cuda ABSENT: " + reason);
        assertThat(lines.get(1)).startsWith("cpu USABLE: ");
        assertThat(lines.get(2)).as("asked again").isEqualTo(lines.get(0));
        assertThat(lines.get(4)).matches("scored .* on cpu: .*");
        assertThat(lines.get(5)).isEqualTo("refused: cuda: " + reason);
        assertNothingIsLeft();
    }

    @Test
    void withoutADevice() throws Exception {
        FakeGpu.require();
        List<String> lines = run(Map.of("FAKE_GPU_DEVICES", "0"));

        assertThat(lines.get(0))
                .isEqualTo("cuda ABSENT: the NVIDIA driver finds no GPU; see nvidia-smi");
        assertThat(lines.get(4)).matches("scored .* on cpu: .*");
    }

    @Test
    void withAnOldDriver() throws Exception {
        FakeGpu.require();

        assertThat(run(Map.of("FAKE_GPU_DRIVER", "10020")).get(0))
                .startsWith("cuda ABSENT: the NVIDIA driver is of CUDA 10.2; install driver 450");
    }

    @Test
    void withAnOldDevice() throws Exception {
        FakeGpu.require();

        assertThat(run(Map.of("FAKE_GPU_COMPUTE", "75")).get(0))
                .startsWith("cuda ABSENT: device 0 (Fake GPU 7.5) has compute capability 7.5, and");
    }

    /** Asks for device 1. */
    static final class SecondDevice {
        private SecondDevice() {}

        public static void main(String[] args) {
            System.out.println(DeviceChoice.of(List.of(1)).problem());
        }
    }

    @Test
    void aNumberThatMayBeMeantOtherwise() throws Exception {
        FakeGpu.require();

        assertThat(run(SecondDevice.class, Map.of("CUDA_VISIBLE_DEVICES", "1")))
                .containsExactly(
                        "there is no device 1, but 1, numbered from 0; CUDA_VISIBLE_DEVICES is \"1\","
                                + " and numbers count within it");
        assertThat(
                        run(
                                SecondDevice.class,
                                Map.of("FAKE_GPU_DEVICES", "2", "FAKE_GPU_COMPUTE", "75")))
                .singleElement()
                .asString()
                .endsWith(
                        "devices are numbered as nvidia-smi does if CUDA_DEVICE_ORDER=PCI_BUS_ID is set");
    }

    @Test
    void withoutCublas() throws Exception {
        FakeGpu.require();
        SystemLibraries.requireNone("libcublas.so");
        Path alone = Files.createDirectory(directory.resolve("alone"));
        Files.copy(FakeGpu.folder().resolve("libcuda.so.1"), alone.resolve("libcuda.so.1"));
        Map<String, String> environment = Map.of(LIBRARIES, alone.toString());
        List<String> lines = run(environment);

        assertThat(lines.get(0)).startsWith("cuda USABLE: device 0 (Fake GPU 9.0)");
        assertThat(lines.get(4)).matches("scored .* on cuda: .*, own products, kernels .*");
        assertThat(errors())
                .containsOnlyOnce("cuda: own products, which are slower than cuBLAS's: cuBLAS is")
                .contains("pip install nvidia-cublas-cu12");
        assertNothingIsLeft();

        assertThat(run(environment, "-Dbaichuan-reward.gemm=cublas").get(0))
                .startsWith("cuda REFUSED: -Dbaichuan-reward.gemm=cublas: cuBLAS is not found");
    }

    @Test
    void withAnotherProduct() throws Exception {
        FakeGpu.require();

        assertThat(run(Map.of(), "-Dbaichuan-reward.gemm=kernels").get(4))
                .matches("scored .* on cuda: .*, own products, kernels .*");
        assertThat(run(Map.of(), "-Dbaichuan-reward.gemm=fast").get(0))
                .isEqualTo("cuda REFUSED: -Dbaichuan-reward.gemm=fast; use cublas or kernels");
    }

    @Test
    void takesTheImageThatDriverAndDeviceCanLoad() throws Exception {
        FakeGpu.require();
        boolean cubins = KernelImages.read("sm_90.cubin") != null;

        assertThat(image(Map.of("FAKE_GPU_DRIVER", "12040"))).isEqualTo("compute_80.ptx");
        assertThat(image(Map.of("FAKE_GPU_DRIVER", "11000"))).isEqualTo("compute_80.ptx");
        assertThat(image(Map.of("FAKE_GPU_COMPUTE", "110"))).isEqualTo("compute_80.ptx");
        assertThat(image(Map.of())).isEqualTo(cubins ? "sm_90.cubin" : "compute_80.ptx");
        assertThat(image(Map.of("FAKE_GPU_COMPUTE", "89")))
                .isEqualTo(cubins ? "sm_80.cubin" : "compute_80.ptx");
    }

    /** cuBLAS of CUDA 12 does not start there. */
    @Test
    void withADriverOlderThanCublas() throws Exception {
        FakeGpu.require();

        assertThat(run(Map.of("FAKE_GPU_DRIVER", "11080")).get(4))
                .matches("scored .* on cuda: .*, own products, kernels compute_80.ptx");
    }

    @Test
    void tooSmallADevice() throws Exception {
        FakeGpu.require();
        List<String> lines = run(Map.of("FAKE_GPU_MEMORY", Integer.toString(300 << 20)));

        assertThat(lines.get(0)).startsWith("cuda TOO_SMALL: device 0 (Fake GPU 9.0) is too small");
        assertThat(lines.get(4)).as("no silent run on the CPU").startsWith("refused: cuda: ");
    }

    /** Fills device 0, then loads. */
    static final class FullDevice {
        private FullDevice() {}

        public static void main(String[] args) throws IOException {
            BaichuanWeights weights = BaichuanWeights.open(Path.of(args[0]));
            BackendRequest request =
                    new BackendRequest(weights, Precision.AUTO, List.of(), 100_000, 1);
            CudaDevice device = CudaDevice.open(DeviceChoice.of(List.of(0)).devices().get(0));
            device.within(() -> fill(device));
            try (Backend backend = CudaBackend.open(request, GemmChoice.kernels())) {
                System.out.println(backend.description());
            } catch (BackendException e) {
                System.out.println(e.getMessage());
            } finally {
                device.close();
            }
        }

        private static DeviceBuffer fill(CudaDevice device) {
            long bytes = device.freeBytes() - (100 << 20);
            return DeviceBuffer.allocate(device.cuda(), device.resources(), bytes, "a test");
        }
    }

    @Test
    void aFullDeviceIsLeftToOthersOrAnError() throws Exception {
        FakeGpu.require();

        assertThat(run(FullDevice.class, Map.of("FAKE_GPU_DEVICES", "2")).get(0))
                .startsWith("cuda: device 1 (Fake GPU 9.0), ");
        assertThat(run(FullDevice.class, Map.of()).get(0))
                .contains(
                        "but of 2.00 GiB of device 0 (Fake GPU 9.0) only 0.10 GiB are free now; end"
                                + " what else uses it, or ");
    }

    /** Lets each call fail by which devices are looked at. */
    static final class FailingDevices {
        private FailingDevices() {}

        public static void main(String[] args) {
            CudaLibraries.driver();
            CudaDevice.initialize();
            for (int k = 1; k == 1 || FakeGpu.calls() >= k - 1; k++) {
                FakeGpu.failCall(k);
                try {
                    DeviceChoice choice = DeviceChoice.of(List.of());
                    System.out.println(
                            choice.devices().stream().map(CudaDevice.Properties::ordinal).toList());
                } catch (BackendException e) {
                    System.out.println(e.getMessage());
                }
            }
            FakeGpu.failCall(0);
        }
    }

    @Test
    void aDeviceThatCannotBeAskedDoesNotHideOthers() throws Exception {
        FakeGpu.require();

        assertThat(run(FailingDevices.class, Map.of("FAKE_GPU_DEVICES", "2")))
                .contains("[0]", "[1]", "[0, 1]");
    }

    /** Asks, makes the temporary folder, and asks again. */
    static final class NoTemporaryFolder {
        private NoTemporaryFolder() {}

        public static void main(String[] args) throws IOException {
            System.out.println(CudaLibraries.driver().problem());
            Files.createDirectory(Path.of(System.getProperty(NativeFolder.TEMPORARY)));
            System.out.println(CudaLibraries.cublas((Path) null).problem());
        }
    }

    @Test
    void aTemporaryFolderThatIsMissingCanBeMade() throws Exception {
        FakeGpu.require();
        Path temporary = directory.resolve("temporary");
        Files.delete(temporary);

        assertThat(run(NoTemporaryFolder.class, Map.of()))
                .satisfiesExactly(
                        first ->
                                assertThat(first)
                                        .startsWith(
                                                "JCuda's natives cannot be unpacked into "
                                                        + temporary)
                                        .endsWith(
                                                "set -Djava.io.tmpdir to a folder that can be written"),
                        second -> assertThat(second).isEqualTo("null"));
    }

    private String image(Map<String, String> environment) throws Exception {
        String line = run(environment).get(4);
        assertThat(line).startsWith("scored ");
        return line.replaceAll(".* kernels ", "");
    }

    private List<String> run(Map<String, String> environment, String... options) throws Exception {
        return run(Program.class, environment, options);
    }

    private List<String> run(Class<?> program, Map<String, String> environment, String... options)
            throws Exception {
        List<String> all = new ArrayList<>(List.of(options));
        all.add("-Djava.io.tmpdir=" + directory.resolve("temporary"));
        ProcessBuilder builder =
                JavaProcess.of(all, program, directory.resolve("model").toString());
        builder.environment().keySet().removeIf(name -> name.startsWith("CUDA_"));
        builder.environment().putAll(environment);
        builder.redirectError(directory.resolve("errors").toFile());
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(errors()).isZero();
        return output.lines().toList();
    }

    private String errors() throws IOException {
        return Files.readString(directory.resolve("errors"));
    }

    /** Natives are unpacked into a private folder, and deleted. */
    private void assertNothingIsLeft() throws IOException {
        try (Stream<Path> files = Files.list(directory.resolve("temporary"))) {
            assertThat(files.map(file -> file.getFileName().toString()).toList())
                    .noneMatch(name -> name.contains("jcuda") || name.contains("JCu"));
        }
    }
}
