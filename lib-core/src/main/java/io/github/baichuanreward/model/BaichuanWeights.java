package io.github.baichuanreward.model;

import io.github.baichuanreward.checkpoint.Checkpoint;
import io.github.baichuanreward.checkpoint.CheckpointException;
import io.github.baichuanreward.checkpoint.DType;
import io.github.baichuanreward.checkpoint.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The tensors of a Baichuan reward model by their place in the model: names, shapes and layers are
 * known here and nowhere else.
 *
 * <p>Opening checks every tensor that the forward pass needs and reads none but the value head, so
 * a directory of 26 GB opens as fast as a small one. All projections are {@code y = x W^T} with
 * {@code W} row-major, without bias. {@code lm_head} is not looked at: a reward does not need it.
 *
 * <p>Immutable; holds descriptions of tensors, no native memory.
 */
public final class BaichuanWeights {

    /**
     * One decoder layer.
     *
     * @param inputNorm {@code [hidden]}
     * @param qkv {@code [3 * hidden, hidden]}: rows of Q, then of K, then of V
     * @param outProj {@code [hidden, hidden]}
     * @param postNorm {@code [hidden]}
     * @param gate {@code [intermediate, hidden]}
     * @param up {@code [intermediate, hidden]}
     * @param down {@code [hidden, intermediate]}
     */
    public record Layer(
            Tensor inputNorm,
            Projection qkv,
            Projection outProj,
            Tensor postNorm,
            Projection gate,
            Projection up,
            Projection down) {

        /** All that rows are multiplied with, in the order of use. */
        public Stream<Projection> projections() {
            return Stream.of(qkv, outProj, gate, up, down);
        }

        Stream<Tensor> tensors() {
            return Stream.concat(
                    Stream.of(inputNorm, postNorm), projections().flatMap(Projection::tensors));
        }
    }

    /** What DeepSpeed's third stage puts before the name of every tensor of the wrapped model. */
    private static final String WRAPPED = "pretrained_model.";

    private static final String LAYERS = "model.layers.";

    /** More than these are counted, not listed: a wrong config.json makes hundreds. */
    private static final int LISTED = 12;

    private final BaichuanConfig config;
    private final String format;
    private final Tensor embedding;
    private final List<Layer> layers;
    private final Tensor finalNorm;
    private final ValueHead valueHead;

    private BaichuanWeights(
            BaichuanConfig config,
            String format,
            Tensor embedding,
            List<Layer> layers,
            Tensor finalNorm,
            ValueHead valueHead) {
        this.config = config;
        this.format = format;
        this.embedding = embedding;
        this.layers = layers;
        this.finalNorm = finalNorm;
        this.valueHead = valueHead;
    }

    /**
     * Opens a model directory in the layout of Hugging Face: {@code config.json}, weights, value
     * head.
     *
     * @see #open(Path, List)
     */
    public static BaichuanWeights open(Path directory) throws CheckpointException {
        return open(directory, List.of());
    }

    /**
     * Opens a model directory with LoRA adapters on top, which are added in their order.
     *
     * @param directory {@code config.json} and weights; without adapters also the value head
     * @param adapters adapter directories; the value head is the last one's, as
     *     LLaMA-Efficient-Tuning loads them
     * @throws CheckpointException if a file is missing or damaged, if the value head is nowhere, or
     *     if tensors are missing, unexpected, of another shape or not floating point; names all of
     *     them at once
     */
    public static BaichuanWeights open(Path directory, List<Path> adapters)
            throws CheckpointException {
        BaichuanConfig config = BaichuanConfig.read(directory);
        Checkpoint checkpoint = Checkpoint.open(directory);
        return open(
                config,
                checkpoint,
                Deltas.open(adapters),
                () ->
                        adapters.isEmpty()
                                ? ValueHeadFinder.find(directory, checkpoint, config.hidden())
                                : ValueHeadFinder.find(
                                        adapters.get(adapters.size() - 1), null, config.hidden()));
    }

    /** A model whose tensors, value head included, are all in one checkpoint. */
    static BaichuanWeights of(BaichuanConfig config, Checkpoint checkpoint)
            throws CheckpointException {
        return open(
                config,
                checkpoint,
                Deltas.open(List.of()),
                () -> ValueHeadFinder.find(checkpoint, config.hidden()));
    }

    /** Looked for last: wrong tensors are the more telling message. */
    private interface HeadSearch {
        ValueHead find() throws CheckpointException;
    }

    private static BaichuanWeights open(
            BaichuanConfig config, Checkpoint checkpoint, Deltas deltas, HeadSearch head)
            throws CheckpointException {
        int tensors = checkpoint.names().size();
        if (config.layers() > tensors) {
            // A senseless number would fill the heap with the names of what is missing.
            throw new CheckpointException(
                    "%s: holds %d tensors, but config.json says num_hidden_layers is %d"
                            .formatted(checkpoint.path(), tensors, config.layers()));
        }
        Finder finder = new Finder(checkpoint, deltas);
        int hidden = config.hidden();
        int intermediate = config.intermediate();

        Tensor embedding = finder.find("model.embed_tokens.weight", config.vocabulary(), hidden);
        List<Layer> layers = new ArrayList<>();
        for (int n = 0; n < config.layers(); n++) {
            String layer = LAYERS + n + ".";
            layers.add(
                    new Layer(
                            finder.find(layer + "input_layernorm.weight", hidden),
                            finder.projection(layer + "self_attn.W_pack", 3L * hidden, hidden),
                            finder.projection(layer + "self_attn.o_proj", hidden, hidden),
                            finder.find(layer + "post_attention_layernorm.weight", hidden),
                            finder.projection(layer + "mlp.gate_proj", intermediate, hidden),
                            finder.projection(layer + "mlp.up_proj", intermediate, hidden),
                            finder.projection(layer + "mlp.down_proj", hidden, intermediate)));
        }
        Tensor finalNorm = finder.find("model.norm.weight", hidden);
        finder.finish();
        deltas.requireAllUsed(config);

        return new BaichuanWeights(
                config,
                checkpoint.format(),
                embedding,
                List.copyOf(layers),
                finalNorm,
                head.find());
    }

    /** The sizes that every tensor here was checked against. */
    public BaichuanConfig config() {
        return config;
    }

    /** How the weights are stored, in words. */
    public String format() {
        return format;
    }

    /** {@code [vocabulary, hidden]}. */
    public Tensor embedding() {
        return embedding;
    }

    /** The decoder layers, first to last. */
    public List<Layer> layers() {
        return layers;
    }

    /** {@code [hidden]}. */
    public Tensor finalNorm() {
        return finalNorm;
    }

    /** The map from the last hidden state to the reward. */
    public ValueHead valueHead() {
        return valueHead;
    }

    /** The same with a value head whose numbers are rounded to float16. */
    public BaichuanWeights withHalfValueHead() {
        return new BaichuanWeights(
                config, format, embedding, layers, finalNorm, valueHead.halved());
    }

    /** Bytes of all tensors that the forward pass reads, as they lie on disk. */
    public long bytes() {
        return tensors().mapToLong(Tensor::bytes).sum();
    }

    /** Numbers in all tensors that the forward pass reads. */
    public long parameters() {
        return tensors().mapToLong(Tensor::elements).sum();
    }

    /** Types of those tensors, the most frequent first. */
    public List<String> types() {
        Map<DType, Long> counts =
                tensors()
                        .collect(
                                Collectors.groupingBy(
                                        Tensor::dtype,
                                        () -> new EnumMap<>(DType.class),
                                        Collectors.counting()));
        return counts.entrySet().stream()
                .sorted(Map.Entry.<DType, Long>comparingByValue().reversed())
                .map(entry -> entry.getKey().name().toLowerCase(Locale.ROOT))
                .toList();
    }

    /** The type that most bytes of the model's own weights have; adapters do not count. */
    public DType storedType() {
        Stream<Tensor> own =
                Stream.concat(
                        Stream.of(embedding),
                        layers.stream().flatMap(Layer::projections).map(Projection::weight));
        Map<DType, Long> bytes =
                own.collect(
                        Collectors.groupingBy(
                                Tensor::dtype,
                                () -> new EnumMap<>(DType.class),
                                Collectors.summingLong(Tensor::bytes)));
        return Collections.max(bytes.entrySet(), Map.Entry.comparingByValue()).getKey();
    }

    private Stream<Tensor> tensors() {
        return Stream.concat(
                Stream.of(embedding, finalNorm), layers.stream().flatMap(Layer::tensors));
    }

    /** Looks tensors up by name, and collects what is wrong so that it is told at once. */
    private static final class Finder {

        private final Checkpoint checkpoint;
        private final Deltas deltas;
        private final Set<String> used = new LinkedHashSet<>();
        private final List<String> problems = new ArrayList<>();

        Finder(Checkpoint checkpoint, Deltas deltas) {
            this.checkpoint = checkpoint;
            this.deltas = deltas;
        }

        /** A projection with what the adapters add to it. */
        Projection projection(String module, long out, long in) throws CheckpointException {
            Tensor weight = find(module + ".weight", out, in);
            return new Projection(weight, deltas.take(module, out, in));
        }

        /** The tensor, or after a problem any tensor at all: {@link #finish} then throws. */
        Tensor find(String name, long... shape) {
            String stored = checkpoint.find(name) != null ? name : WRAPPED + name;
            Tensor tensor = checkpoint.find(stored);
            if (tensor == null) {
                problems.add("missing " + name + " " + Arrays.toString(shape));
                return anyTensor();
            }
            used.add(stored);
            if (!Arrays.equals(tensor.shape(), shape)) {
                problems.add(
                        "%s has shape %s, config.json says %s"
                                .formatted(
                                        stored,
                                        Arrays.toString(tensor.shape()),
                                        Arrays.toString(shape)));
            } else if (!tensor.dtype().isFloat()) {
                problems.add(
                        "%s is %s, not FLOAT32, FLOAT16 or BFLOAT16"
                                .formatted(stored, tensor.dtype()));
            }
            return tensor;
        }

        void finish() throws CheckpointException {
            for (String name : checkpoint.names()) {
                // A bias or a forty-first layer that we left out would change every reward unseen.
                boolean layer = name.startsWith(LAYERS) || name.startsWith(WRAPPED + LAYERS);
                if (layer && !used.contains(name)) {
                    problems.add("unexpected " + name);
                }
            }
            if (!problems.isEmpty()) {
                throw new CheckpointException(message());
            }
        }

        /** There is one, because there are at least as many tensors as layers. */
        private Tensor anyTensor() {
            return Objects.requireNonNull(checkpoint.find(checkpoint.names().iterator().next()));
        }

        private String message() {
            String listed =
                    String.join("; ", problems.subList(0, Math.min(LISTED, problems.size())));
            String rest =
                    problems.size() > LISTED
                            ? "; and %d more".formatted(problems.size() - LISTED)
                            : "";
            return "%s: %d of the model's tensors are wrong: %s%s"
                    .formatted(checkpoint.path(), problems.size(), listed, rest);
        }
    }
}
