package io.github.baichuanreward.cpu;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Where JavaCPP unpacks natives to, and loads them from.
 *
 * <p>That is {@code .javacpp/cache} in the home of the user, who is the only one to write there.
 * Where that cannot be written, JavaCPP takes a folder below the temporary directory whose name
 * anybody can tell beforehand, and fill. A fresh folder that only this user can enter is given to
 * it instead, and deleted when all is loaded.
 */
final class JavaCppCache implements AutoCloseable {

    private static final String PROPERTY = "org.bytedeco.javacpp.cachedir";

    private final @Nullable Path own;

    private JavaCppCache(@Nullable Path own) {
        this.own = own;
    }

    /**
     * Sees to a safe folder; to be called before JavaCPP is used.
     *
     * @throws UncheckedIOException if neither the home nor the temporary directory can be written
     */
    static JavaCppCache open() {
        if (System.getProperty(PROPERTY) != null || isUsable(home())) {
            return new JavaCppCache(null);
        }
        try {
            Path folder = Files.createTempDirectory("baichuan-reward-onednn-", ownerOnly());
            System.setProperty(PROPERTY, folder.toString());
            return new JavaCppCache(folder);
        } catch (IOException e) {
            throw new UncheckedIOException(
                    ("oneDNN's natives can be unpacked neither into %s nor into %s; set %s to a"
                                    + " folder that can be written")
                            .formatted(home(), System.getProperty("java.io.tmpdir"), PROPERTY),
                    e);
        }
    }

    private static Path home() {
        return Path.of(System.getProperty("user.home"), ".javacpp", "cache");
    }

    private static boolean isUsable(Path folder) {
        try {
            return Files.isWritable(Files.createDirectories(folder));
        } catch (IOException e) {
            return false;
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

    /** Deletes what was unpacked, where a loaded file can be deleted. */
    @Override
    public void close() {
        if (own == null) {
            return;
        }
        try (Stream<Path> files = Files.walk(own)) {
            List<Path> deepestFirst = files.sorted(Comparator.reverseOrder()).toList();
            for (Path file : deepestFirst) {
                Files.deleteIfExists(file);
            }
        } catch (IOException | UncheckedIOException e) {
            own.toFile().deleteOnExit();
        }
    }
}
