package io.github.baichuanreward.kernels;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.kernels.AssemblerLog.Use;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The images that a driver gets, as they are on the class path. */
class ImagesTest {

    private static final List<String> ARCHITECTURES = List.of("sm_80", "sm_90", "sm_100", "sm_120");
    private static final List<String> OF_PTX =
            List.of("ptx_sm_80", "ptx_sm_86", "ptx_sm_89", "ptx_sm_90", "ptx_sm_100", "ptx_sm_120");

    private static final Path IMAGES = Sources.TARGET.resolve("images");

    @Test
    void thePtxIsMadeOfThePresentSources() throws Exception {
        assertThat(text(resource("compute_80.ptx")))
                .as("stale; on a machine with nvcc run: make -C kernels renew-images")
                .contains("// sources SHA-256 " + Sources.sha256() + "\n");
    }

    @Test
    void makeKnowsTheSourcesByTheSameHash() throws Exception {
        Toolchain.requireCompiler();
        assertThat(Toolchain.make("sources-hash").strip()).isEqualTo(Sources.sha256());
    }

    @Test
    void thePtxKeepsTheRules() throws Exception {
        Ptx ptx = Ptx.parse(text(resource("compute_80.ptx")));

        assertThat(PtxLint.problems(ptx, kernels(), PtxLint.SCALARS)).isEmpty();
    }

    @Test
    void everyArchitectureHasItsCubin() throws Exception {
        Toolchain.requireNvcc();
        Toolchain.make("images");
        for (String architecture : ARCHITECTURES) {
            assertThat(resource(architecture + ".cubin")).startsWith(0x7f, 'E', 'L', 'F');
        }
    }

    @Test
    void noKernelSpillsAndAllBlocksFitOnEveryArchitecture() throws Exception {
        Toolchain.requireNvcc();
        Toolchain.make("images");
        Occupancy occupancy = new Occupancy(header());
        StringBuilder tables = new StringBuilder();
        List<String> problems = new ArrayList<>();
        for (List<String> names : List.of(ARCHITECTURES, OF_PTX)) {
            Map<String, Map<String, Use>> logs = logs(names);
            tables.append(AssemblerLog.table(logs, occupancy));
            problems.addAll(AssemblerLog.problems(logs, kernels()));
            problems.addAll(occupancy.problems(logs));
        }

        System.out.print(tables);
        Files.writeString(IMAGES.resolve("resources.txt"), tables);
        assertThat(problems).isEmpty();
    }

    /** What ptxas said of cubins, or of the checked-in PTX as a driver assembles it. */
    private static Map<String, Map<String, Use>> logs(List<String> names) throws IOException {
        Map<String, Map<String, Use>> logs = new LinkedHashMap<>();
        for (String name : names) {
            logs.put(name, AssemblerLog.parse(Files.readString(IMAGES.resolve(name + ".log"))));
        }
        return logs;
    }

    private static String header() throws IOException {
        return Files.readString(Sources.CUDA.resolve("kernels.h"));
    }

    private static List<String> kernels() throws IOException {
        return Sources.kernels(header());
    }

    private static byte[] resource(String name) throws IOException {
        try (InputStream in = ImagesTest.class.getResourceAsStream(name)) {
            assertThat(in).as("resource %s", name).isNotNull();
            return in.readAllBytes();
        }
    }

    private static String text(byte[] bytes) {
        return new String(bytes, UTF_8).replace("\r", "");
    }
}
