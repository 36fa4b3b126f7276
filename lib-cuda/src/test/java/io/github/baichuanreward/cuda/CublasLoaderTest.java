package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.JavaProcess;
import io.github.baichuanreward.TinyModel;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import jcuda.JCudaVersion;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Machines with one cuBLAS or another, or none, each a process on the fake GPU. */
class CublasLoaderTest {

    private static final String LIBRARIES = "LD_LIBRARY_PATH";
    private static final String NOWHERE = CublasPrograms.NOWHERE;
    private static final String WHEELS = "lib/python3.11/site-packages/nvidia/";
    private static final Path TWELVE = FakeGpu.folder().resolve("libcublas.so.12");
    private static final Path THIRTEEN =
            FakeGpu.folder().resolveSibling("fake-gpu-13").resolve("libcublas.so.13");

    @TempDir Path directory;

    /** The file system whose usual places are looked at. */
    private Path root;

    @BeforeEach
    void writeModel() throws IOException {
        FakeGpu.require();
        SystemLibraries.requireNone("libcublas.so");
        directory = directory.toRealPath();
        root = Files.createDirectory(directory.resolve("root"));
        new TinyModel(1).write(Files.createDirectory(directory.resolve("model")));
        Path driver = Files.createDirectory(directory.resolve("driver"));
        Files.copy(FakeGpu.folder().resolve("libcuda.so.1"), driver.resolve("libcuda.so.1"));
    }

    @Test
    void thirteenGivesTheBitsOfTwelve() throws Exception {
        String expected = rewards(run(LIBRARIES, folderOf(TWELVE)));
        List<String> lines = run(LIBRARIES, folderOf(THIRTEEN));

        assertThat(rewards(lines)).isEqualTo(expected);
        assertThat(lines.get(1)).contains("cuBLAS 13.");
        assertLoaded(13, THIRTEEN);
        Path made = ForwardingLibraryTest.made();
        if (made != null) {
            assertThat(
                            rewards(
                                    run(
                                            Map.of(LIBRARIES, text(folderOf(THIRTEEN))),
                                            made,
                                            CublasPrograms.Program.class,
                                            NOWHERE)))
                    .as("through the library that gcc has made here")
                    .isEqualTo(expected);
            assertLoaded(13, THIRTEEN);
        }
    }

    /** JCuda's class must never look for cuBLAS by itself, whoever asks for products. */
    @Test
    void productsThatAreChosenFindItToo() throws Exception {
        Map<String, String> thirteen = Map.of(LIBRARIES, text(folderOf(THIRTEEN)));
        assertThat(run(thirteen, null, CublasPrograms.Chosen.class).get(0)).contains("cuBLAS 13.");
        assertThat(run(Map.of(), null, CublasPrograms.Chosen.class).get(0))
                .startsWith("refused: cuda: cuBLAS is not found by the dynamic loader");
    }

    @Test
    void itHasAllThatIsWantedAtOnce() throws Exception {
        Map<String, String> environment =
                Map.of(LIBRARIES, text(folderOf(THIRTEEN)), "LD_BIND_NOW", "1");

        assertThat(run(environment, null, CublasPrograms.WithoutDriver.class))
                .containsExactly("Found 13, []");
    }

    @Test
    void theLoadersTwelveComesBeforeItsThirteen() throws Exception {
        String both = folderOf(THIRTEEN) + File.pathSeparator + folderOf(TWELVE);

        assertThat(rewards(run(Map.of(LIBRARIES, both)))).isNotEmpty();
        assertLoaded(12, TWELVE);
    }

    @Test
    void whatTheLoaderFindsComesBeforeTheUsualPlaces() throws Exception {
        copy(TWELVE, root.resolve("usr/local/cuda/lib64"));

        assertThat(rewards(run(LIBRARIES, folderOf(THIRTEEN)))).isNotEmpty();
        assertLoaded(13, THIRTEEN);
    }

    @Test
    void theWheelsOfAPythonEnvironmentAreFound() throws Exception {
        Path venv = directory.resolve("venv");
        Path thirteen = copy(THIRTEEN, venv.resolve(WHEELS + "cu13/lib"));
        assertThat(rewards(run("VIRTUAL_ENV", venv))).isNotEmpty();
        assertLoaded(13, thirteen);

        Path twelve = copy(TWELVE, venv.resolve(WHEELS + "cublas/lib"));
        assertThat(rewards(run("VIRTUAL_ENV", venv))).isNotEmpty();
        assertLoaded(12, twelve);
    }

    @Test
    void itsOwnLightLibraryIsLoadedWithIt() throws Exception {
        Path given = directory.resolve("given");
        copy(TWELVE, given);
        Path light = broken(given.resolve("libcublasLt.so.12"));

        assertThat(run(Map.of(), given).get(1))
                .startsWith("refused: cuda: cuBLAS cannot be loaded: " + light + ": ");
    }

    @Test
    void theFolderGivenMayHoldWheels() throws Exception {
        Path thirteen = copy(THIRTEEN, directory.resolve("nvidia/cu13/lib"));

        assertThat(rewards(run(Map.of(), directory.resolve("nvidia")))).isNotEmpty();
        assertLoaded(13, thirteen);
    }

    @Test
    void theFolderGivenComesBeforeWhatTheLoaderFinds() throws Exception {
        Path twelve = copy(TWELVE, directory.resolve("given/lib64"));

        assertThat(
                        rewards(
                                run(
                                        Map.of(LIBRARIES, text(folderOf(THIRTEEN))),
                                        directory.resolve("given"))))
                .isNotEmpty();
        assertLoaded(12, twelve);
    }

    @Test
    void aBrokenOneIsPassedBy() throws Exception {
        Path venv = directory.resolve("venv");
        Path broken = broken(venv.resolve("lib/libcublas.so.12"));
        Path good = copy(THIRTEEN, root.resolve("usr/local/cuda-13.0/targets/x86_64-linux/lib"));

        assertThat(rewards(run("VIRTUAL_ENV", venv))).isNotEmpty();
        assertLoaded(13, good);

        Files.delete(good);
        List<String> lines = run("VIRTUAL_ENV", venv);
        assertThat(lines.get(0))
                .contains("VIRTUAL_ENV=" + venv)
                .contains("; not usable: " + broken + ": ")
                .endsWith("or name its folder by --cuda_libraries");
        assertThat(lines.get(1)).contains("own products");
    }

    @Test
    void oneOfANewerCudaThanTheDriversIsPassedBy() throws Exception {
        Path thirteen = copy(THIRTEEN, root.resolve("opt/cuda/lib64"));
        Map<String, String> environment = Map.of("FAKE_GPU_DRIVER", "12040");
        List<String> lines = run(environment);

        assertThat(lines.get(0))
                .contains(
                        "; not usable: "
                                + thirteen
                                + " wants a driver of CUDA 13, and this one is of CUDA 12; install one (pip install"
                                + " nvidia-cublas-cu12, or NVIDIA's package libcublas-12-*), ");
        assertThat(lines.get(1)).contains("own products");
        assertThat(run(environment, folderOf(thirteen)).get(1))
                .startsWith("refused: cuda: cuBLAS cannot be loaded: " + thirteen + " wants a ");
        Map<String, String> found =
                Map.of("FAKE_GPU_DRIVER", "12040", LIBRARIES, text(folderOf(THIRTEEN)));
        assertThat(run(found).get(1)).contains("own products");

        Path twelve = copy(TWELVE, root.resolve("opt/cuda/targets/x86_64-linux/lib"));
        assertThat(rewards(run(environment))).isNotEmpty();
        assertLoaded(12, twelve);
    }

    @Test
    void aDriverThatIsOlderThanAnyCublasIsSaidBeforeOneIsLookedFor() throws Exception {
        Map<String, String> environment =
                Map.of("FAKE_GPU_DRIVER", "11080", LIBRARIES, text(folderOf(TWELVE)));
        String problem =
                "cuBLAS of CUDA 12 wants driver 525 or newer, and this one is of CUDA 11; install a"
                        + " newer driver";
        List<String> lines = run(environment);

        assertThat(lines.get(0)).isEqualTo("problem: " + problem);
        assertThat(lines.get(1)).contains("] on cuda: ").contains("own products");
        assertThat(errors())
                .containsOnlyOnce("own products, which are slower than cuBLAS's: " + problem);
        assertThat(run(environment, folderOf(TWELVE)).get(1))
                .isEqualTo("refused: cuda: " + problem);
    }

    @Test
    void nothingFoundTellsWhereItWasLookedFor() throws Exception {
        List<String> lines = run(Map.of());

        assertThat(lines.get(0))
                .isEqualTo(
                        ("problem: cuBLAS is not found by the dynamic loader (LD_LIBRARY_PATH), nor in"
                                        + " VIRTUAL_ENV (not set), CONDA_PREFIX (not set), CUDA_HOME"
                                        + " (not set), CUDA_PATH (not set), %s/usr/local/cuda,"
                                        + " %<s/opt/cuda; install one (pip install"
                                        + " nvidia-cublas-cu12, or NVIDIA's package libcublas-12-* or"
                                        + " libcublas-13-*), or name its folder by --cuda_libraries")
                                .formatted(root));
        assertThat(lines.get(1)).contains("own products");
        assertThat(errors()).contains("own products, which are slower than cuBLAS's: cuBLAS is");
    }

    @Test
    void aFolderWithoutIsAnErrorWhateverElseIsThere() throws Exception {
        Path empty = Files.createDirectory(directory.resolve("empty"));
        Path broken = broken(directory.resolve("broken/libcublas.so.13"));
        Map<String, String> environment = Map.of(LIBRARIES, text(folderOf(TWELVE)));

        assertThat(run(environment, empty).get(1))
                .isEqualTo(
                        "refused: cuda: %s: neither libcublas.so.12 nor libcublas.so.13 is there, nor in its lib, lib64 or */lib; give the folder that holds one"
                                .formatted(empty));
        assertThat(run(environment, directory.resolve("nowhere")).get(1))
                .startsWith("refused: cuda: " + directory.resolve("nowhere: no such directory; "));
        assertThat(run(environment, folderOf(broken)).get(1))
                .startsWith("refused: cuda: cuBLAS cannot be loaded: " + broken + ": ");
    }

    @Test
    void aFolderThatFailedCanBeCorrected() throws Exception {
        Path empty = Files.createDirectory(directory.resolve("empty"));
        List<String> lines = run(Map.of(), empty, folderOf(TWELVE));

        assertThat(lines.get(1)).startsWith("refused: ");
        assertThat(lines.get(2)).isEqualTo("loaded");
        assertLoaded(12, TWELVE);
    }

    @Test
    void anotherFolderThanThatOfTheProcessIsAnError() throws Exception {
        Path other = folderOf(copy(THIRTEEN, directory.resolve("other")));
        Path same = Files.createSymbolicLink(directory.resolve("same"), folderOf(TWELVE));
        List<String> lines =
                run(Map.of(LIBRARIES, text(folderOf(TWELVE))), Path.of(NOWHERE), other, same);

        assertThat(lines.get(0)).isEqualTo("loaded");
        assertThat(lines.get(3))
                .isEqualTo(
                        "refused: cuda: %s: %s is loaded already, and a process cannot hold another; load this model in a process of its own"
                                .formatted(other, TWELVE.toRealPath()));
        assertThat(lines.get(4)).as("through a link").isEqualTo("loaded");
    }

    @Test
    void aFunctionThatThirteenLacksIsAnExceptionThatSaysSo() throws Exception {
        assertThat(
                        run(
                                Map.of(LIBRARIES, text(folderOf(THIRTEEN))),
                                null,
                                CublasPrograms.MissingFunction.class))
                .containsExactly(
                        "null",
                        "cuda: device 0: cublasSetAtomicsMode: CUBLAS_STATUS_NOT_SUPPORTED;"
                                + " load the model again, or try -Dbaichuan-reward.gemm=kernels");
    }

    @Test
    void otherClassLoadersFindTheSame() throws Exception {
        Path thirteen = copy(THIRTEEN, directory.resolve("nvidia/cu13/lib"));
        List<String> lines =
                run(Map.of(), null, CublasPrograms.OtherLoaders.class, text(folderOf(thirteen)));

        assertThat(lines).hasSize(4);
        assertThat(rewards(lines.subList(0, 2))).isEqualTo(rewards(lines.subList(2, 4)));
    }

    @Test
    void aDamagedNativeOfJCudaIsAProblemWithARemedy() throws Exception {
        String name = "lib/libJCublas2-%s-linux-x86_64.so".formatted(JCudaVersion.get());
        broken(directory.resolve("classes").resolve(name));
        List<String> lines =
                run(
                        Map.of(LIBRARIES, text(folderOf(TWELVE))),
                        directory.resolve("classes"),
                        CublasPrograms.Program.class,
                        NOWHERE);

        assertThat(lines.get(0))
                .startsWith("problem: JCuda's native libJCublas2-")
                .contains("is damaged or was replaced in file:" + directory + "/classes/" + name)
                .contains("its SHA-256 is ")
                .endsWith("delete that jar from the local repository, and build again");
        assertThat(lines.get(1)).contains("own products");
    }

    private List<String> run(String variable, Path value) throws Exception {
        return run(Map.of(variable, value.toString()));
    }

    private List<String> run(Map<String, String> environment, Path... folders) throws Exception {
        List<String> names =
                folders.length == 0
                        ? List.of(NOWHERE)
                        : Arrays.stream(folders).map(Path::toString).toList();
        return run(environment, null, CublasPrograms.Program.class, names.toArray(String[]::new));
    }

    private List<String> run(
            Map<String, String> environment,
            @Nullable Path classes,
            Class<?> program,
            String... folders)
            throws Exception {
        List<String> args = new ArrayList<>(List.of(text(directory.resolve("model")), text(root)));
        args.addAll(List.of(folders));
        String classPath = System.getProperty("java.class.path");
        ProcessBuilder builder =
                JavaProcess.of(
                        List.of("-Dorg.slf4j.simpleLogger.defaultLogLevel=debug"),
                        classes == null ? classPath : classes + File.pathSeparator + classPath,
                        program,
                        args.toArray(String[]::new));
        builder.environment()
                .keySet()
                .removeAll(List.of("VIRTUAL_ENV", "CONDA_PREFIX", "CUDA_HOME", "CUDA_PATH"));
        Map<String, String> all = new HashMap<>(environment);
        all.putIfAbsent(LIBRARIES, text(directory.resolve("driver")));
        builder.environment().putAll(all);
        builder.redirectError(directory.resolve("errors").toFile());
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output + errors()).isZero();
        return output.lines().toList();
    }

    private static String rewards(List<String> lines) {
        assertThat(lines).hasSize(2);
        assertThat(lines.get(0)).isEqualTo("loaded");
        assertThat(lines.get(1)).startsWith("[").contains("] on cuda: ").contains(" cuBLAS ");
        return lines.get(1).replaceAll(" on cuda: .*", "");
    }

    private void assertLoaded(int major, Path file) throws IOException {
        assertThat(errors())
                .contains("cuda: cuBLAS of CUDA %d: %s\n".formatted(major, file.toRealPath()));
    }

    private String errors() throws IOException {
        return Files.readString(directory.resolve("errors"));
    }

    private static Path copy(Path library, Path folder) throws IOException {
        Files.createDirectories(folder);
        return Files.copy(library, folder.resolve(library.getFileName()));
    }

    private static Path broken(Path file) throws IOException {
        Files.createDirectories(folderOf(file));
        return Files.writeString(file, "no library\n");
    }

    private static Path folderOf(Path file) {
        return Objects.requireNonNull(file.getParent());
    }

    private static String text(Path path) {
        return path.toString();
    }
}
