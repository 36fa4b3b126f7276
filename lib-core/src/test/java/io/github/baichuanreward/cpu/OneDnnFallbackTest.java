package io.github.baichuanreward.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.baichuanreward.JavaProcess;
import io.github.baichuanreward.TinyModel;
import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.batch.PackedBatch;
import io.github.baichuanreward.checkpoint.DType;
import io.github.baichuanreward.model.BaichuanWeights;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/**
 * Where oneDNN is missing, does not load or has nothing fast for the processor: each in a process
 * of its own, which loads two models, because a process decides once.
 */
class OneDnnFallbackTest {

    private static final String WARNING = "WARN MatMulChoice - cpu: products in plain Java";

    @TempDir Path directory;

    /** What the process printed: for each model its description, and the reward's bits. */
    private record Run(List<String> output, List<String> errors) {

        List<String> warnings() {
            return errors.stream().filter(line -> line.contains("WARN")).toList();
        }
    }

    @BeforeEach
    void writeModel() throws IOException {
        new TinyModel(1).type(DType.BFLOAT16).write(directory);
    }

    @Test
    @EnabledIfSystemProperty(named = "os.arch", matches = "amd64|x86_64")
    void olderInstructionsGiveTheSameRewardsInFloat32() throws Exception {
        Run run = run("float32", Map.of("ONEDNN_MAX_CPU_ISA", "AVX2"), jar -> true);

        assertThat(run.warnings()).isEmpty();
        assertThat(run.output().get(0)).startsWith("cpu: float32, oneDNN").contains("avx2");
        assertThat(reward(run)).isCloseTo(plainJava(), within(1e-6f));
    }

    @Test
    @EnabledIfSystemProperty(named = "os.arch", matches = "amd64|x86_64")
    void olderInstructionsRefuseBfloat16() throws Exception {
        Run run = run("bfloat16", Map.of("ONEDNN_MAX_CPU_ISA", "AVX2"), jar -> true);

        assertThat(run.output())
                .hasSize(2)
                .allSatisfy(
                        line ->
                                assertThat(line)
                                        .startsWith(
                                                "refused: cpu: precision bfloat16 is not available"
                                                        + " here (oneDNN 3.11.0 has no product")
                                        .endsWith("; use float32"));
    }

    @Test
    @EnabledIfSystemProperty(named = "os.arch", matches = "amd64|x86_64")
    void emulatedBfloat16IsRefused() throws Exception {
        Run run = run("bfloat16", Map.of("ONEDNN_MAX_CPU_ISA", "AVX512_CORE"), jar -> true);

        assumeTrue(
                run.output().stream().noneMatch(line -> line.contains("has no product")),
                "this processor has no AVX-512");
        assertThat(run.output())
                .containsOnly(
                        "refused: cpu: precision bfloat16 is not available here (this processor"
                                + " has no bfloat16 instructions; oneDNN would emulate them); use"
                                + " float32");
    }

    @Test
    @EnabledIfSystemProperty(named = "os.arch", matches = "amd64|x86_64")
    void aProcessorWithoutFastProductsGetsPlainJava() throws Exception {
        Run run = run("auto", Map.of("ONEDNN_MAX_CPU_ISA", "SSE41"), jar -> true);

        assertThat(run.warnings()).hasSize(1);
        assertThat(run.warnings().get(0))
                .contains(WARNING, "oneDNN 3.11.0 has no fast products for this processor");
        assertPlainJava(run);
    }

    @Test
    void withoutItsClassesPlainJavaIsAnnouncedOnce() throws Exception {
        Run run = run("auto", Map.of(), jar -> !jar.matches("(dnnl|javacpp|opencl)-.*"));

        assertThat(run.warnings()).hasSize(1);
        assertThat(run.warnings().get(0))
                .contains(WARNING)
                .endsWith(
                        ": org.bytedeco:dnnl is not on the class path; add org.bytedeco:dnnl-platform");
        assertPlainJava(run);
    }

    @Test
    void withoutItsClassesBfloat16IsRefusedWithTheReason() throws Exception {
        Run run = run("bfloat16", Map.of(), jar -> !jar.matches("(dnnl|javacpp|opencl)-.*"));

        assertThat(run.output())
                .containsExactly(
                        "refused: cpu: precision bfloat16 is not available here"
                                + " (org.bytedeco:dnnl is not on the class path; add org.bytedeco:dnnl-platform); use float32",
                        "refused: cpu: precision bfloat16 is not available here"
                                + " (org.bytedeco:dnnl is not on the class path; add org.bytedeco:dnnl-platform); use float32");
    }

    @Test
    void namesAMissingLibraryThatItNeeds() throws Exception {
        Run run = run("bfloat16", Map.of(), jar -> !jar.startsWith("opencl-"));

        assertThat(run.output())
                .hasSize(2)
                .allSatisfy(
                        line ->
                                assertThat(line)
                                        .contains(
                                                "org.bytedeco:opencl is not on the class path; add"));
    }

    @Test
    void namesMissingNatives() throws Exception {
        for (String library : List.of("dnnl", "opencl")) {
            String natives = library + "-[0-9.-]+-[a-z]+-[a-z0-9_]+\\.jar";
            Run run = run("bfloat16", Map.of(), jar -> !jar.matches(natives));

            assertThat(run.output()).as(library).hasSize(2);
            assertThat(run.output().get(1)).as(library).isEqualTo(run.output().get(0));
            assertThat(run.output().get(0))
                    .as(library)
                    .contains("oneDNN's natives do not load (")
                    .contains("org.bytedeco's dnnl, javacpp and opencl are on the class path")
                    .contains("with the classifier ");
        }
    }

    private void assertPlainJava(Run run) throws IOException {
        String bits = Integer.toHexString(Float.floatToIntBits(plainJava()));
        assertThat(run.output())
                .containsExactly(
                        "cpu: float32, plain Java, 2 threads",
                        bits,
                        "cpu: float32, plain Java, 2 threads",
                        bits);
    }

    private static float reward(Run run) {
        assertThat(run.output()).hasSize(4);
        return Float.intBitsToFloat(Integer.parseUnsignedInt(run.output().get(1), 16));
    }

    private float plainJava() throws IOException {
        BaichuanWeights weights = BaichuanWeights.open(directory);
        BackendRequest request = new BackendRequest(weights, Precision.AUTO, List.of(), 0, 2);
        try (CpuBackend backend =
                CpuBackend.open(request, (workers, w, precision) -> new JavaMatMul(workers))) {
            return backend.score(batch())[0];
        }
    }

    private static PackedBatch batch() {
        return PackedBatch.pack(List.of(new int[] {1, 2, 3, 4, 5, 6, 7}), 10).get(0);
    }

    private Run run(String precision, Map<String, String> environment, Predicate<String> jars)
            throws IOException, InterruptedException {
        String classPath =
                Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
                        .filter(path -> jars.test(Path.of(path).getFileName().toString()))
                        .collect(Collectors.joining(File.pathSeparator));
        ProcessBuilder builder =
                JavaProcess.of(
                        List.of("-XX:TieredStopAtLevel=1"),
                        classPath,
                        OneDnnFallbackTest.class,
                        directory.toString(),
                        precision);
        builder.environment().putAll(environment);
        Path errors = directory.resolve("errors");
        builder.redirectError(errors.toFile());
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        List<String> errorLines = Files.readAllLines(errors);
        assertThat(process.waitFor()).as("%s", errorLines).isZero();
        return new Run(output.lines().toList(), errorLines);
    }

    /** Loads a model twice: directory, precision. */
    public static void main(String[] args) throws IOException {
        List<CpuBackend> open = new ArrayList<>();
        for (int model = 0; model < 2; model++) {
            BaichuanWeights weights = BaichuanWeights.open(Path.of(args[0]));
            Precision precision = Precision.valueOf(args[1].toUpperCase(Locale.ROOT));
            BackendRequest request = new BackendRequest(weights, precision, List.of(), 0, 2);
            try {
                CpuBackend backend = CpuBackend.open(request);
                open.add(backend);
                System.out.println(backend.description());
                float reward = backend.score(batch())[0];
                System.out.println(Integer.toHexString(Float.floatToIntBits(reward)));
            } catch (BackendException e) {
                System.out.println("refused: " + e.getMessage());
            }
        }
        open.forEach(CpuBackend::close);
    }
}
