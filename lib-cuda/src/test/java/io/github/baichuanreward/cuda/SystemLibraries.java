package io.github.baichuanreward.cuda;

import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * What the dynamic loader finds without being told where, and no environment of a process can hide:
 * the driver and CUDA of a machine that has them.
 */
final class SystemLibraries {

    private static final Path CACHE = Path.of("/etc/ld.so.cache");

    /** Where it looks besides. */
    private static final List<Path> FOLDERS =
            List.of(Path.of("/lib64"), Path.of("/usr/lib64"), Path.of("/lib"), Path.of("/usr/lib"));

    private SystemLibraries() {}

    /** Skips the calling test where this machine has a library whose name begins so. */
    static void requireNone(String prefix) throws IOException {
        // Names stand in the cache as they are, each with its folder before it.
        boolean isCached =
                Files.exists(CACHE)
                        && new String(Files.readAllBytes(CACHE), StandardCharsets.ISO_8859_1)
                                .contains("/" + prefix);
        assumeFalse(isCached, "the dynamic loader of this machine knows a " + prefix);
        for (Path folder : FOLDERS) {
            assumeFalse(has(folder, prefix), "this machine has a " + prefix + " in " + folder);
        }
    }

    private static boolean has(Path folder, String prefix) throws IOException {
        if (!Files.isDirectory(folder)) {
            return false;
        }
        try (var files = Files.newDirectoryStream(folder, prefix + "*")) {
            return files.iterator().hasNext();
        }
    }
}
