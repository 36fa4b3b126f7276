package io.github.baichuanreward.text;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * Turns text into the token ids of a SentencePiece model, and ids into pieces.
 *
 * <pre>{@code
 * try (Tokenizer tokenizer = Tokenizer.load(Path.of("/models/baichuan-13b-rm/tokenizer.model"))) {
 *     int[] ids = tokenizer.encode("你好");
 * }
 * }</pre>
 *
 * <p>All that decides the ids (vocabulary, normalisation, the space put before a text) stands in
 * the file. Nothing is put before or after a text: no bos, no eos.
 *
 * <p>Safe for use by many threads, which encode side by side. Holds about 12 MB of native memory,
 * and as much again from the first {@link #encodeUnprotected} on, until {@link #close()}; after
 * that the questions about the vocabulary still have their answers, but nothing can be encoded.
 */
public final class Tokenizer implements AutoCloseable {

    /**
     * The longest text that is encoded, in chars: hundreds of times what a model takes in.
     * SentencePiece needs about 300 bytes for each, and ends the process when it cannot have them.
     */
    public static final int MAX_CHARS = 4_000_000;

    private final String file;
    private final SentencePieceModel model;
    private final NativeProcessor guarded;
    private @Nullable NativeProcessor literal; // guarded by this; made on first use
    private boolean closed; // guarded by this

    private Tokenizer(String file, SentencePieceModel model, NativeProcessor guarded) {
        this.file = file;
        this.model = model;
        this.guarded = guarded;
    }

    /**
     * Reads a tokenizer; the caller closes it.
     *
     * @param file a SentencePiece model, {@code tokenizer.model} in a model directory; read once
     * @throws IOException if the file is missing, cut off or not a SentencePiece model, or if
     *     SentencePiece's native library cannot be loaded on this platform; the message names the
     *     file, and for the library what it needs
     */
    public static Tokenizer load(Path file) throws IOException {
        String name = file.toString();
        SentencePieceModel model = SentencePieceModel.read(file);
        return new Tokenizer(name, model, new NativeProcessor(name, model.protectedBytes()));
    }

    /**
     * Returns the ids of a text that a user wrote.
     *
     * <p>The names of roles, separators and control tokens inside it are ordinary characters, also
     * where only normalisation would build them: no text gives the id of such a token. Any other
     * text has the ids of {@link #encodeUnprotected}.
     *
     * @param text may be empty (no ids then); at most {@link #MAX_CHARS} chars
     * @throws IllegalArgumentException if the text is too long, or has half of a surrogate pair
     *     without the other half (it was cut inside a character); the message has the index
     * @throws IllegalStateException if this tokenizer is closed
     */
    public int[] encode(String text) {
        requireText("text", text);
        return guarded.encode(text);
    }

    /**
     * Returns the ids of a text exactly as SentencePiece gives them for this file.
     *
     * <p>A user's text can spell roles here: {@code <reserved_102>} becomes one id.
     *
     * @param text may be empty (no ids then); at most {@link #MAX_CHARS} chars
     * @throws IllegalArgumentException as {@link #encode} does
     * @throws IllegalStateException if this tokenizer is closed
     */
    public int[] encodeUnprotected(String text) {
        requireText("text", text);
        return literal().encode(text);
    }

    /** Returns the number of pieces; ids are 0 to this number less one. */
    public int vocabularySize() {
        return model.size();
    }

    /** Returns the id that ends a text, as the file names it. */
    public int eos() {
        return model.eos();
    }

    /**
     * Returns the id of a piece, if there is such a piece.
     *
     * @param piece as in the file: {@code ▁} (U+2581) for a space, {@code <0x0A>} for a byte
     */
    public OptionalInt id(String piece) {
        return model.id(piece);
    }

    /**
     * Returns the piece of an id, as in the file.
     *
     * @throws IllegalArgumentException if there is no such id; the message has the size of the
     *     vocabulary
     */
    public String piece(int id) {
        if (id < 0 || id >= model.size()) {
            throw new IllegalArgumentException(
                    "id %d is not in the vocabulary, whose ids are 0 to %d"
                            .formatted(id, model.size() - 1));
        }
        return model.piece(id);
    }

    /** Frees the native memory, after running calls have ended. Closing again does nothing. */
    @Override
    public void close() {
        NativeProcessor second;
        synchronized (this) {
            closed = true;
            second = literal;
        }
        guarded.close();
        if (second != null) {
            second.close();
        }
    }

    /**
     * Checks that a text can be encoded.
     *
     * @param name what the text is, for the message
     */
    static void requireText(String name, String text) {
        if (text == null) {
            throw new IllegalArgumentException(name + " is null");
        }
        if (text.length() > MAX_CHARS) {
            throw new IllegalArgumentException(
                    "%s has %d chars; the limit is %d".formatted(name, text.length(), MAX_CHARS));
        }
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (!Character.isSurrogate(c)) {
                continue;
            }
            if (Character.isHighSurrogate(c)
                    && i + 1 < text.length()
                    && Character.isLowSurrogate(text.charAt(i + 1))) {
                i++;
                continue;
            }
            throw new IllegalArgumentException(
                    "%s has half of a character (the lone surrogate U+%04X) at char index %d"
                            .formatted(name, (int) c, i));
        }
    }

    private synchronized NativeProcessor literal() {
        if (closed) {
            throw new IllegalStateException("the tokenizer is closed");
        }
        if (literal == null) {
            try {
                literal = new NativeProcessor(file, model.bytes());
            } catch (IOException e) {
                // The same bytes but for the types of some pieces were accepted before.
                throw new UncheckedIOException(e);
            }
        }
        return literal;
    }
}
