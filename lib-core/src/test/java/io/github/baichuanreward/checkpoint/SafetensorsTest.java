package io.github.baichuanreward.checkpoint;

import static io.github.baichuanreward.checkpoint.Fixtures.tensor;
import static io.github.baichuanreward.checkpoint.SafetensorsBuilder.entry;
import static io.github.baichuanreward.checkpoint.SafetensorsBuilder.floats;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Safetensors files, above all wrong ones. Long, because each way to be wrong has a test of its
 * own.
 */
class SafetensorsTest {
    @TempDir private Path directory;

    private Path path() {
        return directory.resolve("x.safetensors");
    }

    /** Examines a file of these bytes as safetensors. */
    private void read(byte[] bytes) throws IOException {
        Files.write(path(), bytes);
        try (SourceFile file = SourceFile.open(path())) {
            Safetensors.read(file);
        }
    }

    private void assertRefused(byte[] bytes, String... parts) {
        assertThatThrownBy(() -> read(bytes))
                .isInstanceOf(CheckpointException.class)
                .hasMessageStartingWith(path().toString())
                .hasMessageContainingAll(parts);
    }

    /** A file whose header is this and whose data are so many zeros. */
    private void assertRefused(String header, int dataBytes, String... parts) {
        assertRefused(SafetensorsBuilder.file(header, new byte[dataBytes]), parts);
    }

    @Test
    void tensorsAreReadWithShapeTypeAndValues() throws IOException {
        new SafetensorsBuilder()
                .tensor("a", "F32", "[2,3]", floats(1, 2, 3, 4, 5, 6))
                .tensor("b", "BF16", "[1]", new byte[] {(byte) 0x80, 0x3f})
                .tensor("scalar", "F16", "[]", new byte[] {0, 0x40})
                .tensor("steps", "I64", "[1]", new byte[8])
                .write(path());
        Checkpoint checkpoint = Checkpoint.openFile(path());
        assertThat(checkpoint.format()).isEqualTo("safetensors, 1 file");
        assertThat(checkpoint.path()).isEqualTo(path());
        assertThat(checkpoint.names()).containsExactly("a", "b", "scalar", "steps");
        assertThat(checkpoint.find("c")).isNull();
        Tensor a = tensor(checkpoint, "a");
        assertThat(a.name()).isEqualTo("a");
        assertThat(a.shape()).containsExactly(2, 3);
        assertThat(a.elements()).isEqualTo(6);
        assertThat(a.bytes()).isEqualTo(24);
        assertThat(a.file()).isEqualTo(path());
        assertThat(a.toFloats()).containsExactly(1, 2, 3, 4, 5, 6);
        assertThat(tensor(checkpoint, "b").toFloats()).containsExactly(1);
        assertThat(tensor(checkpoint, "scalar").shape()).isEmpty();
        assertThat(tensor(checkpoint, "scalar").toFloats()).containsExactly(2);
        assertThat(tensor(checkpoint, "steps").dtype()).isEqualTo(DType.INT64);
    }

    @Test
    void metadataUnknownKeysTrailingSpaceAndEmptyTensorsAreFine() throws IOException {
        String header =
                "{\"__metadata__\":{\"format\":\"pt\",\"\u4e2d\":\"\u6587\"},"
                        + "\"e\":{\"dtype\":\"F32\",\"shape\":[0,9223372036854775807],\"data_offsets\":[4,4],\"later\":[{}]},"
                        + entry("a", "F32", "[1]", 0, 4)
                        + "}   ";
        Files.write(path(), SafetensorsBuilder.file(header, floats(7)));
        Checkpoint checkpoint = Checkpoint.openFile(path());
        assertThat(checkpoint.names()).containsExactly("e", "a");
        assertThat(tensor(checkpoint, "e").toFloats()).isEmpty();
        assertThat(tensor(checkpoint, "e").map().isDirect()).isTrue();
        assertThat(tensor(checkpoint, "a").toFloats()).containsExactly(7);
    }

    @Test
    void aFileWithoutTensorsIsReadAsSuch() throws IOException {
        Files.write(path(), SafetensorsBuilder.file("{}", new byte[0]));
        assertThat(Checkpoint.openFile(path()).names()).isEmpty();
    }

    @Test
    void fileShorterThanTheHeaderLength() {
        assertRefused(new byte[7], "too short", "7 bytes");
    }

    @Test
    void headerLengthBeyondTheFile() {
        assertRefused(
                SafetensorsBuilder.file(3, "{}".getBytes(StandardCharsets.US_ASCII), new byte[0]),
                "3 bytes",
                "10 bytes");
    }

    @Test
    void headerLengthAboveTheLimit() {
        assertRefused(
                SafetensorsBuilder.file(100_000_001, new byte[] {'{'}, new byte[9]),
                "100000001",
                "100000000");
    }

    @Test
    void headerLengthThatIsNegativeAsALong() {
        assertRefused(
                SafetensorsBuilder.file(-1, new byte[] {'{'}, new byte[9]), "18446744073709551615");
    }

    @Test
    void emptyHeader() {
        assertRefused("", 4, "begin with '{'");
    }

    @ParameterizedTest
    @ValueSource(strings = {"[]", "7", "\"x\"", "null", " {}", "\u0000{}"})
    void headerThatIsNotAnObject(String header) {
        assertRefused(header, 0, "begin with '{'");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{",
                "{\"a\"",
                "{\"a\":",
                "{\"a\":{\"dtype\":\"F32\"",
                "{a:1}",
                "{'a':{}}",
                "{\"__metadata__\":{},}",
                "{\"a\" {}}"
            })
    void headerThatIsNotJson(String header) {
        assertRefused(header, 0, "not valid JSON");
    }

    @ParameterizedTest
    @ValueSource(strings = {"{}{}", "{} x", "{}\u0000", "{}]"})
    void headerThatGoesOn(String header) {
        assertThatThrownBy(() -> read(SafetensorsBuilder.file(header, new byte[0])))
                .isInstanceOf(CheckpointException.class);
    }

    @Test
    void headerThatIsNotUtf8() {
        byte[] header = "{\"?\":{}}".getBytes(StandardCharsets.US_ASCII);
        header[2] = (byte) 0xff;
        assertRefused(SafetensorsBuilder.file(header.length, header, new byte[0]), "UTF-8");
    }

    @Test
    void headerWithOverlongUtf8() {
        byte[] header = "{\"??\":{}}".getBytes(StandardCharsets.US_ASCII);
        header[2] = (byte) 0xc0;
        header[3] = (byte) 0xaf;
        assertRefused(SafetensorsBuilder.file(header.length, header, new byte[0]), "UTF-8");
    }

    @Test
    void headerInUtf16() {
        byte[] header = "{}".getBytes(StandardCharsets.UTF_16LE);
        assertRefused(
                SafetensorsBuilder.file(header.length, header, new byte[0]), "not valid JSON");
    }

    @Test
    void absurdNesting() {
        String deep = "[".repeat(100_000) + "]".repeat(100_000);
        assertRefused("{\"a\":{\"later\":" + deep + "}}", 0, "not valid JSON", "nesting");
    }

    @Test
    void numberOfAbsurdLength() {
        assertRefused(
                "{\"a\":{\"dtype\":\"F32\",\"shape\":["
                        + "9".repeat(5_000)
                        + "],\"data_offsets\":[0,4]}}",
                4,
                "a");
    }

    @ParameterizedTest
    @ValueSource(strings = {"[]", "1", "null", "\"F32\""})
    void tensorThatIsNotAnObject(String value) {
        assertRefused("{\"a\":" + value + "}", 0, "\"a\"", "object");
    }

    @Test
    void dtypeThatIsNotKnown() {
        assertRefused("{" + entry("w", "F8_E4M3", "[4]", 0, 4) + "}", 4, "\"w\"", "\"F8_E4M3\"");
    }

    @Test
    void dtypeThatIsNotAString() {
        assertRefused(
                "{\"w\":{\"dtype\":32,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "\"w\"", "dtype");
    }

    @Test
    void dtypeMissing() {
        assertRefused(
                "{\"w\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "\"w\"", "dtype is missing");
    }

    @Test
    void shapeMissing() {
        assertRefused(
                "{\"w\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}",
                4,
                "\"w\"",
                "shape is missing");
    }

    @Test
    void offsetsMissing() {
        assertRefused(
                "{\"w\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "\"w\"", "data_offsets is missing");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "[-1]",
                "[1.0]",
                "[1e0]",
                "[\"1\"]",
                "[null]",
                "[true]",
                "[[1]]",
                "[9223372036854775808]",
                "7",
                "{}"
            })
    void shapeThatIsNotWholeNumbers(String shape) {
        assertRefused("{" + entry("w", "F32", shape, 0, 4) + "}", 4, "\"w\"", "shape");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"[-4,0]", "[0,4.0]", "[0,\"4\"]", "[0,18446744073709551620]", "4", "[0,{}]"})
    void offsetsThatAreNotWholeNumbers(String offsets) {
        assertRefused(
                "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":" + offsets + "}}",
                4,
                "\"w\"",
                "data_offsets");
    }

    @ParameterizedTest
    @ValueSource(strings = {"[]", "[0]", "[0,4,4]"})
    void offsetsThatAreNotTwo(String offsets) {
        assertRefused(
                "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":" + offsets + "}}",
                4,
                "\"w\"",
                "two numbers");
    }

    @Test
    void moreDimensionsThanAnyTensorHas() {
        assertRefused(
                "{" + entry("w", "F32", "[1" + ",1".repeat(64) + "]", 0, 4) + "}",
                4,
                "\"w\"",
                "64");
    }

    @Test
    void offsetsThatEndBeforeTheyBegin() {
        assertRefused("{" + entry("w", "F32", "[1]", 4, 0) + "}", 4, "\"w\"", "[4, 0]");
    }

    @Test
    void tensorThatEndsBeyondTheFile() {
        assertRefused(
                "{" + entry("w", "F32", "[2]", 0, 8) + "}",
                7,
                "\"w\"",
                "byte 8",
                "only 7",
                "cut short");
    }

    @Test
    void tensorFarBeyondTheFile() {
        long begin = Long.MAX_VALUE - 4;
        assertRefused(
                "{" + entry("w", "F32", "[1]", begin, Long.MAX_VALUE) + "}",
                4,
                "\"w\"",
                "cut short");
    }

    @Test
    void offsetsThatDisagreeWithTheShape() {
        assertRefused("{" + entry("w", "F32", "[3]", 0, 8) + "}", 8, "\"w\"", "12 bytes", "give 8");
    }

    @Test
    void shapeWhoseProductOverflows() {
        assertRefused(
                "{" + entry("w", "F32", "[4294967296,4294967296]", 0, 0) + "}", 0, "\"w\"", "2^63");
    }

    @Test
    void shapeWhoseBytesOverflow() {
        assertRefused(
                "{" + entry("w", "F32", "[4611686018427387904]", 0, 0) + "}", 0, "\"w\"", "2^63");
    }

    @Test
    void tensorsThatOverlap() {
        assertRefused(
                "{" + entry("a", "F32", "[2]", 0, 8) + "," + entry("b", "F32", "[1]", 4, 8) + "}",
                8,
                "\"b\"",
                "overlaps");
    }

    @Test
    void tensorsAtTheSamePlace() {
        assertRefused(
                "{" + entry("a", "F32", "[1]", 0, 4) + "," + entry("b", "F32", "[1]", 0, 4) + "}",
                4,
                "overlaps");
    }

    @Test
    void holeBetweenTensors() {
        assertRefused(
                "{" + entry("a", "F32", "[1]", 0, 4) + "," + entry("b", "F32", "[1]", 5, 9) + "}",
                9,
                "\"b\"",
                "hole");
    }

    @Test
    void holeBeforeTheFirstTensor() {
        assertRefused("{" + entry("a", "F32", "[1]", 4, 8) + "}", 8, "\"a\"", "hole");
    }

    @Test
    void bytesBehindTheLastTensor() {
        assertRefused(
                "{" + entry("a", "F32", "[1]", 0, 4) + "}", 6, "2 bytes", "behind the last tensor");
    }

    @Test
    void nameTwice() {
        assertRefused(
                "{" + entry("a", "F32", "[1]", 0, 4) + "," + entry("a", "F32", "[1]", 4, 8) + "}",
                8,
                "Duplicate",
                "a");
    }

    @Test
    void keyTwice() {
        assertRefused(
                "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,4]}}",
                4,
                "Duplicate",
                "dtype");
    }

    @ParameterizedTest
    @ValueSource(strings = {"{\"a\":1}", "{\"a\":null}", "{\"a\":{}}", "[]", "\"pt\"", "null"})
    void metadataThatIsNotStrings(String metadata) {
        assertRefused("{\"__metadata__\":" + metadata + "}", 0, "__metadata__");
    }

    @Test
    void moreTensorsThanTheLimit() {
        StringBuilder header = new StringBuilder("{");
        for (int i = 0; i <= Safetensors.MAX_TENSORS; i++) {
            header.append(i == 0 ? "" : ",").append(entry("t" + i, "F32", "[0]", 0, 0));
        }
        assertRefused(header.append('}').toString(), 0, "more than 100000 tensors");
    }

    @Test
    void moreKeysThanAnyHeaderNeeds() {
        StringBuilder header = new StringBuilder("{\"__metadata__\":{\"_\":\"\"");
        for (int i = 0; i < StrictJson.MAX_TOKENS / 2; i++) {
            header.append(",\"").append(Integer.toString(i, 36)).append("\":\"\"");
        }
        assertRefused(header.append("}}").toString(), 0, "not valid JSON", "Token count");
    }

    @Test
    void controlCharactersOfANameDoNotReachTheMessage() {
        assertRefused("{\"a\\u001b[31m\\n\":1}", 0, "\\u001b[31m\\u000a");
    }

    /**
     * U+009B begins a terminal's commands as escape does; U+202E turns the text behind it round.
     */
    @Test
    void controlCharactersDoNotReachTheMessageThroughTheJsonParserEither() {
        String entry = entry("a\u009b31m\u202e", "F32", "[1]", 0, 4);
        byte[] twice = SafetensorsBuilder.file("{" + entry + "," + entry + "}", new byte[4]);
        assertThatThrownBy(() -> read(twice))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("a 31m ")
                .hasMessageNotContainingAny("\u009b", "\u202e");
    }
}
