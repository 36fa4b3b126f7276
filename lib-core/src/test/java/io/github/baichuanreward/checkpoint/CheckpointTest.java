package io.github.baichuanreward.checkpoint;

import static io.github.baichuanreward.checkpoint.Fixtures.tensor;
import static io.github.baichuanreward.checkpoint.PickleBuilder.protocol2;
import static io.github.baichuanreward.checkpoint.SafetensorsBuilder.floats;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Which files of a directory are read, and what is said when they are not right. */
class CheckpointTest {
    private static final String INDEX = "model.safetensors.index.json";

    @TempDir private Path directory;

    private void safetensors(String file, String... names) throws IOException {
        SafetensorsBuilder builder = new SafetensorsBuilder();
        for (String name : names) {
            builder.tensor(name, "F32", "[1]", floats(file.length()));
        }
        builder.write(directory.resolve(file));
    }

    private void bin(String file, String name) throws IOException {
        byte[] pickle =
                protocol2()
                        .orderedDict()
                        .text(name)
                        .tensor("0", 1, 0, new long[] {1}, new long[] {1})
                        .op('s')
                        .stop();
        ZipBuilder.torch(pickle)
                .entry("data/0", floats(file.length()))
                .write(directory.resolve(file));
    }

    private void text(String file, String text) throws IOException {
        Files.writeString(directory.resolve(file), text);
    }

    private void index(String weightMap) throws IOException {
        text(INDEX, "{\"metadata\":{\"total_size\":4},\"weight_map\":" + weightMap + "}");
    }

    private void assertRefused(String... parts) {
        assertThatThrownBy(() -> Checkpoint.open(directory))
                .isInstanceOf(CheckpointException.class)
                .hasMessageStartingWith(directory.toString())
                .hasMessageContainingAll(parts);
    }

    // Which files are taken.

    @Test
    void shardsOfSafetensorsGoFirst() throws IOException {
        index("{\"a\":\"one.safetensors\",\"b\":\"two.safetensors\"}");
        safetensors("one.safetensors", "a");
        safetensors("two.safetensors", "b");
        safetensors("model.safetensors", "v_head");
        bin("pytorch_model.bin", "old");
        Checkpoint checkpoint = Checkpoint.open(directory);
        assertThat(checkpoint.names()).containsExactly("a", "b");
        assertThat(checkpoint.format()).isEqualTo("safetensors, 2 shards");
        assertThat(checkpoint.path()).isEqualTo(directory);
    }

    @Test
    void singleSafetensorsGoesBeforePyTorch() throws IOException {
        safetensors("model.safetensors", "new");
        text("pytorch_model.bin.index.json", "{\"weight_map\":{\"old\":\"gone.bin\"}}");
        bin("pytorch_model.bin", "old");
        assertThat(Checkpoint.open(directory).names()).containsExactly("new");
    }

    @Test
    void pyTorchIndexGoesBeforeTheSingleFileBesideIt() throws IOException {
        text(
                "pytorch_model.bin.index.json",
                "{\"weight_map\":{\"a\":\"pytorch_model-00001-of-00001.bin\"}}");
        bin("pytorch_model-00001-of-00001.bin", "a");
        bin("pytorch_model.bin", "v_head.summary.weight");
        Checkpoint checkpoint = Checkpoint.open(directory);
        assertThat(checkpoint.names()).containsExactly("a");
        assertThat(checkpoint.format()).isEqualTo("PyTorch zip, 1 shard");
    }

    @Test
    void singlePyTorchFileIsTheLast() throws IOException {
        bin("pytorch_model.bin", "old");
        assertThat(Checkpoint.open(directory).names()).containsExactly("old");
    }

    @Test
    void theContentsDecideTheFormatNotTheName() throws IOException {
        safetensors("pytorch_model.bin", "a");
        assertThat(Checkpoint.open(directory).format()).isEqualTo("safetensors, 1 file");
        bin("model.safetensors", "b");
        assertThat(Checkpoint.open(directory).format()).isEqualTo("PyTorch zip, 1 file");
    }

    @Test
    void theIndexDecidesBetweenTwoShardsAndLeavesOutWhatItDoesNotName() throws IOException {
        index("{\"both\":\"two.safetensors\",\"a\":\"1.safetensors\"}");
        safetensors("1.safetensors", "both", "a", "unnamed");
        safetensors("two.safetensors", "both");
        Checkpoint checkpoint = Checkpoint.open(directory);
        assertThat(checkpoint.names()).containsExactly("both", "a");
        assertThat(tensor(checkpoint, "both").file())
                .isEqualTo(directory.resolve("two.safetensors"));
    }

    @Test
    void shardsOfBothFormatsAreNamed() throws IOException {
        index("{\"a\":\"a.safetensors\",\"b\":\"b.bin\"}");
        safetensors("a.safetensors", "a");
        bin("b.bin", "b");
        assertThat(Checkpoint.open(directory).format())
                .isEqualTo("PyTorch zip and safetensors, 2 shards");
    }

    @Test
    void linksToFilesElsewhereAreFollowedAsInAHuggingFaceCache() throws IOException {
        Path snapshot = Files.createDirectories(directory.resolve("snapshots/0ef0739c"));
        Files.createDirectory(directory.resolve("blobs"));
        safetensors("blobs/d0c5", "a");
        text("blobs/f7d1", "{\"weight_map\":{\"a\":\"model-1.safetensors\"}}");
        Files.createSymbolicLink(
                snapshot.resolve("model-1.safetensors"), Path.of("../../blobs/d0c5"));
        Files.createSymbolicLink(snapshot.resolve(INDEX), Path.of("../../blobs/f7d1"));
        assertThat(tensor(Checkpoint.open(snapshot), "a").toFloats()).hasSize(1);
    }

    @Test
    void namesCannotBeChanged() throws IOException {
        safetensors("model.safetensors", "a");
        Checkpoint checkpoint = Checkpoint.open(directory);
        assertThatThrownBy(() -> checkpoint.names().remove("a"))
                .isInstanceOf(UnsupportedOperationException.class);
    }

    // Directories and files that are not right.

    @Test
    void directoryThatIsNotThere() {
        assertThatThrownBy(() -> Checkpoint.open(directory.resolve("gone")))
                .isInstanceOf(CheckpointException.class)
                .hasMessage(directory.resolve("gone") + ": no such directory");
    }

    @Test
    void fileInsteadOfADirectory() throws IOException {
        safetensors("model.safetensors", "a");
        assertThatThrownBy(() -> Checkpoint.open(directory.resolve("model.safetensors")))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("give the directory");
    }

    @Test
    void directoryWithoutWeights() {
        assertRefused(
                "model.safetensors.index.json, model.safetensors, pytorch_model.bin.index.json, pytorch_model.bin");
    }

    @Test
    void fileThatIsNotThere() {
        assertThatThrownBy(() -> Checkpoint.openFile(directory.resolve("gone.bin")))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("gone.bin: no such file");
    }

    @Test
    void brokenLink() throws IOException {
        Files.createSymbolicLink(directory.resolve("model.safetensors"), Path.of("../blobs/gone"));
        assertRefused("model.safetensors", "broken link");
    }

    @ParameterizedTest
    @ValueSource(strings = {"model.safetensors", "pytorch_model.bin", INDEX})
    void directoryInsteadOfAFile(String name) throws IOException {
        Files.createDirectory(directory.resolve(name));
        assertRefused(name, "is a directory");
    }

    @ParameterizedTest
    @ValueSource(strings = {"model.safetensors", "pytorch_model.bin", INDEX})
    void emptyFile(String name) throws IOException {
        text(name, "");
        assertRefused(name, "is empty");
    }

    @Test
    void fileThatMayNotBeRead() throws IOException {
        safetensors("model.safetensors", "a");
        assumeTrue(directory.resolve("model.safetensors").toFile().setReadable(false));
        assumeTrue(
                !Files.isReadable(directory.resolve("model.safetensors")),
                "this user may read everything");
        assertRefused("model.safetensors", "permission denied");
    }

    @Test
    void fileOfNoKnownFormat() throws IOException {
        text("model.safetensors", "<!DOCTYPE html><html>not found</html>");
        assertRefused("neither safetensors nor", "<!DOCTYPE html>");
    }

    @ParameterizedTest
    @ValueSource(strings = {"P", "PK", "12345678", "\u0000\u0001"})
    void fileOfAFewBytes(String text) throws IOException {
        text("model.safetensors", text);
        assertRefused("model.safetensors");
    }

    @Test
    void gitLfsPointer() throws IOException {
        text(
                "model.safetensors",
                "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n");
        assertRefused("Git LFS pointer", "git lfs pull");
    }

    // Indexes that are not right.

    @Test
    void missingShardsAreNamedInOneMessage() throws IOException {
        index("{\"a\":\"one.safetensors\",\"b\":\"two.safetensors\",\"c\":\"three.safetensors\"}");
        safetensors("two.safetensors", "b");
        assertRefused(INDEX, "\"one.safetensors\", \"three.safetensors\"");
    }

    @Test
    void missingTensorsAreNamedInOneMessage() throws IOException {
        StringBuilder map = new StringBuilder("{\"here\":\"one.safetensors\"");
        for (int i = 0; i < 13; i++) {
            map.append(",\"gone.").append(i).append("\":\"one.safetensors\"");
        }
        index(map.append('}').toString());
        safetensors("one.safetensors", "here");
        assertRefused(INDEX, "\"gone.0 in one.safetensors\"", "gone.9", "and 3 more (13 in all)");
        assertThatThrownBy(() -> Checkpoint.open(directory))
                .hasMessageNotContainingAny("gone.10", "here in");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "../x.safetensors",
                "/etc/passwd",
                "sub/x.safetensors",
                "..",
                ".",
                "",
                "\\\\x",
                "..\\\\x",
                "x\\u0000",
                "./x",
                "x/"
            })
    void shardOutsideTheDirectory(String name) throws IOException {
        index("{\"a\":\"" + name + "\"}");
        assertRefused(INDEX, "\"a\"", "plain name");
    }

    @ParameterizedTest
    @ValueSource(strings = {"1", "null", "[\"x\"]", "{}", "true"})
    void shardThatIsNotAString(String value) throws IOException {
        index("{\"a\":" + value + "}");
        assertRefused(INDEX, "\"a\"", "no file name");
    }

    @ParameterizedTest
    @ValueSource(strings = {"[]", "null", "\"x\"", "7"})
    void weightMapThatIsNotAnObject(String map) throws IOException {
        index(map);
        assertRefused(INDEX, "weight_map is not an object");
    }

    @Test
    void weightMapEmptyOrMissing() throws IOException {
        index("{}");
        assertRefused(INDEX, "weight_map is missing or empty");
        text(INDEX, "{\"metadata\":{}}");
        assertRefused(INDEX, "weight_map is missing or empty");
    }

    @ParameterizedTest
    @ValueSource(strings = {"{", "{\"weight_map\":{\"a\":\"b\"", "{]", "nope"})
    void indexThatIsNotJson(String text) throws IOException {
        text(INDEX, text);
        assertRefused(INDEX, "not valid JSON");
    }

    @ParameterizedTest
    @ValueSource(strings = {"[]", "1", "\"x\"", "null"})
    void indexThatIsNotAnObject(String text) throws IOException {
        text(INDEX, text);
        assertRefused(INDEX, "not a JSON object");
    }

    @Test
    void indexWithATensorTwice() throws IOException {
        index("{\"a\":\"x\",\"a\":\"y\"}");
        assertRefused(INDEX, "Duplicate");
    }

    @Test
    void indexThatGoesOn() throws IOException {
        text(INDEX, "{\"weight_map\":{\"a\":\"x\"}}{}");
        assertRefused(INDEX, "goes on");
    }

    @Test
    void indexThatIsNotUtf8() throws IOException {
        Files.write(
                directory.resolve(INDEX), "{\"\u00e9\":1}".getBytes(StandardCharsets.ISO_8859_1));
        assertRefused(INDEX, "UTF-8");
    }

    @Test
    void indexThatNestsWithoutEnd() throws IOException {
        text(INDEX, "{\"metadata\":" + "[".repeat(100_000));
        assertRefused(INDEX, "nesting");
    }
}
