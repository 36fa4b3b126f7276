package io.github.baichuanreward.checkpoint;

import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Objects;

/** Where the golden checkpoints are, and tensors that must be there. */
final class Fixtures {
    private Fixtures() {}

    /** A directory or file below {@code golden/}. */
    static Path golden(String name) {
        try {
            return Path.of(
                    Objects.requireNonNull(Fixtures.class.getResource("/golden/" + name), name)
                            .toURI());
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    static Tensor tensor(Checkpoint checkpoint, String name) {
        return Objects.requireNonNull(checkpoint.find(name), name);
    }
}
