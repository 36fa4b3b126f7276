package io.github.baichuanreward.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.JavaProcess;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Natives are unpacked once a process, so each home is one of a process of its own. */
class JavaCppCacheTest {

    @TempDir Path directory;

    @Test
    void anOrdinaryHomeKeepsTheNatives() throws Exception {
        Path home = Files.createDirectory(directory.resolve("home"));

        assertThat(load(home)).startsWith("oneDNN ");
        assertThat(home.resolve(".javacpp/cache")).isNotEmptyDirectory();
        assertThat(left()).isEmpty();
    }

    @Test
    void aHomeThatCannotBeWrittenMakesAFolderThatIsGoneAfterwards() throws Exception {
        Path file = Files.createFile(directory.resolve("no-directory"));

        assertThat(load(file)).startsWith("oneDNN ");
        assertThat(left()).isEmpty();
    }

    @Test
    void withNoPlaceAtAllItSaysWhichWereTried() throws Exception {
        Path file = Files.createFile(directory.resolve("no-directory"));
        Files.createFile(directory.resolve("temporary"));

        assertThat(load(file))
                .contains("can be unpacked neither into", ".javacpp", "nor into", "temporary")
                .contains("org.bytedeco.javacpp.cachedir");
    }

    private String load(Path home) throws Exception {
        Path temporary = directory.resolve("temporary");
        if (!Files.exists(temporary)) {
            Files.createDirectory(temporary);
        }
        ProcessBuilder builder =
                JavaProcess.of(
                        List.of("-Duser.home=" + home, "-Djava.io.tmpdir=" + temporary),
                        JavaCppCacheTest.class);
        builder.redirectError(ProcessBuilder.Redirect.INHERIT);
        Process process = builder.start();
        byte[] output = process.getInputStream().readAllBytes();
        assertThat(process.waitFor()).isZero();
        return new String(output, StandardCharsets.UTF_8);
    }

    private List<Path> left() throws IOException {
        try (Stream<Path> files = Files.list(directory.resolve("temporary"))) {
            return files.toList();
        }
    }

    public static void main(String[] args) {
        try {
            System.out.println(OneDnn.get().version());
        } catch (RuntimeException e) {
            System.out.println(e.getMessage());
        }
    }
}
