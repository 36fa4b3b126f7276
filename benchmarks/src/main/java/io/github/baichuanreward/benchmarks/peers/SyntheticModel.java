package io.github.baichuanreward.benchmarks.peers;

import io.github.baichuanreward.model.BaichuanConfig;
import io.github.baichuanreward.model.RandomModel;
import java.io.IOException;
import java.nio.file.Path;

/** Writes the model of random weights that all peers compute with. */
final class SyntheticModel {

    private SyntheticModel() {}

    /** Arguments: DIRECTORY LAYERS HIDDEN INTERMEDIATE HEADS VOCABULARY. */
    public static void main(String[] arguments) throws IOException {
        if (arguments.length != 6) {
            throw new IllegalArgumentException(
                    "needed: DIRECTORY LAYERS HIDDEN INTERMEDIATE HEADS VOCABULARY");
        }
        BaichuanConfig config =
                new BaichuanConfig(
                        Integer.parseInt(arguments[5]),
                        Integer.parseInt(arguments[2]),
                        Integer.parseInt(arguments[3]),
                        Integer.parseInt(arguments[1]),
                        Integer.parseInt(arguments[4]),
                        4096,
                        1e-6f);
        RandomModel.write(Path.of(arguments[0]), config, 1);
    }
}
