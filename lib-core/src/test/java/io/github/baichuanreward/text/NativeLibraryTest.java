package io.github.baichuanreward.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.baichuanreward.JavaProcess;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NativeLibraryTest {

    @TempDir private Path folder;

    @ParameterizedTest
    @CsvSource({
        "Linux, amd64, linux-x86_64",
        "Linux, aarch64, linux-aarch64",
        "Mac OS X, aarch64, osx-aarch64",
        "Windows 11, amd64, win-x86_64"
    })
    void namesPlatformsAsTheJarDoes(String system, String processor, String platform)
            throws IOException {
        assertThat(NativeLibrary.platform(system, processor)).isEqualTo(platform);
        Path library = NativeLibrary.extract(platform, folder);
        assertThat(library).isRegularFile();
        assertThat(Files.size(library)).isGreaterThan(500_000);
    }

    @ParameterizedTest
    @CsvSource({
        "Mac OS X, x86_64, osx-x86_64",
        "Windows 11, aarch64, win-aarch64",
        "Linux, riscv64, linux-riscv64",
        "FreeBSD, amd64, freebsd-x86_64"
    })
    void namesThePlatformsThereAreWhereThisIsNone(String system, String processor, String name) {
        assertThatThrownBy(() -> NativeLibrary.platform(system, processor))
                .isInstanceOf(IOException.class)
                .hasMessage(
                        "SentencePiece has no library for this platform, "
                                + name
                                + "; it has one for linux-x86_64, linux-aarch64, osx-aarch64,"
                                + " win-x86_64");
    }

    @Test
    void extractsIntoADirectoryOfItsOwnThatOnlyTheOwnerEnters() throws IOException {
        assumeTrue(
                FileSystems.getDefault().supportedFileAttributeViews().contains("posix"),
                "no POSIX permissions here");
        Path first = NativeLibrary.extract("linux-x86_64", folder);
        Path second = NativeLibrary.extract("linux-x86_64", folder);
        assertThat(first.getParent()).isNotEqualTo(second.getParent()).hasParent(folder);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(first.getParent())))
                .isEqualTo("rwx------");
    }

    @Test
    void leftoversOfOtherProcessesGoAndYoungOnesStay() throws IOException {
        Path old = NativeLibrary.extract("win-x86_64", folder);
        Path young = NativeLibrary.extract("win-x86_64", folder);
        Path foreign = Files.createDirectory(folder.resolve("baichuan-something-else"));
        Instant now = Instant.now();
        FileTime yesterday = FileTime.from(now.minus(Duration.ofHours(25)));
        Files.setLastModifiedTime(old.getParent(), yesterday);
        Files.setLastModifiedTime(foreign, yesterday);

        NativeLibrary.removeLeftovers(folder, now.minus(Duration.ofHours(24)));

        assertThat(old.getParent()).doesNotExist();
        assertThat(young).exists();
        assertThat(foreign).exists();
    }

    /** In a process of its own: the library is loaded only once in each. */
    @Test
    void leavesNothingBehindInTheTemporaryDirectory() throws Exception {
        assumeTrue(File.separatorChar == '/', "Windows keeps loaded libraries");
        String output = runInTemporaryDirectory(folder);
        assertThat(output).endsWith("[1271]"); // newer Java warns of native access before it
        try (Stream<Path> left = Files.list(folder)) {
            assertThat(left.filter(path -> !path.getFileName().toString().startsWith("hsperf")))
                    .isEmpty();
        }
    }

    @Test
    void saysWhereItTriedToLoadFrom() throws Exception {
        Path missing = folder.resolve("missing");
        String output = runInTemporaryDirectory(missing);
        assertThat(output)
                .contains("SentencePiece's library cannot be unpacked into " + missing)
                .contains("java.io.tmpdir");
    }

    private static String runInTemporaryDirectory(Path temporary) throws Exception {
        Process process =
                JavaProcess.of(
                                List.of("-Djava.io.tmpdir=" + temporary),
                                EncodeOnce.class,
                                ModelBytes.demoFile().toString())
                        .redirectErrorStream(true)
                        .start();
        String output =
                new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        return output;
    }

    /** What the other process runs. */
    static final class EncodeOnce {

        private EncodeOnce() {}

        public static void main(String[] arguments) throws IOException {
            try (Tokenizer tokenizer = Tokenizer.load(Path.of(arguments[0]))) {
                System.out.println(Arrays.toString(tokenizer.encode("你好")));
            }
        }
    }
}
