package io.github.baichuanreward.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files that are not what they should be: each is refused with its name, none ends the process. */
class SentencePieceModelTest {

    @TempDir private Path folder;

    @Test
    void protectsExactlyTheRolesAndSeparatorsOfBaichuan() throws IOException {
        SentencePieceModel model = SentencePieceModel.read(ModelBytes.realFile());
        byte[] changed = model.protectedBytes();
        assertThat(changed).hasSameSizeAs(model.bytes());
        int differences = 0;
        for (int i = 0; i < changed.length; i++) {
            if (changed[i] != model.bytes()[i]) {
                differences++;
                assertThat(model.bytes()[i]).isEqualTo((byte) 4);
                assertThat(changed[i]).isEqualTo((byte) 3);
            }
        }
        assertThat(differences).isEqualTo(295); // <SEP>, <CLS>, <reserved_7> to <reserved_299>
    }

    @Test
    void protectsRolesWhoseTypeHasAnOddEncoding() throws IOException {
        // type 4 as the three bytes 84 80 00
        byte[] text = "<C_A>".getBytes(StandardCharsets.UTF_8);
        byte[] inside =
                ModelBytes.concat(
                        ModelBytes.bytes(0x18, 0x84, 0x80, 0),
                        ModelBytes.bytes(0x0a, text.length),
                        text);
        byte[] piece = ModelBytes.concat(ModelBytes.bytes(0x0a, inside.length), inside);
        try (Tokenizer tokenizer = Tokenizer.load(ModelBytes.demoWith(folder, piece))) {
            assertThat(tokenizer.encodeUnprotected("<C_A>")).contains(7000);
            assertThat(tokenizer.encode("<C_A>")).doesNotContain(7000);
        }
    }

    @Test
    void refusesAMissingFile() {
        assertThatThrownBy(() -> Tokenizer.load(folder.resolve("tokenizer.model")))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessageContaining("tokenizer.model: the tokenizer's file is missing");
    }

    @Test
    void refusesADirectory() {
        assertThatThrownBy(() -> Tokenizer.load(folder))
                .isInstanceOf(IOException.class)
                .hasMessage(folder + " is not a file");
    }

    @Test
    void refusesAFileFarTooLargeWithoutReadingIt() throws IOException {
        Path file = folder.resolve("pytorch_model.bin");
        try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
            sparse.setLength(3L << 30);
        }
        assertThatThrownBy(() -> Tokenizer.load(file))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("3221225472 bytes; a SentencePiece model has at most");
    }

    @Test
    void refusesAnEmptyFile() throws IOException {
        refuses(new byte[0]).hasMessageContaining("0 pieces, no trainer settings");
    }

    @Test
    void refusesAGitLfsPointer() throws IOException {
        refuses(
                        """
                        version https://git-lfs.github.com/spec/v1
                        oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
                        size 1136765
                        """
                                .getBytes(StandardCharsets.US_ASCII))
                .hasMessageContaining("is a Git LFS pointer")
                .hasMessageContaining("git lfs pull");
    }

    @Test
    void refusesOtherKindsOfFiles() throws IOException {
        refuses("{\"version\": \"1.0\", \"added_tokens\": []}".getBytes(StandardCharsets.US_ASCII));
        refuses(ModelBytes.bytes('P', 'K', 3, 4, 20, 0, 0, 0, 8, 0));
        refuses(new byte[1000]);
        byte[] ones = new byte[1000];
        Arrays.fill(ones, (byte) 0xff);
        refuses(ones).hasMessageContaining("a number of more than 64 bits");
    }

    @Test
    void refusesAFileCutOffAnywhere() throws IOException {
        byte[] whole = ModelBytes.demo();
        // all the places near the start, some in the middle of the pieces, all in the settings
        for (int length = 0;
                length < whole.length;
                length += near(length, whole.length) ? 1 : 997) {
            byte[] cut = Arrays.copyOf(whole, length);
            assertThatThrownBy(() -> SentencePieceModel.parse("x.model", cut))
                    .as("cut to %d of %d bytes", length, whole.length)
                    .isInstanceOf(IOException.class)
                    .hasMessageStartingWith("x.model is not a SentencePiece model, or is damaged");
        }
    }

    @Test
    void refusesALengthBeyondTheEnd() throws IOException {
        refuses(ModelBytes.bytes(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f, 1))
                .hasMessageContaining("4294967295 bytes announced, 1 left");
        refuses(ModelBytes.bytes(0x0a, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 1))
                .hasMessageContaining("18446744073709551615 bytes announced, 1 left");
    }

    @Test
    void refusesAPieceWithoutText() throws IOException {
        refuses(ModelBytes.bytes(0x0a, 2, 0x18, 1)).hasMessageContaining("a piece without text");
    }

    @Test
    void refusesAPieceOfUnknownType() throws IOException {
        refuses(ModelBytes.piece("a", 9)).hasMessageContaining("a piece of type 9");
    }

    @Test
    void refusesTextThatIsNotUtf8() throws IOException {
        refuses(ModelBytes.bytes(0x0a, 4, 0x0a, 2, 0xc3, 0x28))
                .hasMessageContaining("text that is not UTF-8");
    }

    @Test
    void refusesAFieldOfTheWrongKind() throws IOException {
        refuses(ModelBytes.bytes(0x08, 1))
                .hasMessageContaining("field 1 with wire type 0 instead of 2");
        refuses(ModelBytes.bytes(0x3b, 1)).hasMessageContaining("wire type 3");
    }

    @Test
    void refusesTheSamePieceTwice() throws IOException {
        refuses(
                        ModelBytes.concat(
                                ModelBytes.demo(),
                                ModelBytes.piece("<reserved_1>", ModelBytes.USER_DEFINED)))
                .hasMessageContaining("has the piece \"<reserved_1>\" twice, as ids 23 and 7000");
    }

    @Test
    void refusesAModelWithoutEos() throws IOException {
        refuses(ModelBytes.concat(ModelBytes.demo(), ModelBytes.noEos()))
                .hasMessageContaining("names -1 as the id that ends a text (eos_id)")
                .hasMessageContaining("0 to 6999");
        refuses(ModelBytes.concat(ModelBytes.demo(), ModelBytes.eos(7000)))
                .hasMessageContaining("names 7000");
    }

    @Test
    void refusesWhatSentencePieceItselfRefuses() throws IOException {
        // well-formed, but no piece is the unknown one
        byte[] model =
                ModelBytes.concat(
                        ModelBytes.piece("a", ModelBytes.NORMAL),
                        ModelBytes.eos(0),
                        ModelBytes.noDummyPrefix());
        refuses(model).hasMessageContaining("SentencePiece refuses the model");
    }

    private static boolean near(int length, int end) {
        return length < 200 || length > end - 600;
    }

    private AbstractThrowableAssert<?, ? extends Throwable> refuses(byte[] content)
            throws IOException {
        Path file = Files.write(folder.resolve("bad.model"), content);
        return assertThatThrownBy(() -> Tokenizer.load(file))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(file.toString());
    }
}
