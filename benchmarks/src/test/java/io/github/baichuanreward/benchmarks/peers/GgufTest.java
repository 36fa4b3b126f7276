package io.github.baichuanreward.benchmarks.peers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.baichuanreward.checkpoint.Tensor;
import io.github.baichuanreward.model.BaichuanConfig;
import io.github.baichuanreward.model.BaichuanWeights;
import io.github.baichuanreward.model.RandomModel;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GgufTest {

    private static final int ALIGNMENT = 32;

    /** Bytes of a value by its type's number in GGUF; strings and arrays are not among them. */
    private static final int[] VALUE_BYTES = {1, 1, 2, 2, 4, 4, 4, 1};

    private record Found(int type, List<Long> sizes, long offset) {}

    @TempDir Path directory;

    @Test
    void holdsEveryTensorOnceWhereItsHeaderSays() throws IOException {
        Gguf.write(directory.resolve("model.gguf"), model(40));
        Contents contents = Contents.read(directory.resolve("model.gguf"));

        assertThat(contents.tensors).hasSize(3 + 9 * 40);
        assertThat(contents.tensor("blk.39.ffn_down.weight").sizes()).containsExactly(70L, 30L);
        assertThat(contents.tensor("output_norm.weight").type()).isZero();
        assertThat(contents.tensor("output.weight").type()).isEqualTo(30);
        assertThat(contents.tensors.values()).allMatch(found -> found.offset() % ALIGNMENT == 0);
        assertThat(contents.file.capacity() % ALIGNMENT).isZero();
    }

    @Test
    void cutsPackedProjectionsIntoThree() throws IOException {
        Gguf.write(directory.resolve("model.gguf"), model(40));
        Contents contents = Contents.read(directory.resolve("model.gguf"));
        Tensor qkv = BaichuanWeights.open(directory).layers().get(17).qkv().weight();

        assertThat(contents.data("blk.17.attn_q.weight", 1800)).isEqualTo(qkv.mapRows(0, 30));
        assertThat(contents.data("blk.17.attn_k.weight", 1800)).isEqualTo(qkv.mapRows(30, 30));
        assertThat(contents.data("blk.17.attn_v.weight", 1800)).isEqualTo(qkv.mapRows(60, 30));
    }

    @Test
    void keepsMatricesAndWidensNorms() throws IOException {
        Gguf.write(directory.resolve("model.gguf"), model(40));
        Contents contents = Contents.read(directory.resolve("model.gguf"));
        BaichuanWeights weights = BaichuanWeights.open(directory);
        BaichuanWeights.Layer last = weights.layers().get(39);

        assertThat(contents.data("blk.39.ffn_down.weight", 4200))
                .isEqualTo(last.down().weight().map());
        assertThat(contents.data("token_embd.weight", 300 * 60))
                .isEqualTo(weights.embedding().map());
        float[] norm = new float[30];
        contents.data("blk.39.ffn_norm.weight", 120).asFloatBuffer().get(norm);
        assertThat(norm).isEqualTo(last.postNorm().toFloats());
    }

    @Test
    void refusesADepthThatLlamaCppTakesForAnotherModel() throws IOException {
        Path model = model(2);

        assertThatThrownBy(() -> Gguf.write(directory.resolve("model.gguf"), model))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("2 layers")
                .hasMessageContaining("40");
        assertThat(directory.resolve("model.gguf")).doesNotExist();
    }

    @Test
    void refusesAVocabularyWithoutRoomForBytes() throws IOException {
        RandomModel.write(directory, sizes(40, 259), 1);

        assertThatThrownBy(() -> Gguf.write(directory.resolve("model.gguf"), directory))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("259");
    }

    private Path model(int layers) throws IOException {
        RandomModel.write(directory, sizes(layers, 300), 1);
        return directory;
    }

    private static BaichuanConfig sizes(int layers, int vocabulary) {
        return new BaichuanConfig(vocabulary, 30, 70, layers, 3, 64, 1e-6f);
    }

    /** A GGUF file, read as its specification says and not as the writer writes. */
    private static final class Contents {

        private final ByteBuffer file;
        private final Map<String, Found> tensors = new HashMap<>();
        private int dataStart;

        private Contents(ByteBuffer file) {
            this.file = file;
        }

        static Contents read(Path path) throws IOException {
            Contents contents =
                    new Contents(
                            ByteBuffer.wrap(Files.readAllBytes(path))
                                    .order(ByteOrder.LITTLE_ENDIAN));
            contents.readHeader();
            return contents;
        }

        Found tensor(String name) {
            assertThat(tensors).containsKey(name);
            return Objects.requireNonNull(tensors.get(name));
        }

        ByteBuffer data(String name, int bytes) {
            return file.slice(dataStart + (int) tensor(name).offset(), bytes)
                    .order(ByteOrder.LITTLE_ENDIAN);
        }

        private void readHeader() {
            byte[] magic = new byte[4];
            file.get(magic);
            assertThat(new String(magic, StandardCharsets.US_ASCII)).isEqualTo("GGUF");
            assertThat(file.getInt()).isEqualTo(3);
            long tensorCount = file.getLong();
            long keys = file.getLong();
            for (long i = 0; i < keys; i++) {
                string();
                skipValue(file.getInt());
            }
            for (long i = 0; i < tensorCount; i++) {
                String name = string();
                int dimensions = file.getInt();
                List<Long> sizes = new ArrayList<>();
                for (int d = 0; d < dimensions; d++) {
                    sizes.add(file.getLong());
                }
                tensors.put(name, new Found(file.getInt(), sizes, file.getLong()));
            }
            dataStart = (file.position() + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        }

        private String string() {
            byte[] utf8 = new byte[(int) file.getLong()];
            file.get(utf8);
            return new String(utf8, StandardCharsets.UTF_8);
        }

        private void skipValue(int type) {
            if (type == 8) {
                string();
            } else if (type == 9) {
                int element = file.getInt();
                long count = file.getLong();
                for (long i = 0; i < count; i++) {
                    skipValue(element);
                }
            } else {
                file.position(file.position() + VALUE_BYTES[type]);
            }
        }
    }
}
