package io.github.baichuanreward.benchmarks.peers;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.baichuanreward.model.BaichuanConfig;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Writes a Baichuan reward model of any size with random bfloat16 weights: {@code config.json} and
 * {@code model.safetensors}, value head included, no tokenizer.
 *
 * <p>Speed depends on sizes and types, not on what the weights say. Still they are drawn so that
 * the numbers inside the model are those of a healthy one: projections keep the size of their
 * input, the two that add to the residual stream are smaller the more layers there are, norms lie
 * around 1, and rewards around 0 with a spread of about 1. So different programs can be compared by
 * their rewards.
 *
 * <p>Weights are uniform, and the same for the same seed and sizes. Needs one megabyte, whatever
 * the size of the model.
 */
final class SyntheticModel {

    private static final String WEIGHTS = "model.safetensors";

    private static final int BUFFER_BYTES = 1 << 20;

    /** What a uniform distribution over -1 to 1 is multiplied with to have a deviation of 1. */
    private static final double UNIFORM = Math.sqrt(3);

    /**
     * A tensor to be drawn.
     *
     * @param shape slowest dimension first
     * @param mean of its elements
     * @param deviation standard deviation of its elements
     */
    private record Drawn(String name, List<Integer> shape, double mean, double deviation) {

        static Drawn matrix(String name, int out, int in, double deviation) {
            return new Drawn(name, List.of(out, in), 0, deviation);
        }

        static Drawn norm(String name, int hidden) {
            return new Drawn(name, List.of(hidden), 1, 0.1);
        }

        long elements() {
            return shape.stream().mapToLong(size -> size).reduce(1, Math::multiplyExact);
        }
    }

    private SyntheticModel() {}

    /** Arguments: DIRECTORY LAYERS HIDDEN INTERMEDIATE HEADS VOCABULARY. */
    public static void main(String[] arguments) throws IOException {
        if (arguments.length != 6) {
            throw new IllegalArgumentException(
                    "needed: DIRECTORY LAYERS HIDDEN INTERMEDIATE HEADS VOCABULARY");
        }
        BaichuanConfig config =
                new BaichuanConfig(
                        Integer.parseInt(arguments[5]),
                        Integer.parseInt(arguments[2]),
                        Integer.parseInt(arguments[3]),
                        Integer.parseInt(arguments[1]),
                        Integer.parseInt(arguments[4]),
                        4096,
                        1e-6f);
        write(Path.of(arguments[0]), config, 1);
    }

    /**
     * Writes the model; what stood there under the same names is replaced. The weights get their
     * name when they are complete.
     *
     * @param directory made if it is not there
     */
    static void write(Path directory, BaichuanConfig config, long seed) throws IOException {
        Files.createDirectories(directory);
        Files.write(directory.resolve("config.json"), configJson(config));
        List<Drawn> tensors = tensors(config);
        Path unfinished = directory.resolve(WEIGHTS + ".part");
        try (FileChannel channel =
                FileChannel.open(
                        unfinished,
                        StandardOpenOption.CREATE,
                        StandardOpenOption.WRITE,
                        StandardOpenOption.TRUNCATE_EXISTING)) {
            writeFully(channel, header(tensors));
            SplittableRandom random = new SplittableRandom(seed);
            ByteBuffer buffer =
                    ByteBuffer.allocateDirect(BUFFER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
            for (Drawn tensor : tensors) {
                draw(channel, buffer, tensor, random);
            }
        }
        Files.move(unfinished, directory.resolve(WEIGHTS), StandardCopyOption.REPLACE_EXISTING);
    }

    private static byte[] configJson(BaichuanConfig config) throws IOException {
        ObjectMapper mapper = new ObjectMapper();
        ObjectNode json = mapper.createObjectNode();
        json.putArray("architectures").add("BaichuanForCausalLM");
        json.put("model_type", "baichuan");
        json.put("vocab_size", config.vocabulary());
        json.put("hidden_size", config.hidden());
        json.put("intermediate_size", config.intermediate());
        json.put("num_hidden_layers", config.layers());
        json.put("num_attention_heads", config.heads());
        json.put("hidden_act", "silu");
        json.put("model_max_length", config.maxLength());
        json.put("rms_norm_eps", config.rmsNormEps());
        json.put("torch_dtype", "bfloat16");
        return mapper.writerWithDefaultPrettyPrinter().writeValueAsBytes(json);
    }

    private static List<Drawn> tensors(BaichuanConfig config) {
        int hidden = config.hidden();
        int intermediate = config.intermediate();
        double keeping = 1 / Math.sqrt(hidden);
        // Every layer adds twice; all together add as much as the embedding holds.
        double share = 1 / Math.sqrt(2.0 * config.layers());

        List<Drawn> tensors = new ArrayList<>();
        tensors.add(Drawn.matrix("model.embed_tokens.weight", config.vocabulary(), hidden, 1));
        for (int n = 0; n < config.layers(); n++) {
            String layer = "model.layers." + n + ".";
            String attention = layer + "self_attn.";
            String mlp = layer + "mlp.";
            tensors.add(Drawn.norm(layer + "input_layernorm.weight", hidden));
            tensors.add(Drawn.matrix(attention + "W_pack.weight", 3 * hidden, hidden, keeping));
            tensors.add(Drawn.matrix(attention + "o_proj.weight", hidden, hidden, share * keeping));
            tensors.add(Drawn.norm(layer + "post_attention_layernorm.weight", hidden));
            tensors.add(Drawn.matrix(mlp + "gate_proj.weight", intermediate, hidden, keeping));
            tensors.add(Drawn.matrix(mlp + "up_proj.weight", intermediate, hidden, keeping));
            tensors.add(
                    Drawn.matrix(
                            mlp + "down_proj.weight",
                            hidden,
                            intermediate,
                            share / Math.sqrt(intermediate)));
        }
        tensors.add(Drawn.norm("model.norm.weight", hidden));
        tensors.add(Drawn.matrix("lm_head.weight", config.vocabulary(), hidden, keeping));
        tensors.add(Drawn.matrix("v_head.summary.weight", 1, hidden, keeping));
        tensors.add(new Drawn("v_head.summary.bias", List.of(1), 0, 0.1));
        return tensors;
    }

    /** Length in 8 bytes, then JSON, padded so that the data begin at a multiple of 8. */
    private static ByteBuffer header(List<Drawn> tensors) throws IOException {
        ObjectMapper mapper = new ObjectMapper();
        ObjectNode json = mapper.createObjectNode();
        long offset = 0;
        for (Drawn tensor : tensors) {
            ObjectNode entry = json.putObject(tensor.name());
            entry.put("dtype", "BF16");
            tensor.shape().forEach(entry.putArray("shape")::add);
            entry.putArray("data_offsets").add(offset).add(offset += 2 * tensor.elements());
        }
        byte[] text = mapper.writeValueAsBytes(json);
        byte[] padding = " ".repeat(-text.length & 7).getBytes(StandardCharsets.US_ASCII);
        return ByteBuffer.allocate(8 + text.length + padding.length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(text.length + padding.length)
                .put(text)
                .put(padding)
                .flip();
    }

    /** Draws with 16 bits an element, more than a bfloat16 can tell apart. */
    private static void draw(
            FileChannel channel, ByteBuffer buffer, Drawn tensor, SplittableRandom random)
            throws IOException {
        float mean = (float) tensor.mean();
        float scale = (float) (tensor.deviation() * UNIFORM / 0x8000);
        long bits = 0;
        for (long i = 0; i < tensor.elements(); i++) {
            bits = (i & 3) == 0 ? random.nextLong() : bits >>> 16;
            float value = mean + scale * (short) bits;
            buffer.putShort((short) (Float.floatToRawIntBits(value) >>> 16));
            if (!buffer.hasRemaining()) {
                writeFully(channel, buffer.flip());
                buffer.clear();
            }
        }
        writeFully(channel, buffer.flip());
        buffer.clear();
    }

    private static void writeFully(FileChannel channel, ByteBuffer source) throws IOException {
        while (source.hasRemaining()) {
            channel.write(source);
        }
    }
}
