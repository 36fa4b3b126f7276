package io.github.baichuanreward.cuda;

import io.github.baichuanreward.backend.BackendException;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A fresh folder that only this user can enter, into which natives are unpacked; it is deleted when
 * all is loaded.
 *
 * <p>JCuda unpacks its natives into the temporary directory under names that anybody can tell
 * beforehand, and loads what it finds there, unseen. Here it finds files that have been compared
 * with what they should be, in a temporary directory of its own.
 */
final class NativeFolder implements AutoCloseable {

    static final String TEMPORARY = "java.io.tmpdir";

    /** What {@code sha256sum} says of those natives of JCuda that are used. */
    static final String HASHES = "jcuda-natives.sha256";

    private final Path path;

    private NativeFolder(Path path) {
        this.path = path;
    }

    /** Makes one among the temporary files. */
    static NativeFolder open() throws IOException {
        // Java remembers the temporary directory from the first file on that it makes in it, for
        // java.io and java.nio each: this must not be while it is another.
        Files.deleteIfExists(File.createTempFile("baichuan-reward-", null).toPath());
        Path path = Files.createTempDirectory("baichuan-reward-jcuda-", ownerOnly());
        return new NativeFolder(path.toAbsolutePath());
    }

    Path path() {
        return path;
    }

    /**
     * Unpacks a native of JCuda to where JCuda looks for it.
     *
     * @return the file; null if the class path has no such native
     * @throws BackendException if it is not what it should be
     * @throws IOException if it cannot be written
     */
    @Nullable Path unpackJCuda(String name) throws IOException {
        byte[] bytes = jcudaNative(name);
        return bytes == null ? null : Files.write(path.resolve(name), bytes);
    }

    /** Unpacks a file of this package. */
    Path unpackOwn(String name) throws IOException {
        try (InputStream stream = NativeFolder.class.getResourceAsStream(name)) {
            if (stream == null) {
                throw new BackendException(
                        name + " is missing in the jar of baichuan-reward-cuda; take it anew");
            }
            Path file = path.resolve(name);
            Files.copy(stream, file);
            return file;
        }
    }

    /** What initialises a class of JCuda. */
    interface Use {
        /** Natives are unpacked into the folder meanwhile. */
        void run() throws IOException;
    }

    /** Lets JCuda find its natives here. */
    void initialize(Use use) throws IOException {
        String before = System.getProperty(TEMPORARY);
        System.setProperty(TEMPORARY, path.toString());
        try {
            use.run();
        } finally {
            System.setProperty(TEMPORARY, before);
        }
    }

    @Override
    public void close() {
        try (Stream<Path> files = Files.walk(path)) {
            List<Path> deepestFirst = files.sorted(Comparator.reverseOrder()).toList();
            for (Path file : deepestFirst) {
                Files.deleteIfExists(file);
            }
        } catch (IOException | UncheckedIOException e) {
            path.toFile().deleteOnExit(); // a loaded file cannot be deleted everywhere
        }
    }

    private static byte @Nullable [] jcudaNative(String name) throws IOException {
        String expected = hashes().get(name);
        if (expected == null) {
            throw new BackendException(
                    "%s is of another version of JCuda than this library was made with; use the one that its POM names"
                            .formatted(name));
        }
        byte[] bytes;
        try (InputStream stream = NativeFolder.class.getResourceAsStream("/lib/" + name)) {
            if (stream == null) {
                return null;
            }
            bytes = stream.readAllBytes();
        } catch (IOException e) {
            throw damaged(name, e.toString());
        }
        String found = sha256(bytes);
        if (!found.equals(expected)) {
            throw damaged(name, "its SHA-256 is " + found + ", and should be " + expected);
        }
        return bytes;
    }

    private static BackendException damaged(String name, String reason) {
        return new BackendException(
                "JCuda's native %s is damaged or was replaced in %s: %s; delete that jar from the local repository, and build again"
                        .formatted(name, NativeFolder.class.getResource("/lib/" + name), reason));
    }

    private static Map<String, String> hashes() throws IOException {
        Map<String, String> hashes = new HashMap<>();
        try (InputStream stream = NativeFolder.class.getResourceAsStream(HASHES)) {
            if (stream == null) {
                throw new IOException(HASHES + " is missing in the jar of baichuan-reward-cuda");
            }
            new String(stream.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .map(line -> line.split("  ", 2))
                    .forEach(line -> hashes.put(line[1], line[0]));
        }
        return hashes;
    }

    private static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java has SHA-256", e);
        }
    }

    private static FileAttribute<?>[] ownerOnly() {
        if (!FileSystems.getDefault().supportedFileAttributeViews().contains("posix")) {
            return new FileAttribute<?>[0]; // the user's own temporary directory, on Windows
        }
        return new FileAttribute<?>[] {
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"))
        };
    }
}
