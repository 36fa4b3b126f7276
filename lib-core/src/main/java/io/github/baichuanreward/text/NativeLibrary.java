package io.github.baichuanreward.text;

import ai.djl.sentencepiece.jni.SentencePieceLibrary;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Loads SentencePiece's native library, once in a process.
 *
 * <p>The jar's own loader is not used: it loads whatever file lies at a well-known path, unchecked.
 * Here the library goes from the jar into a fresh directory that only this user can enter, is
 * loaded from there, and is deleted again: at once where a loaded file can be deleted, and by a
 * later process on Windows.
 */
final class NativeLibrary {

    /** The platforms for which the jar has a library. */
    static final List<String> PLATFORMS =
            List.of("linux-x86_64", "linux-aarch64", "osx-aarch64", "win-x86_64");

    private static final Logger LOG = LoggerFactory.getLogger(NativeLibrary.class);

    private static final String PREFIX = "baichuan-reward-sentencepiece-";

    /** A directory younger than this may belong to a process that has yet to load from it. */
    private static final Duration LEFT_OVER = Duration.ofDays(1);

    private static boolean loaded; // guarded by the class

    private NativeLibrary() {}

    /**
     * Loads the library if no call before did.
     *
     * @throws IOException if there is none for this platform, or it cannot be loaded here; the
     *     message says why
     */
    static synchronized void load() throws IOException {
        if (loaded) {
            return;
        }
        String platform = platform(System.getProperty("os.name"), System.getProperty("os.arch"));
        Path temporary = Path.of(System.getProperty("java.io.tmpdir"));
        if (platform.startsWith("win")) {
            removeLeftovers(temporary, Instant.now().minus(LEFT_OVER));
        }
        Path library = extract(platform, temporary);
        try {
            System.load(library.toString());
        } catch (UnsatisfiedLinkError e) {
            throw new IOException(
                    ("SentencePiece's library for %s cannot be loaded from %s: %s (it needs glibc and"
                                    + " libstdc++ on Linux, and a temporary directory, property"
                                    + " java.io.tmpdir, that may hold programs)")
                            .formatted(platform, library.getParent(), e.getMessage()),
                    e);
        } finally {
            delete(library);
        }
        loaded = true;
    }

    /**
     * Names a platform as the jar does.
     *
     * @throws IOException if the jar has no library for it
     */
    static String platform(String osName, String osArch) throws IOException {
        String name = osName.toLowerCase(Locale.ROOT);
        String system = name;
        if (name.startsWith("mac")) {
            system = "osx";
        } else if (name.startsWith("windows")) {
            system = "win";
        }
        String processor =
                switch (osArch.toLowerCase(Locale.ROOT)) {
                    case "amd64", "x86_64", "x86-64" -> "x86_64";
                    case "aarch64", "arm64" -> "aarch64";
                    default -> osArch;
                };
        String platform = system + "-" + processor;
        if (!PLATFORMS.contains(platform)) {
            throw new IOException(
                    "SentencePiece has no library for this platform, %s; it has one for %s"
                            .formatted(platform, String.join(", ", PLATFORMS)));
        }
        return platform;
    }

    /** Copies the library into a new directory below {@code temporary} and returns its path. */
    static Path extract(String platform, Path temporary) throws IOException {
        String name =
                switch (platform.substring(0, platform.indexOf('-'))) {
                    case "win" -> "sentencepiece_native.dll";
                    case "osx" -> "libsentencepiece_native.dylib";
                    default -> "libsentencepiece_native.so";
                };
        String resource = "/native/lib/" + platform + "/" + name;
        try (InputStream in = SentencePieceLibrary.class.getResourceAsStream(resource)) {
            if (in == null) {
                throw new IOException("the class path has no " + resource);
            }
            Path library = Files.createTempDirectory(temporary, PREFIX, ownerOnly()).resolve(name);
            boolean copied = false;
            try {
                Files.copy(in, library);
                copied = true;
            } finally {
                if (!copied) {
                    delete(library);
                }
            }
            return library.toAbsolutePath();
        } catch (IOException e) {
            throw new IOException(
                    "SentencePiece's library cannot be unpacked into %s (property java.io.tmpdir): %s"
                            .formatted(temporary, e),
                    e);
        }
    }

    /** Deletes what processes that ended before {@code before} could not delete. */
    static void removeLeftovers(Path temporary, Instant before) {
        try (DirectoryStream<Path> found = Files.newDirectoryStream(temporary, PREFIX + "*")) {
            for (Path directory : found) {
                if (isLeftover(directory, before)) {
                    delete(directory.resolve("sentencepiece_native.dll"));
                }
            }
        } catch (IOException | DirectoryIteratorException e) {
            LOG.debug("leftovers in {} stay", temporary, e);
        }
    }

    private static boolean isLeftover(Path directory, Instant before) {
        try {
            return Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)
                    && Files.getLastModifiedTime(directory).toInstant().isBefore(before);
        } catch (IOException e) {
            return false; // another process was quicker
        }
    }

    /** Deletes a library and its directory, unless they are in use. */
    private static void delete(Path library) {
        try {
            Files.deleteIfExists(library);
            Path directory = library.getParent();
            if (directory != null) {
                Files.deleteIfExists(directory);
            }
        } catch (IOException e) {
            // Windows keeps the file of a loaded library; removeLeftovers gets it another day.
            LOG.debug("{} stays", library, e);
        }
    }

    private static FileAttribute<?>[] ownerOnly() {
        // Elsewhere the temporary directory is the user's own.
        return FileSystems.getDefault().supportedFileAttributeViews().contains("posix")
                ? new FileAttribute<?>[] {
                    PosixFilePermissions.asFileAttribute(
                            PosixFilePermissions.fromString("rwx------"))
                }
                : new FileAttribute<?>[0];
    }
}
