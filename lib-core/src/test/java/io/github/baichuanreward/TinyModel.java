package io.github.baichuanreward;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.baichuanreward.checkpoint.DType;
import io.github.baichuanreward.checkpoint.SafetensorsBuilder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * Writes a Baichuan model directory with random weights in float32 or another type, whole or
 * spoiled in one place, so that a test can say what it spoils and nothing else.
 */
public final class TinyModel {

    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Entry(long[] shape, float[] values, DType type) {}

    private final ObjectNode config = new ObjectMapper().createObjectNode();
    private final Map<String, Entry> tensors = new LinkedHashMap<>();
    private final Random random;

    /** A whole model: 2 layers, 3 heads of 8, intermediate 40, vocabulary 50, at most 64 tokens. */
    public TinyModel(long seed) {
        random = new Random(seed);
        config.put("model_type", "baichuan");
        config.putArray("architectures").add("BaichuanForCausalLM");
        config.put("hidden_act", "silu");
        config.put("vocab_size", 50);
        config.put("hidden_size", 24);
        config.put("intermediate_size", 40);
        config.put("num_hidden_layers", 2);
        config.put("num_attention_heads", 3);
        config.put("model_max_length", 64);
        config.put("rms_norm_eps", 1e-6);
        tensor("model.embed_tokens.weight", 50, 24);
        for (int n = 0; n < 2; n++) {
            String layer = "model.layers." + n + ".";
            tensor(layer + "input_layernorm.weight", 24);
            tensor(layer + "self_attn.W_pack.weight", 72, 24);
            tensor(layer + "self_attn.o_proj.weight", 24, 24);
            tensor(layer + "post_attention_layernorm.weight", 24);
            tensor(layer + "mlp.gate_proj.weight", 40, 24);
            tensor(layer + "mlp.up_proj.weight", 40, 24);
            tensor(layer + "mlp.down_proj.weight", 24, 40);
        }
        tensor("model.norm.weight", 24);
        tensor("v_head.summary.weight", 1, 24);
        tensor("v_head.summary.bias", 1);
    }

    /** Sets a field of config.json. */
    public TinyModel config(String field, int value) {
        config.put(field, value);
        return this;
    }

    /** Sets a field of config.json. */
    public TinyModel config(String field, String value) {
        config.put(field, value);
        return this;
    }

    /** Leaves a field out of config.json. */
    public TinyModel withoutConfig(String field) {
        config.remove(field);
        return this;
    }

    /** The config as it will be written. */
    public ObjectNode config() {
        return config;
    }

    /** Adds a tensor, or gives one another shape, with random values. */
    public TinyModel tensor(String name, long... shape) {
        long elements = 1;
        for (long size : shape) {
            elements *= size;
        }
        float[] values = new float[(int) elements];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian() * 0.3f;
        }
        tensors.put(name, new Entry(shape, values, DType.FLOAT32));
        return this;
    }

    /** Sets one element. */
    public TinyModel value(String name, int index, float value) {
        entry(name).values[index] = value;
        return this;
    }

    /** Stores a tensor in another type, each value rounded to the nearest. */
    public TinyModel type(String name, DType type) {
        Entry entry = entry(name);
        tensors.put(name, new Entry(entry.shape, entry.values, type));
        return this;
    }

    /** Stores all tensors in another type, each value rounded to the nearest. */
    public TinyModel type(DType type) {
        List.copyOf(tensors.keySet()).forEach(name -> type(name, type));
        return this;
    }

    /** Leaves a tensor out. */
    public TinyModel without(String name) {
        entry(name);
        tensors.remove(name);
        return this;
    }

    /** Gives a tensor another name. */
    public TinyModel rename(String from, String to) {
        Entry entry = entry(from);
        without(from);
        tensors.put(to, entry);
        return this;
    }

    /**
     * Moves tensors to a file of their own, under other names: {@code from1, to1, from2, to2 ...}.
     */
    public TinyModel move(Path file, String... names) throws IOException {
        Map<String, Entry> moved = new LinkedHashMap<>();
        for (int i = 0; i < names.length; i += 2) {
            moved.put(names[i + 1], entry(names[i]));
            without(names[i]);
        }
        write(file, moved);
        return this;
    }

    /**
     * Writes a LoRA adapter of this model with random matrices for these modules, alpha twice the
     * rank, and a value head whose bias is given.
     */
    public static Path writeAdapter(
            Path directory, long seed, int rank, float bias, TinyModel base, String... modules)
            throws IOException {
        TinyModel adapter = new TinyModel(seed);
        Map<String, Entry> matrices = new LinkedHashMap<>();
        for (String module : modules) {
            long[] shape = base.entry(module + ".weight").shape;
            String key = "base_model.model." + module;
            adapter.tensor(key + ".lora_A.weight", rank, shape[1]);
            adapter.tensor(key + ".lora_B.weight", shape[0], rank);
            matrices.put(key + ".lora_A.weight", adapter.entry(key + ".lora_A.weight"));
            matrices.put(key + ".lora_B.weight", adapter.entry(key + ".lora_B.weight"));
        }
        write(directory.resolve("adapter_model.safetensors"), matrices);
        adapter.value("v_head.summary.bias", 0, bias)
                .move(
                        directory.resolve("value_head.bin"),
                        "v_head.summary.weight",
                        "summary.weight",
                        "v_head.summary.bias",
                        "summary.bias");
        Files.writeString(
                directory.resolve("adapter_config.json"),
                "{\"peft_type\": \"LORA\", \"r\": %d, \"lora_alpha\": %d, \"bias\": \"none\"}"
                        .formatted(rank, 2 * rank));
        return directory;
    }

    /** The values of a tensor; not a copy. */
    public float[] values(String name) {
        return entry(name).values;
    }

    /** Writes config.json and model.safetensors. */
    public Path write(Path directory) throws IOException {
        Files.writeString(directory.resolve("config.json"), config.toString());
        write(directory.resolve("model.safetensors"), tensors);
        return directory;
    }

    private Entry entry(String name) {
        Entry entry = tensors.get(name);
        if (entry == null) {
            throw new IllegalArgumentException("no tensor " + name);
        }
        return entry;
    }

    private static void write(Path file, Map<String, Entry> tensors) throws IOException {
        SafetensorsBuilder builder = new SafetensorsBuilder();
        tensors.forEach(
                (name, entry) ->
                        builder.tensor(
                                name,
                                SafetensorsBuilder.name(entry.type),
                                Arrays.toString(entry.shape),
                                SafetensorsBuilder.rounded(entry.type, entry.values)));
        builder.write(file);
    }
}
