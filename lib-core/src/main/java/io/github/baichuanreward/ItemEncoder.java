package io.github.baichuanreward;

import io.github.baichuanreward.model.BaichuanConfig;
import io.github.baichuanreward.text.EncodedAnswer;
import io.github.baichuanreward.text.Tokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * From what callers give to the ids that are scored, each checked against the model. Safe for use
 * by many threads. Loads the tokenizer with the first text; rows of ids are scored without one.
 */
final class ItemEncoder implements AutoCloseable {

    private final @Nullable Path directory;
    private final BaichuanConfig config;
    private final ScoringOptions scoring;

    // Guarded by this, written only.
    private volatile @Nullable Tokenizer tokenizer;
    private volatile boolean closed;

    ItemEncoder(@Nullable Path directory, BaichuanConfig config, ScoringOptions scoring) {
        this.directory = directory;
        this.config = config;
        this.scoring = scoring;
    }

    /**
     * The ids of an answer with its prompt.
     *
     * @param index its place in the caller's list
     * @throws ItemException if the model cannot score it
     */
    EncodedAnswer encode(int index, PromptAnswer item) {
        requireItem(index, item);
        List<String> dialogue = new ArrayList<>(2 * item.history().size() + 1);
        for (PromptAnswer.Turn turn : item.history()) {
            dialogue.add(turn.prompt());
            dialogue.add(turn.answer());
        }
        dialogue.add(item.prompt());
        EncodedAnswer encoded;
        try {
            encoded =
                    scoring.template()
                            .encode(
                                    tokenizer(),
                                    dialogue,
                                    item.answer(),
                                    scoring.maxSourceLength(),
                                    scoring.maxTargetLength());
        } catch (IllegalArgumentException e) {
            throw new ItemException(index, e);
        }
        requireLength(index, encoded.ids().length, encoded.promptTokens());
        return encoded;
    }

    /**
     * Ids as they are.
     *
     * @param index their place in the caller's list
     * @throws ItemException if the model cannot score them
     */
    EncodedAnswer check(int index, int[] ids) {
        requireItem(index, ids);
        if (ids.length == 0) {
            throw new ItemException(index, "no token ids; there is nothing to score");
        }
        if (ids.length > config.maxLength()) {
            throw new ItemException(
                    index,
                    "%d tokens; the model allows %d (model_max_length)"
                            .formatted(ids.length, config.maxLength()));
        }
        for (int t = 0; t < ids.length; t++) {
            if (ids[t] < 0 || ids[t] >= config.vocabulary()) {
                throw new ItemException(
                        index,
                        "id %d at position %d is outside the vocabulary of %d"
                                .formatted(ids[t], t, config.vocabulary()));
            }
        }
        // A copy, as it is computed while the caller goes on.
        return new EncodedAnswer(ids.clone(), 0, false);
    }

    private static void requireItem(int index, @Nullable Object item) {
        if (item == null) {
            throw new ItemException(index, "is null");
        }
    }

    private void requireLength(int index, int tokens, int promptTokens) {
        if (tokens > config.maxLength()) {
            // A template that encodes both as one string does not know where the answer begins.
            String parts =
                    promptTokens == 0
                            ? ""
                            : " (prompt %d, answer %d)"
                                    .formatted(promptTokens, tokens - promptTokens);
            throw new ItemException(
                    index,
                    ("%d tokens%s; the model allows %d (model_max_length). Shorten it, or set"
                                    + " max_source_length and max_target_length to have it cut")
                            .formatted(tokens, parts, config.maxLength()));
        }
    }

    private Tokenizer tokenizer() {
        Tokenizer loaded = tokenizer;
        return loaded == null ? loadTokenizer() : loaded;
    }

    private synchronized Tokenizer loadTokenizer() {
        if (closed) {
            throw new IllegalStateException(RewardModel.CLOSED);
        }
        Tokenizer loaded = tokenizer;
        if (loaded == null) {
            try {
                loaded = TokenizerFile.load(directory, config);
            } catch (IOException e) {
                throw new UncheckedIOException(e.getMessage(), e);
            }
            tokenizer = loaded;
        }
        return loaded;
    }

    /** Frees the tokenizer; who is about to encode finds it closed. */
    @Override
    public synchronized void close() {
        closed = true;
        Tokenizer loaded = tokenizer;
        if (loaded != null) {
            loaded.close();
        }
    }
}
