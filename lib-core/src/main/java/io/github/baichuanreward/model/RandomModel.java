package io.github.baichuanreward.model;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.baichuanreward.checkpoint.Checkpoint;
import io.github.baichuanreward.checkpoint.DType;
import io.github.baichuanreward.checkpoint.Tensor;
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
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * A Baichuan reward model of any size with random bfloat16 weights, value head included, without a
 * tokenizer: to measure, not to judge.
 *
 * <p>Speed depends on sizes and types; on a CPU, for long sequences, also on how large scores of
 * attention become, which decides how many keys keep a weight beside ALiBi's bias. They are drawn
 * so that the numbers inside the model are those of a healthy one: projections keep the size of
 * their input, the two that add to the residual stream are smaller the more layers there are, norms
 * lie around 1, and rewards around 0 with a spread of about 1. So different programs can be
 * compared by their rewards.
 *
 * <p>All tensors of one kind are windows, at different places, into one endless row of random
 * numbers. So a model can be written as a directory of its full size, or stand in a file that holds
 * little more than the largest tensor of each kind (1.0 GB for 26 GB of Baichuan-13B): both have
 * the same weights. They are the same for the same seed and sizes, whatever the number of threads.
 */
public final class RandomModel implements AutoCloseable {

    /** Tensors of one distribution. */
    private enum Kind {
        EMBEDDING,
        NORM,
        KEEPING,
        ATTENTION_OUT,
        MLP_OUT,
        BIAS;

        RandomNumbers numbers(BaichuanConfig config, long seed) {
            double keeping = 1 / Math.sqrt(config.hidden());
            // Every layer adds twice; all together add as much as the embedding holds.
            double share = 1 / Math.sqrt(2.0 * config.layers());
            double deviation =
                    switch (this) {
                        case EMBEDDING -> 1;
                        case NORM, BIAS -> 0.1;
                        case KEEPING -> keeping;
                        case ATTENTION_OUT -> share * keeping;
                        case MLP_OUT -> share / Math.sqrt(config.intermediate());
                    };
            return new RandomNumbers(
                    31 * seed + name().hashCode(), this == NORM ? 1 : 0, deviation);
        }
    }

    /**
     * A tensor to be drawn.
     *
     * @param shape slowest dimension first
     * @param first place in its kind's row of numbers
     */
    private record Drawn(String name, Kind kind, List<Long> shape, long first) {

        long elements() {
            return shape.stream().reduce(1L, Math::multiplyExact);
        }

        long bytes() {
            return 2 * elements();
        }
    }

    /** Most bytes of tensors in one file; what is larger comes in shards. */
    private static final long SHARD_BYTES = 10_000_000_000L;

    /** Windows lie so many numbers apart: 64 bytes, as memory comes. */
    private static final long STEP = 32;

    private static final String LM_HEAD = "lm_head.weight";

    private static final String CONFIG = "config.json";

    private final Path file;
    private final BaichuanWeights weights;

    private RandomModel(Path file, BaichuanWeights weights) {
        this.file = file;
        this.weights = weights;
    }

    /**
     * Makes a model whose tensors share one temporary file. The file is deleted by {@link #close},
     * or when Java ends.
     *
     * @throws IOException if the temporary folder has too little room (names both numbers) or
     *     cannot be written to; leaves nothing there then
     */
    public static RandomModel make(BaichuanConfig config, long seed) throws IOException {
        List<Drawn> tensors =
                tensors(config).stream().filter(tensor -> !tensor.name.equals(LM_HEAD)).toList();
        Map<Kind, Long> counts = new EnumMap<>(Kind.class);
        for (Drawn tensor : tensors) {
            // Whole steps, so that the next kind's windows begin at one, too.
            long end = (tensor.first + tensor.elements() + STEP - 1) / STEP * STEP;
            counts.merge(tensor.kind, end, Math::max);
        }
        Path folder = Path.of(System.getProperty("java.io.tmpdir"));
        requireRoom(folder, 2 * counts.values().stream().mapToLong(count -> count).sum());
        Path file = Files.createTempFile(folder, "baichuan-reward-random-", ".bin");
        deleteAtExit(file);
        boolean made = false;
        try {
            Map<Kind, Long> starts = new EnumMap<>(Kind.class);
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                List<RandomNumbers.Piece> pieces = new ArrayList<>();
                long position = 0;
                for (Map.Entry<Kind, Long> kind : counts.entrySet()) {
                    RandomNumbers numbers = kind.getKey().numbers(config, seed);
                    long count = kind.getValue();
                    pieces.add(new RandomNumbers.Piece(numbers, 0, count, channel, position));
                    starts.put(kind.getKey(), position);
                    position += 2 * count;
                }
                RandomNumbers.write(pieces, Runtime.getRuntime().availableProcessors());
            }
            List<Tensor> windows = new ArrayList<>();
            for (Drawn tensor : tensors) {
                windows.add(
                        Tensor.window(
                                tensor.name,
                                DType.BFLOAT16,
                                tensor.shape.stream().mapToLong(size -> size).toArray(),
                                file,
                                starts.getOrDefault(tensor.kind, 0L) + 2 * tensor.first));
            }
            Checkpoint checkpoint = Checkpoint.of(file, "random weights", windows);
            RandomModel model = new RandomModel(file, BaichuanWeights.of(config, checkpoint));
            made = true;
            return model;
        } finally {
            if (!made) {
                Files.deleteIfExists(file);
            }
        }
    }

    /** The model; its tensors can be mapped until {@link #close}, and mappings stay valid. */
    public BaichuanWeights weights() {
        return weights;
    }

    /** Deletes the file. A second call does nothing. */
    @Override
    public void close() throws IOException {
        Files.deleteIfExists(file);
    }

    /**
     * Writes the model as a directory, {@code lm_head} included; what stood there under the same
     * names is replaced. Above 10 GB the weights come in shards.
     *
     * <p>Files get their names when all are complete, {@code config.json} the last: what failed or
     * was interrupted is no model.
     *
     * @param directory made if it is not there
     * @throws IOException if there is too little room (names both numbers) or the directory cannot
     *     be written to; leaves none of its files there then
     */
    public static void write(Path directory, BaichuanConfig config, long seed) throws IOException {
        write(directory, config, seed, SHARD_BYTES, Runtime.getRuntime().availableProcessors());
    }

    static void write(
            Path directory, BaichuanConfig config, long seed, long shardBytes, int threads)
            throws IOException {
        List<List<Drawn>> shards = shards(tensors(config), shardBytes);
        Files.createDirectories(directory);
        requireRoom(directory, shards.stream().flatMap(List::stream).mapToLong(Drawn::bytes).sum());
        Files.deleteIfExists(directory.resolve(CONFIG));
        List<Path> names = new ArrayList<>();
        for (int n = 1; n <= shards.size(); n++) {
            String name = "model-%05d-of-%05d.safetensors".formatted(n, shards.size());
            names.add(directory.resolve(shards.size() == 1 ? "model.safetensors" : name));
        }
        Path index = directory.resolve("model.safetensors.index.json");
        Files.deleteIfExists(index);
        boolean written = false;
        List<FileChannel> channels = new ArrayList<>();
        try {
            Map<Kind, RandomNumbers> numbers = new EnumMap<>(Kind.class);
            for (Kind kind : Kind.values()) {
                numbers.put(kind, kind.numbers(config, seed));
            }
            List<RandomNumbers.Piece> pieces = new ArrayList<>();
            for (int n = 0; n < shards.size(); n++) {
                FileChannel channel = begin(unfinished(names.get(n)));
                channels.add(channel);
                ByteBuffer header = header(shards.get(n));
                long position = header.limit();
                while (header.hasRemaining()) {
                    channel.write(header);
                }
                for (Drawn tensor : shards.get(n)) {
                    pieces.add(
                            new RandomNumbers.Piece(
                                    Objects.requireNonNull(numbers.get(tensor.kind)),
                                    tensor.first,
                                    tensor.elements(),
                                    channel,
                                    position));
                    position += tensor.bytes();
                }
            }
            RandomNumbers.write(pieces, threads);
            for (FileChannel channel : channels) {
                channel.close();
            }
            for (Path name : names) {
                Files.move(unfinished(name), name, StandardCopyOption.REPLACE_EXISTING);
            }
            if (names.size() > 1) {
                Files.write(index, index(shards, names));
            }
            writeConfig(directory, config);
            written = true;
        } finally {
            for (FileChannel channel : channels) {
                channel.close();
            }
            for (Path name : names) {
                if (!written) {
                    Files.deleteIfExists(unfinished(name));
                }
            }
        }
    }

    private static Path unfinished(Path file) {
        return file.resolveSibling(file.getFileName() + ".part");
    }

    private static FileChannel begin(Path unfinished) throws IOException {
        deleteAtExit(unfinished);
        return FileChannel.open(
                unfinished,
                StandardOpenOption.CREATE,
                StandardOpenOption.WRITE,
                StandardOpenOption.TRUNCATE_EXISTING);
    }

    /** For Ctrl-C; what has got another name or is gone by then stays as it is. */
    private static void deleteAtExit(Path file) {
        file.toFile().deleteOnExit();
    }

    private static void requireRoom(Path folder, long needed) throws IOException {
        long free = Files.getFileStore(folder).getUsableSpace();
        if (needed > free) {
            throw new IOException(
                    "%s: random weights take %,d bytes, but only %,d are free; free some space, or choose another folder"
                            .formatted(folder, needed, free));
        }
    }

    /** In the order of the model; every tensor begins a step behind the one before of its kind. */
    private static List<Drawn> tensors(BaichuanConfig config) {
        long hidden = config.hidden();
        long intermediate = config.intermediate();
        long vocabulary = config.vocabulary();
        Tensors all = new Tensors();
        all.add("model.embed_tokens.weight", Kind.EMBEDDING, vocabulary, hidden);
        for (int n = 0; n < config.layers(); n++) {
            String layer = "model.layers." + n + ".";
            all.add(layer + "input_layernorm.weight", Kind.NORM, hidden);
            all.add(layer + "self_attn.W_pack.weight", Kind.KEEPING, 3 * hidden, hidden);
            all.add(layer + "self_attn.o_proj.weight", Kind.ATTENTION_OUT, hidden, hidden);
            all.add(layer + "post_attention_layernorm.weight", Kind.NORM, hidden);
            all.add(layer + "mlp.gate_proj.weight", Kind.KEEPING, intermediate, hidden);
            all.add(layer + "mlp.up_proj.weight", Kind.KEEPING, intermediate, hidden);
            all.add(layer + "mlp.down_proj.weight", Kind.MLP_OUT, hidden, intermediate);
        }
        all.add("model.norm.weight", Kind.NORM, hidden);
        all.add("v_head.summary.weight", Kind.KEEPING, 1, hidden);
        all.add("v_head.summary.bias", Kind.BIAS, 1);
        all.add(LM_HEAD, Kind.KEEPING, vocabulary, hidden);
        return all.list;
    }

    private static final class Tensors {

        private final List<Drawn> list = new ArrayList<>();
        private final Map<Kind, Long> next = new EnumMap<>(Kind.class);

        void add(String name, Kind kind, long... shape) {
            long first = next.merge(kind, STEP, Long::sum) - STEP;
            list.add(new Drawn(name, kind, Arrays.stream(shape).boxed().toList(), first));
        }
    }

    private static List<List<Drawn>> shards(List<Drawn> tensors, long shardBytes) {
        List<List<Drawn>> shards = new ArrayList<>();
        List<Drawn> shard = new ArrayList<>();
        long bytes = 0;
        for (Drawn tensor : tensors) {
            if (!shard.isEmpty() && bytes + tensor.bytes() > shardBytes) {
                shards.add(shard);
                shard = new ArrayList<>();
                bytes = 0;
            }
            shard.add(tensor);
            bytes += tensor.bytes();
        }
        shards.add(shard);
        return shards;
    }

    private static void writeConfig(Path directory, BaichuanConfig config) throws IOException {
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
        Files.write(
                directory.resolve(CONFIG),
                mapper.writerWithDefaultPrettyPrinter().writeValueAsBytes(json));
    }

    private static byte[] index(List<List<Drawn>> shards, List<Path> names) throws IOException {
        ObjectMapper mapper = new ObjectMapper();
        ObjectNode json = mapper.createObjectNode();
        long bytes = shards.stream().flatMap(List::stream).mapToLong(Drawn::bytes).sum();
        json.putObject("metadata").put("total_size", bytes);
        ObjectNode map = json.putObject("weight_map");
        for (int n = 0; n < shards.size(); n++) {
            String name = String.valueOf(names.get(n).getFileName());
            shards.get(n).forEach(tensor -> map.put(tensor.name, name));
        }
        return mapper.writerWithDefaultPrettyPrinter().writeValueAsBytes(json);
    }

    /** Length in 8 bytes, then JSON, padded so that the data begin at a multiple of 8. */
    private static ByteBuffer header(List<Drawn> tensors) throws IOException {
        ObjectMapper mapper = new ObjectMapper();
        ObjectNode json = mapper.createObjectNode();
        long offset = 0;
        for (Drawn tensor : tensors) {
            ObjectNode entry = json.putObject(tensor.name);
            entry.put("dtype", "BF16");
            tensor.shape.forEach(entry.putArray("shape")::add);
            entry.putArray("data_offsets").add(offset).add(offset += tensor.bytes());
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
}
