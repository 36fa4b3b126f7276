package io.github.baichuanreward.model;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.baichuanreward.LoadOptions;
import io.github.baichuanreward.ModelInspection;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A directory of Baichuan-13B's real shapes, 26.5 GB in three shards that hold nothing but holes.
 */
class FullSizeTest {

    private static final int HIDDEN = 5120;
    private static final int INTERMEDIATE = 13696;
    private static final int VOCABULARY = 64000;

    @TempDir Path directory;

    private final ObjectMapper json = new ObjectMapper();

    @Test
    void opensWithoutReadingTheWeights() throws IOException {
        write();

        long start = System.nanoTime();
        BaichuanWeights weights = BaichuanWeights.open(directory);
        Duration taken = Duration.ofNanos(System.nanoTime() - start);

        assertThat(weights.layers()).hasSize(40);
        // All 13,264,901,120 parameters but lm_head's, in two bytes each.
        assertThat(weights.bytes()).isEqualTo(2 * (13_264_901_120L - (long) VOCABULARY * HIDDEN));
        assertThat(taken).isLessThan(Duration.ofSeconds(2));

        // The last row of the last matrix lies far beyond what one mapping reaches.
        ByteBuffer row = weights.layers().get(39).down().weight().mapRows(HIDDEN - 1, 1);
        assertThat(row.remaining()).isEqualTo(2 * INTERMEDIATE);
        assertThat(row.getShort(2 * INTERMEDIATE - 2)).isZero();
    }

    @Test
    void isInspectedWithinItsTime() throws IOException {
        write();

        long start = System.nanoTime();
        ModelInspection inspection = ModelInspection.of(directory, LoadOptions.defaults());
        Duration taken = Duration.ofNanos(System.nanoTime() - start);

        assertThat(taken).isLessThan(Duration.ofSeconds(2));
        assertThat(inspection.weights()).isEqualTo("safetensors, 3 shards, bfloat16");
        assertThat(inspection.head().looksUntrained()).as("a head of zeros").isTrue();
        assertThat(inspection.backends()).extracting(backend -> backend.name()).contains("cpu");
        System.out.printf("inspect of 26.5 GB: %d ms%n", taken.toMillis());
    }

    private void write() throws IOException {
        ObjectNode config = json.createObjectNode();
        config.put("model_type", "baichuan");
        config.put("vocab_size", VOCABULARY);
        config.put("hidden_size", HIDDEN);
        config.put("intermediate_size", INTERMEDIATE);
        config.put("num_hidden_layers", 40);
        config.put("num_attention_heads", 40);
        config.put("model_max_length", 4096);
        config.put("rms_norm_eps", 1e-6);
        Files.writeString(directory.resolve("config.json"), config.toString());

        Map<String, long[]> first = new LinkedHashMap<>();
        Map<String, long[]> second = new LinkedHashMap<>();
        Map<String, long[]> third = new LinkedHashMap<>();
        first.put("model.embed_tokens.weight", new long[] {VOCABULARY, HIDDEN});
        for (int n = 0; n < 40; n++) {
            layer(n < 14 ? first : n < 28 ? second : third, "model.layers." + n + ".");
        }
        third.put("model.norm.weight", new long[] {HIDDEN});
        third.put("lm_head.weight", new long[] {VOCABULARY, HIDDEN});
        third.put("v_head.summary.weight", new long[] {1, HIDDEN});
        third.put("v_head.summary.bias", new long[] {1});

        ObjectNode index = json.createObjectNode();
        shard(index, "model-00001-of-00003.safetensors", first);
        shard(index, "model-00002-of-00003.safetensors", second);
        shard(index, "model-00003-of-00003.safetensors", third);
        Files.writeString(directory.resolve("model.safetensors.index.json"), index.toString());
    }

    private static void layer(Map<String, long[]> shard, String layer) {
        shard.put(layer + "self_attn.W_pack.weight", new long[] {3 * HIDDEN, HIDDEN});
        shard.put(layer + "self_attn.o_proj.weight", new long[] {HIDDEN, HIDDEN});
        shard.put(layer + "mlp.gate_proj.weight", new long[] {INTERMEDIATE, HIDDEN});
        shard.put(layer + "mlp.up_proj.weight", new long[] {INTERMEDIATE, HIDDEN});
        shard.put(layer + "mlp.down_proj.weight", new long[] {HIDDEN, INTERMEDIATE});
        shard.put(layer + "input_layernorm.weight", new long[] {HIDDEN});
        shard.put(layer + "post_attention_layernorm.weight", new long[] {HIDDEN});
    }

    private void shard(ObjectNode index, String file, Map<String, long[]> tensors)
            throws IOException {
        ObjectNode header = json.createObjectNode();
        long offset = 0;
        for (Map.Entry<String, long[]> tensor : tensors.entrySet()) {
            index.withObject("/weight_map").put(tensor.getKey(), file);
            ObjectNode node = header.putObject(tensor.getKey());
            node.put("dtype", "BF16");
            long bytes = 2;
            for (long size : tensor.getValue()) {
                node.withArray("shape").add(size);
                bytes *= size;
            }
            node.putArray("data_offsets").add(offset).add(offset + bytes);
            offset += bytes;
        }
        byte[] text = json.writeValueAsBytes(header);
        try (FileChannel channel =
                FileChannel.open(
                        directory.resolve(file),
                        StandardOpenOption.CREATE_NEW,
                        StandardOpenOption.WRITE,
                        StandardOpenOption.SPARSE)) {
            ByteBuffer start = ByteBuffer.allocate(8 + text.length).order(ByteOrder.LITTLE_ENDIAN);
            channel.write(start.putLong(text.length).put(text).flip());
            channel.write(ByteBuffer.allocate(1), 8 + text.length + offset - 1);
        }
    }
}
