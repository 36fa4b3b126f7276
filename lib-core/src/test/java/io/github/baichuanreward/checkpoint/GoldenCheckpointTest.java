package io.github.baichuanreward.checkpoint;

import static io.github.baichuanreward.checkpoint.Fixtures.golden;
import static io.github.baichuanreward.checkpoint.Fixtures.tensor;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The checkpoints that PyTorch itself and the safetensors library wrote. */
class GoldenCheckpointTest {

    private static JsonNode json(String directory, String file) throws IOException {
        return new ObjectMapper().readTree(golden(directory).resolve(file).toFile());
    }

    /** Names and shapes that a model of this config has. */
    private static Map<String, long[]> shapes(JsonNode config) {
        long hidden = config.get("hidden_size").asLong();
        long intermediate = config.get("intermediate_size").asLong();
        long vocabulary = config.get("vocab_size").asLong();
        Map<String, long[]> shapes = new LinkedHashMap<>();
        shapes.put("model.embed_tokens.weight", new long[] {vocabulary, hidden});
        for (int k = 0; k < config.get("num_hidden_layers").asInt(); k++) {
            String layer = "model.layers." + k + ".";
            shapes.put(layer + "self_attn.W_pack.weight", new long[] {3 * hidden, hidden});
            shapes.put(layer + "self_attn.o_proj.weight", new long[] {hidden, hidden});
            shapes.put(layer + "mlp.gate_proj.weight", new long[] {intermediate, hidden});
            shapes.put(layer + "mlp.up_proj.weight", new long[] {intermediate, hidden});
            shapes.put(layer + "mlp.down_proj.weight", new long[] {hidden, intermediate});
            shapes.put(layer + "input_layernorm.weight", new long[] {hidden});
            shapes.put(layer + "post_attention_layernorm.weight", new long[] {hidden});
        }
        shapes.put("model.norm.weight", new long[] {hidden});
        shapes.put("lm_head.weight", new long[] {vocabulary, hidden});
        return shapes;
    }

    @ParameterizedTest
    @CsvSource({
        "tiny-a,     'PyTorch zip, 1 file'",
        "tiny-b,     'PyTorch zip, 2 shards'",
        "tiny-views, 'PyTorch zip, 1 file'",
        "tiny-eps,   'PyTorch zip, 1 file'",
        "tiny-fp16,  'PyTorch zip, 1 file'",
        "tiny-odd,   'safetensors, 1 file'",
        "tiny-st2,   'safetensors, 2 shards'",
    })
    void everyTensorHasItsNameShapeAndType(String directory, String format) throws IOException {
        JsonNode config = json(directory, "config.json");
        Map<String, long[]> expected = shapes(config);
        DType dtype = DType.valueOf(config.get("torch_dtype").asText().toUpperCase(Locale.ROOT));
        boolean headInside =
                json(directory, "expected.json").get("value_head_location").asText().equals("main");
        if (headInside) {
            long hidden = config.get("hidden_size").asLong();
            expected.put("v_head.summary.weight", new long[] {1, hidden});
            expected.put("v_head.summary.bias", new long[] {1});
        }

        Checkpoint checkpoint = Checkpoint.open(golden(directory));

        assertThat(checkpoint.format()).isEqualTo(format);
        assertThat(checkpoint.names()).containsExactlyInAnyOrderElementsOf(expected.keySet());
        for (Map.Entry<String, long[]> entry : expected.entrySet()) {
            Tensor tensor = tensor(checkpoint, entry.getKey());
            DType type = entry.getKey().startsWith("v_head.") ? DType.FLOAT32 : dtype;
            assertThat(tensor.shape()).as(entry.getKey()).isEqualTo(entry.getValue());
            assertThat(tensor.dtype()).as(entry.getKey()).isEqualTo(type);
            assertThat(tensor.map().remaining()).as(entry.getKey()).isEqualTo((int) tensor.bytes());
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "tiny-a",
                "tiny-b",
                "tiny-views",
                "tiny-eps",
                "tiny-fp16",
                "tiny-odd",
                "tiny-st2"
            })
    void rowsOfTheEmbeddingAreThoseOfTheTrace(String directory) throws IOException {
        JsonNode trace = json(directory, "expected.json").get("trace");
        Tensor embedding = tensor(Checkpoint.open(golden(directory)), "model.embed_tokens.weight");
        int hidden = (int) embedding.shape()[1];
        for (int k = 0; k < trace.get("input_ids").size(); k++) {
            float[] row = new float[hidden];
            ByteBuffer bytes = embedding.mapRows(trace.get("input_ids").get(k).asLong(), 1);
            embedding.dtype().toFloats(row, 0, bytes, 0, hidden);
            for (int c = 0; c < hidden; c++) {
                assertThat((double) row[c])
                        .isEqualTo(trace.get("embeddings").get(k).get(c).asDouble());
            }
        }
    }

    /**
     * Geometry of the views as Python's pickletools shows it; storages as java.util.zip reads them.
     */
    @ParameterizedTest
    @CsvSource({
        "model.embed_tokens.weight,               0,     0, 300,  64,  64,  1",
        "model.layers.0.self_attn.W_pack.weight,  1,   320, 192,  64,  64,  1",
        "model.layers.0.self_attn.o_proj.weight,  2,     0,  64,  64,   1, 64",
        "model.layers.0.mlp.down_proj.weight,     4,     1,  64, 176, 179,  1",
        "lm_head.weight,                          0, 19200, 300,  64,  64,  1",
    })
    void viewsReadTheElementsThatTheirStridesSelect(
            String name,
            String key,
            int offset,
            int rows,
            int columns,
            int rowStride,
            int columnStride)
            throws IOException {
        Path file = golden("tiny-views").resolve("pytorch_model.bin");
        FloatBuffer storage;
        try (ZipFile zip = new ZipFile(file.toFile())) {
            byte[] bytes =
                    zip.getInputStream(zip.getEntry("pytorch_model/data/" + key)).readAllBytes();
            storage = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
        }
        float[] expected = new float[rows * columns];
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < columns; c++) {
                expected[r * columns + c] = storage.get(offset + r * rowStride + c * columnStride);
            }
        }
        Tensor tensor = tensor(Checkpoint.openFile(file), name);
        assertThat(tensor.shape()).containsExactly(rows, columns);
        assertThat(tensor.toFloats()).isEqualTo(expected);

        float[] middle = new float[2 * columns];
        tensor.dtype().toFloats(middle, 0, tensor.mapRows(5, 2), 0, middle.length);
        assertThat(middle).containsExactly(Arrays.copyOfRange(expected, 5 * columns, 7 * columns));
    }

    @Test
    void smallFilesBesideTheWeightsOpenByThemselves() throws IOException {
        Checkpoint summary = Checkpoint.openFile(golden("tiny-a").resolve("value_head.bin"));
        assertThat(summary.names()).containsExactlyInAnyOrder("summary.weight", "summary.bias");
        assertThat(tensor(summary, "summary.weight").shape()).containsExactly(1, 64);
        assertThat(tensor(summary, "summary.bias").toFloats()).hasSize(1);
        assertThat(Checkpoint.openFile(golden("tiny-views").resolve("value_head.bin")).names())
                .containsExactlyInAnyOrder("v_head.summary.weight", "v_head.summary.bias");
        assertThat(
                        Checkpoint.openFile(golden("tiny-st2").resolve("value_head.safetensors"))
                                .names())
                .containsExactlyInAnyOrder("v_head.summary.weight", "v_head.summary.bias");
    }
}
