package io.github.baichuanreward.kernels;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.kernels.AssemblerLog.Use;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The images that a driver gets, as they are on the class path. */
class ImagesTest {

    private static final List<String> ARCHITECTURES = List.of("sm_80", "sm_90", "sm_100", "sm_120");

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
    void noKernelSpillsOnAnyArchitecture() throws Exception {
        Toolchain.requireNvcc();
        Toolchain.make("images");
        Path images = Sources.TARGET.resolve("images");
        Map<String, Map<String, Use>> logs = new LinkedHashMap<>();
        for (String architecture : ARCHITECTURES) {
            String log = Files.readString(images.resolve(architecture + ".log"));
            logs.put(architecture, AssemblerLog.parse(log));
        }

        String table = AssemblerLog.table(logs);
        System.out.print(table);
        Files.writeString(images.resolve("resources.txt"), table);
        assertThat(AssemblerLog.problems(logs, kernels())).isEmpty();
    }

    private static List<String> kernels() throws IOException {
        return Sources.kernels(Files.readString(Sources.CUDA.resolve("kernels.h")));
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
