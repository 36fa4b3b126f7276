package io.github.baichuanreward;

import static org.assertj.core.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.abort;

import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Finds the files that tests read and that are not test resources. */
public final class TestData {

    private TestData() {}

    /**
     * Returns the folder {@code dist/demo-model} of this repository: {@code model/} (a model
     * directory), {@code expected.json}, {@code heldout-pairs.json}.
     */
    public static Path demoModel() {
        return inside("dist/demo-model");
    }

    /** Returns a folder of this repository, whichever of its modules is tested. */
    static Path inside(String relative) {
        Path start = Path.of("").toAbsolutePath();
        for (Path folder = start; folder != null; folder = folder.getParent()) {
            Path candidate = folder.resolve(relative);
            if (Files.isDirectory(candidate)) {
                return candidate;
            }
        }
        return fail("no %s in %s or in any folder above it", relative, start);
    }

    /**
     * Returns a file or folder that is too large, or not free enough, to live in this repository.
     *
     * <p>The system property {@code testdata} names the folder that holds such files. Where the
     * folder or the file is missing the calling test is skipped, with a message that says so; with
     * the system property {@code testdata.required} set to {@code true} it fails instead.
     *
     * @param relative path below that folder, for example {@code tokenizer/golden.jsonl}
     */
    public static Path external(String relative) {
        @Nullable String root = System.getProperty("testdata");
        if (root == null || root.isEmpty()) {
            return missing("the system property testdata is not set, so no " + relative);
        }
        Path path = Path.of(root, relative).toAbsolutePath().normalize();
        return Files.exists(path)
                ? path
                : missing(path + " does not exist (system property testdata is " + root + ")");
    }

    private static Path missing(String message) {
        return Boolean.getBoolean("testdata.required") ? fail(message) : abort(message);
    }
}
