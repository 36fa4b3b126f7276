package io.github.baichuanreward;

import io.github.baichuanreward.checkpoint.CheckpointException;
import io.github.baichuanreward.model.BaichuanConfig;
import io.github.baichuanreward.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** The tokenizer of a model directory, checked against the model. */
final class TokenizerFile {

    private static final String NAME = "tokenizer.model";

    /**
     * Rows that an embedding may have beyond the tokenizer's pieces: some trainers round it up to a
     * multiple of a tile. A larger gap means another tokenizer.
     */
    private static final int MOST_SPARE_ROWS = 256;

    private TokenizerFile() {}

    /**
     * Loads it.
     *
     * @param directory null for random weights, which have none
     */
    static Tokenizer load(@Nullable Path directory, BaichuanConfig config) throws IOException {
        if (directory == null) {
            throw new IOException(
                    "a model of random weights has no tokenizer; score token ids (scoreIds)");
        }
        Path file = directory.resolve(NAME);
        Tokenizer loaded = Tokenizer.load(file);
        int pieces = loaded.vocabularySize();
        int rows = config.vocabulary();
        if (pieces > rows || rows - pieces > MOST_SPARE_ROWS) {
            loaded.close();
            throw new CheckpointException(
                    ("%s: %d pieces, but the model's embedding has %d rows: this is another model's"
                                    + " tokenizer")
                            .formatted(file, pieces, rows));
        }
        return loaded;
    }
}
