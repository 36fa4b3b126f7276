package io.github.baichuanreward.cuda;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.baichuanreward.JavaProcess;
import io.github.baichuanreward.backend.BackendException;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import jcuda.JCudaVersion;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NativeFolderTest {

    private static final List<String> USED =
            List.of(
                    "libJCublas2-%s-linux-x86_64.so".formatted(JCudaVersion.get()),
                    "libJCudaDriver-%s-linux-x86_64.so".formatted(JCudaVersion.get()));

    @TempDir Path temporary;

    @Test
    void theHashesAreThoseOfTheJarsOnTheClassPath() throws Exception {
        StringBuilder expected = new StringBuilder();
        for (String name : USED) {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(resource("/lib/" + name));
            expected.append(HexFormat.of().formatHex(hash)).append("  ").append(name).append('\n');
        }
        assertThat(new String(resource(NativeFolder.HASHES), UTF_8)).isEqualTo(expected.toString());
    }

    @Test
    void onlyWhatIsAskedForIsUnpackedAndAllIsDeleted() throws IOException {
        Path path;
        try (NativeFolder folder = NativeFolder.open()) {
            path = folder.path();
            Path file = folder.unpackJCuda(USED.get(0));

            assertThat(file).isEqualTo(path.resolve(USED.get(0)));
            assertThat(file).hasBinaryContent(resource("/lib/" + USED.get(0)));
            assertThat(path).isDirectoryNotContaining(other -> !other.equals(file));
        }
        assertThat(path).doesNotExist();
    }

    @Test
    void aNativeOfAnotherVersionIsRefused() throws IOException {
        try (NativeFolder folder = NativeFolder.open()) {
            assertThatThrownBy(() -> folder.unpackJCuda("libJCublas2-1.0.0-linux-x86_64.so"))
                    .isInstanceOf(BackendException.class)
                    .hasMessageContaining("is of another version of JCuda");
        }
    }

    /** Makes its first temporary files while the temporary directory is another. */
    static final class Program {
        private Program() {}

        public static void main(String[] args) throws IOException {
            try (NativeFolder folder = NativeFolder.open()) {
                folder.initialize(
                        () -> {
                            System.out.println(System.getProperty("java.io.tmpdir"));
                            System.out.println(folder.path());
                            System.out.println(File.createTempFile("test", null).getParent());
                            System.out.println(Files.createTempFile("test", null).getParent());
                        });
            }
            System.out.println(System.getProperty("java.io.tmpdir"));
        }
    }

    @Test
    void temporaryFilesOfOthersStayWhereTheyWere() throws Exception {
        Process process =
                JavaProcess.of(List.of("-Djava.io.tmpdir=" + temporary), Program.class)
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start();
        List<String> lines =
                new String(process.getInputStream().readAllBytes(), UTF_8).lines().toList();

        assertThat(process.waitFor()).isZero();
        assertThat(lines.get(0)).isEqualTo(lines.get(1)).startsWith(temporary + "/baichuan-");
        assertThat(lines.subList(2, 5)).containsOnly(temporary.toString());
        try (var files = Files.list(temporary)) {
            assertThat(files.map(file -> file.getFileName().toString()).toList())
                    .hasSize(2)
                    .allMatch(name -> name.startsWith("test"));
        }
    }

    private static byte[] resource(String name) throws IOException {
        try (InputStream stream = NativeFolder.class.getResourceAsStream(name)) {
            assertThat(stream).as(name).isNotNull();
            return stream.readAllBytes();
        }
    }
}
