package io.github.baichuanreward.text;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What a SentencePiece model file says about its pieces; immutable.
 *
 * <p>The file is a protocol buffer: {@code pieces} (field 1, each with its text, score and type),
 * {@code trainer_spec} (field 2, with the special ids) and {@code normalizer_spec} (field 3).
 * Scores and normalisation are left to SentencePiece itself, once the table of characters in the
 * third is known to be sound ({@link CharacterTable}).
 */
final class SentencePieceModel {

    /** Such files have up to 5 MB: weights that were given by mistake are not read. */
    static final long MAX_BYTES = 64L << 20;

    private static final int NORMAL = 1;
    private static final int CONTROL = 3;
    private static final int USER_DEFINED = 4;
    private static final int BYTE = 6;

    private static final int DEFAULT_EOS = 2;

    /**
     * The user-defined pieces that tell a model more than their characters: roles and separators.
     *
     * <p>Baichuan-13B has {@code <SEP>}, {@code <CLS>} and {@code <reserved_102>}; later models add
     * {@code <reserved_106>}, {@code <B_SYS>}, {@code <C_Q>}, {@code <audiotext_start_baichuan>}.
     * HTML tags such as {@code <h1>}, {@code </td>} and {@code <!DOCTYPE>} do not look like that,
     * and neither do line breaks, digits and punctuation: they are text and stay pieces.
     */
    private static final Pattern ROLE =
            Pattern.compile("<(?:[A-Z][A-Z0-9]*|[A-Za-z0-9]+(?:_[A-Za-z0-9]+)+|\\|[^<>]+\\|)>");

    private static final String LFS_POINTER = "version https://git-lfs.";

    private final byte[] bytes;
    private final List<Piece> pieces;
    private final Map<String, Integer> ids;
    private final int eos;

    private SentencePieceModel(
            byte[] bytes, List<Piece> pieces, Map<String, Integer> ids, int eos) {
        this.bytes = bytes;
        this.pieces = pieces;
        this.ids = ids;
        this.eos = eos;
    }

    /**
     * Reads a model file, once, and checks it.
     *
     * @throws IOException if the file is missing, cut off or not a SentencePiece model; the message
     *     names it
     */
    static SentencePieceModel read(Path file) throws IOException {
        if (Files.notExists(file)) {
            throw new NoSuchFileException(file.toString(), null, "the tokenizer's file is missing");
        }
        if (!Files.isRegularFile(file)) {
            throw new IOException(file + " is not a file");
        }
        long size = Files.size(file);
        if (size > MAX_BYTES) {
            throw new IOException(
                    "%s has %d bytes; a SentencePiece model has at most %d"
                            .formatted(file, size, MAX_BYTES));
        }
        return parse(file.toString(), Files.readAllBytes(file));
    }

    /** Checks the bytes of the named file; keeps them without copying. */
    static SentencePieceModel parse(String file, byte[] bytes) throws IOException {
        refuseLfsPointer(file, bytes);
        List<Piece> pieces = new ArrayList<>();
        Integer eos = null;
        boolean normalizer = false;
        ProtoReader model = new ProtoReader(file, bytes);
        while (model.next()) {
            switch (model.field()) {
                case 1 -> pieces.add(Piece.read(model.message()));
                case 2 -> eos = readEos(model.message(), eos);
                case 3 -> {
                    checkNormalizer(model.message());
                    normalizer = true;
                }
                default -> model.skip();
            }
        }
        if (pieces.isEmpty() || eos == null || !normalizer) {
            // A file that was cut off between two fields looks like this.
            throw model.malformed(
                    "%d pieces, %s trainer settings and %s normaliser settings"
                            .formatted(
                                    pieces.size(),
                                    eos == null ? "no" : "with",
                                    normalizer ? "with" : "no"));
        }
        if (eos < 0 || eos >= pieces.size()) {
            throw new IOException(
                    "%s names %d as the id that ends a text (eos_id), but its ids are 0 to %d"
                            .formatted(file, eos, pieces.size() - 1));
        }
        return new SentencePieceModel(bytes, pieces, index(file, pieces), eos);
    }

    /** The file as it is. Not a copy: not to be changed. */
    byte[] bytes() {
        return bytes;
    }

    /**
     * A copy of the file with its roles and separators turned from user-defined into control
     * pieces, which no text can spell. Same length, same ids.
     *
     * <p>Removing such strings from a text before it is encoded would not do: normalisation builds
     * them anew from full-width brackets or from between control characters.
     */
    byte[] protectedBytes() {
        byte[] changed = bytes.clone();
        for (int id = 0; id < pieces.size(); id++) {
            Piece piece = pieces.get(id);
            if (piece.type == USER_DEFINED && (id == eos || ROLE.matcher(piece.text).matches())) {
                // The highest bit only says whether more bytes of the number follow.
                changed[piece.typeAt] = (byte) ((changed[piece.typeAt] & 0x80) | CONTROL);
            }
        }
        return changed;
    }

    int size() {
        return pieces.size();
    }

    int eos() {
        return eos;
    }

    String piece(int id) {
        return pieces.get(id).text;
    }

    OptionalInt id(String piece) {
        Integer id = ids.get(piece);
        return id == null ? OptionalInt.empty() : OptionalInt.of(id);
    }

    private static Map<String, Integer> index(String file, List<Piece> pieces) throws IOException {
        Map<String, Integer> ids = new HashMap<>(pieces.size() * 2);
        for (Piece piece : pieces) {
            int id = ids.size();
            Integer earlier = ids.putIfAbsent(piece.text, id);
            if (earlier != null) {
                throw new IOException(
                        "%s has the piece \"%s\" twice, as ids %d and %d"
                                .formatted(file, piece.text, earlier, id));
            }
        }
        return ids;
    }

    private static int readEos(ProtoReader trainer, @Nullable Integer before) throws IOException {
        int eos = before == null ? DEFAULT_EOS : before;
        while (trainer.next()) {
            if (trainer.field() == 42) {
                eos = (int) trainer.number();
            } else {
                trainer.skip();
            }
        }
        return eos;
    }

    private static void checkNormalizer(ProtoReader normalizer) throws IOException {
        while (normalizer.next()) {
            if (normalizer.field() != 2) {
                normalizer.skip();
            } else if (!CharacterTable.isSound(normalizer.bytes())) {
                throw normalizer.malformed("a table of characters that leads out of itself");
            }
        }
    }

    private static void refuseLfsPointer(String file, byte[] bytes) throws IOException {
        byte[] start = LFS_POINTER.getBytes(StandardCharsets.US_ASCII);
        if (bytes.length >= start.length
                && Arrays.equals(bytes, 0, start.length, start, 0, start.length)) {
            throw new IOException(
                    file
                            + " is a Git LFS pointer, not the model itself; fetch it with git lfs"
                            + " pull");
        }
    }

    /**
     * @param typeAt index in the file of the first byte of the type; -1 where the file gives none
     */
    private record Piece(String text, int type, int typeAt) {

        static Piece read(ProtoReader piece) throws IOException {
            String text = "";
            long type = NORMAL;
            int typeAt = -1;
            while (piece.next()) {
                switch (piece.field()) {
                    case 1 -> text = piece.text();
                    case 3 -> {
                        typeAt = piece.position();
                        type = piece.number();
                    }
                    default -> piece.skip();
                }
            }
            if (text.isEmpty()) {
                throw piece.malformed("a piece without text");
            }
            if (type < NORMAL || type > BYTE) {
                throw piece.malformed("a piece of type " + type);
            }
            return new Piece(text, (int) type, typeAt);
        }
    }
}
