package io.github.baichuanreward.cuda;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import jcuda.JCudaVersion;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The library that stands for libcublas.so.12, as it is checked in and as gcc makes it here. */
class ForwardingLibraryTest {

    private static final Path SOURCES = module().resolve("src/main/c");

    @TempDir Path folder;

    @Test
    void itIsMadeOfThePresentSources() throws Exception {
        List<Path> sources;
        try (Stream<Path> files = Files.list(SOURCES)) {
            sources = files.sorted().toList();
        }
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        for (Path source : sources) {
            digest.update((source.getFileName() + "\n").getBytes(UTF_8));
            digest.update(Files.readString(source).replace("\r", "").getBytes(UTF_8));
        }
        String noted = new String(own(CublasLoader.FORWARDING + ".sources.sha256"), UTF_8).strip();

        assertThat(noted)
                .as("stale; on x86-64 Linux with gcc run: make -C lib-cuda/src/main/c renew")
                .isEqualTo(HexFormat.of().formatHex(digest.digest()));
    }

    @Test
    void itHasWhatJCudasNativeCalls() throws Exception {
        List<String> called =
                dynamicSymbols(jcublas()).stream()
                        .filter(line -> line.contains(" UND cublas"))
                        .map(line -> line.replaceAll(".* UND (\\S+).*", "$1"))
                        .sorted()
                        .toList();

        assertThat(called).hasSizeGreaterThan(400).allMatch(n -> n.endsWith("@libcublas.so.12"));
        for (Path library : libraries()) {
            assertThat(
                            dynamicSymbols(library).stream()
                                    .filter(line -> line.contains("FUNC    GLOBAL DEFAULT"))
                                    .filter(line -> !line.contains(" UND "))
                                    .map(line -> line.replaceAll(".* (\\S+)$", "$1"))
                                    .map(name -> name.replace("@@", "@"))
                                    .sorted()
                                    .toList())
                    .as("%s", library)
                    .isEqualTo(called);
        }
    }

    @Test
    void itRunsWithEveryGlibc() throws Exception {
        for (Path library : libraries()) {
            String elf = readelf("--dynamic", library) + readelf("--version-info", library);

            assertThat(matches("\\((?:NEEDED|SONAME)\\).*\\[(.*)]", elf))
                    .as("%s", library)
                    .containsExactly("libcublas.so.13", "libdl.so.2", "libcublas.so.12");
            assertThat(matches("Name: (GLIBC_\\S+)", elf)).containsExactly("GLIBC_2.2.5");
            assertThat(readelf("--segments", library)).containsPattern("GNU_STACK[^E]*RW ");
        }
    }

    @Test
    void itsHashIsThatOfMake() throws Exception {
        assertThat(
                        command(
                                "make",
                                "--no-print-directory",
                                "-C",
                                SOURCES.toString(),
                                "sources-hash"))
                .isEqualTo(new String(own(CublasLoader.FORWARDING + ".sources.sha256"), UTF_8));
    }

    /** The folder of classes with the library that gcc has made here; null where it has not. */
    static @Nullable Path made() {
        Path classes = module().resolve("target/c/classes");
        return Files.exists(classes.resolve("io/github/baichuanreward/cuda/libcublas-12-to-13.so"))
                ? classes
                : null;
    }

    private static Path module() {
        return Path.of(System.getProperty("kernels.directory"), "..", "lib-cuda")
                .toAbsolutePath()
                .normalize();
    }

    private List<Path> libraries() throws IOException {
        List<Path> libraries = new ArrayList<>();
        libraries.add(Files.write(folder.resolve("checked-in.so"), own(CublasLoader.FORWARDING)));
        Path made = made();
        if (made != null) {
            libraries.add(
                    made.resolve("io/github/baichuanreward/cuda").resolve(CublasLoader.FORWARDING));
        }
        return libraries;
    }

    private Path jcublas() throws IOException {
        String name = "libJCublas2-%s-linux-x86_64.so".formatted(JCudaVersion.get());
        return Files.write(folder.resolve(name), resource("/lib/" + name));
    }

    private static byte[] own(String name) throws IOException {
        return resource(name);
    }

    private static byte[] resource(String name) throws IOException {
        try (InputStream stream = CublasLoader.class.getResourceAsStream(name)) {
            assertThat(stream).as(name).isNotNull();
            return stream.readAllBytes();
        }
    }

    private static List<String> matches(String pattern, String text) {
        return Pattern.compile(pattern)
                .matcher(text)
                .results()
                .map((MatchResult match) -> match.group(1))
                .toList();
    }

    private static List<String> dynamicSymbols(Path library) throws Exception {
        return readelf("--dyn-syms", library)
                .lines()
                .map(line -> line.replaceAll(" \\(\\d+\\)$", ""))
                .toList();
    }

    private static String readelf(String what, Path library) throws Exception {
        return command("readelf", "--wide", what, library.toString());
    }

    /** Skips the calling test where there is no such program. */
    private static String command(String... command) throws Exception {
        ProcessBuilder builder = new ProcessBuilder(Arrays.asList(command));
        builder.environment().put("LC_ALL", "C");
        builder.redirectError(ProcessBuilder.Redirect.INHERIT);
        Process process;
        try {
            process = builder.start();
        } catch (IOException e) {
            return abort("there is no " + command[0] + ": install make and binutils");
        }
        String output = new String(process.getInputStream().readAllBytes(), UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        return output;
    }
}
