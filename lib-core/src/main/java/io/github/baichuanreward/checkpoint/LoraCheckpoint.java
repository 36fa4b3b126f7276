package io.github.baichuanreward.checkpoint;

import static io.github.baichuanreward.checkpoint.CheckpointException.quote;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A LoRA adapter in the layout of peft: {@code adapter_config.json} and {@code adapter_model.bin}
 * or {@code .safetensors}.
 *
 * <p>For each module that it adapts it holds a {@link Delta}: the module's weight is to be {@code W
 * + scale * B A}. Anything in the adapter that would make the sum another one (DoRA, ranks of
 * single modules, biases, whole modules saved beside it) is refused, because leaving it out would
 * change results unseen.
 *
 * <p>Opening reads headers only. Immutable, for use by many threads, holds no open file.
 */
public final class LoraCheckpoint {

    /**
     * What is added to one module's weight: {@code scale * b a}.
     *
     * @param a {@code [rank, in]}
     * @param b {@code [out, rank]}
     * @param scale {@code lora_alpha / r}, or {@code lora_alpha / sqrt(r)} with {@code use_rslora}
     */
    public record Delta(Tensor a, Tensor b, float scale) {

        /** Rows of {@code a} and columns of {@code b}. */
        public int rank() {
            return (int) a.shape()[0];
        }
    }

    private static final String CONFIG = "adapter_config.json";

    private static final List<String> WEIGHTS =
            List.of("adapter_model.safetensors", "adapter_model.bin");

    /** Longest configuration; real ones have about 500 bytes. */
    private static final int MAX_CONFIG_BYTES = 1 << 20;

    /**
     * peft wraps the model twice, and newer versions keep the adapter's name, {@code default}, in
     * some files.
     */
    private static final Pattern KEY =
            Pattern.compile(
                    "base_model\\.model\\.(.+)\\.lora_([AB])(?:\\.[A-Za-z0-9_-]+)?\\.weight");

    /** What target_modules says instead of names. */
    private static final String ALL_LINEAR = "all-linear";

    /** A module's name with a layer's number in it. */
    private static final Pattern NUMBERED = Pattern.compile("(^|\\.)\\d+\\.");

    /** Ways to draw the matrices that leave the model's weights as they are. */
    private static final Set<String> HARMLESS_STARTS = Set.of("gaussian", "eva", "orthogonal");

    /**
     * Value heads that some versions of TRL, and peft with a sequence classifier, leave here; they
     * are no part of the adapter.
     */
    private static final List<String> VALUE_HEADS = List.of("v_head.", "base_model.model.score.");

    private final Path path;
    private final boolean everyLayer;
    private final Map<String, Delta> deltas;

    private LoraCheckpoint(Path path, boolean everyLayer, Map<String, Delta> deltas) {
        this.path = path;
        this.everyLayer = everyLayer;
        this.deltas = Collections.unmodifiableMap(deltas);
    }

    /**
     * Opens an adapter directory.
     *
     * @throws CheckpointException if a file is missing or damaged, if the adapter is of another
     *     kind than plain LoRA, if a module lacks one of its two matrices or they do not fit each
     *     other; names the file and the field or tensor
     */
    public static LoraCheckpoint open(Path directory) throws CheckpointException {
        if (!Files.isDirectory(directory)) {
            throw new CheckpointException(
                    directory + ": no such directory; give the one that holds " + CONFIG);
        }
        Config config = Config.read(directory.resolve(CONFIG));
        for (String name : WEIGHTS) {
            Path file = directory.resolve(name);
            if (Files.exists(file) || Files.isSymbolicLink(file)) {
                return new LoraCheckpoint(
                        directory, config.everyLayer, deltas(Checkpoint.openFile(file), config));
            }
        }
        throw new CheckpointException(
                directory + ": holds no adapter weights; looked for " + String.join(", ", WEIGHTS));
    }

    /** The directory that was opened. */
    public Path path() {
        return path;
    }

    /** Whether the adapter means every layer of the model, and not some that it lists. */
    public boolean everyLayer() {
        return everyLayer;
    }

    /**
     * The adapted modules by their name in the model, such as {@code model.layers.0.mlp.up_proj}.
     */
    public Map<String, Delta> deltas() {
        return deltas;
    }

    private static Map<String, Delta> deltas(Checkpoint checkpoint, Config config)
            throws CheckpointException {
        Map<String, Tensor> a = new TreeMap<>();
        Map<String, Tensor> b = new TreeMap<>();
        List<String> problems = new ArrayList<>();
        for (String name : checkpoint.names()) {
            Matcher matcher = KEY.matcher(name);
            if (matcher.matches()) {
                Map<String, Tensor> side = matcher.group(2).equals("A") ? a : b;
                Tensor tensor = checkpoint.find(name);
                if (tensor != null && side.put(matcher.group(1), tensor) != null) {
                    problems.add(quote(name) + " is there under two names");
                }
            } else if (VALUE_HEADS.stream().noneMatch(name::startsWith)) {
                problems.add(quote(name) + " is not a LoRA matrix of a linear layer");
            }
        }
        Map<String, Delta> deltas = new LinkedHashMap<>();
        for (Map.Entry<String, Tensor> entry : a.entrySet()) {
            String module = entry.getKey();
            Tensor other = b.remove(module);
            String problem = problem(entry.getValue(), other, config.rank);
            if (problem != null) {
                problems.add(quote(module) + " " + problem);
            } else if (other != null) {
                deltas.put(module, new Delta(entry.getValue(), other, config.scale));
            }
        }
        b.keySet().forEach(module -> problems.add(quote(module) + " has lora_B but no lora_A"));
        if (!problems.isEmpty()) {
            int more = problems.size() - Math.min(problems.size(), 10);
            throw new CheckpointException(
                    checkpoint.path()
                            + ": "
                            + String.join("; ", problems.subList(0, problems.size() - more))
                            + (more > 0 ? "; and " + more + " more" : ""));
        }
        if (deltas.isEmpty()) {
            throw new CheckpointException(checkpoint.path() + ": holds no LoRA matrices");
        }
        return deltas;
    }

    private static @Nullable String problem(Tensor a, @Nullable Tensor b, int rank) {
        if (b == null) {
            return "has lora_A but no lora_B";
        }
        if (!a.dtype().isFloat() || !b.dtype().isFloat()) {
            return "has matrices of " + a.dtype() + " and " + b.dtype();
        }
        boolean fits =
                a.shape().length == 2
                        && b.shape().length == 2
                        && a.shape()[0] == rank
                        && b.shape()[1] == rank;
        return fits
                ? null
                : "has lora_A %s and lora_B %s; r is %d in %s"
                        .formatted(
                                Arrays.toString(a.shape()),
                                Arrays.toString(b.shape()),
                                rank,
                                CONFIG);
    }

    /** What of adapter_config.json decides the sum. */
    private record Config(int rank, float scale, boolean everyLayer) {

        static Config read(Path path) throws CheckpointException {
            JsonNode json = parse(path);
            require(path, json, "peft_type", "LORA");
            require(path, json, "fan_in_fan_out", "false");
            require(path, json, "bias", "none");
            require(path, json, "use_dora", "false");
            requireAbsent(path, json, "layer_replication");
            requireAbsent(path, json, "alora_invocation_tokens");
            requireModelAsItWas(path, json);
            requireEmpty(path, json, "rank_pattern");
            requireEmpty(path, json, "alpha_pattern");
            JsonNode rank = json.path("r");
            if (!rank.isInt() || rank.intValue() < 1) {
                throw new CheckpointException(
                        path + ": r is " + shown(rank) + "; a positive integer is needed");
            }
            JsonNode alpha = json.path("lora_alpha");
            if (!alpha.isNumber() || !Double.isFinite(alpha.doubleValue())) {
                throw new CheckpointException(
                        path + ": lora_alpha is " + shown(alpha) + "; a number is needed");
            }
            double divisor =
                    json.path("use_rslora").asBoolean(false)
                            ? Math.sqrt(rank.intValue())
                            : rank.intValue();
            return new Config(
                    rank.intValue(),
                    (float) (alpha.doubleValue() / divisor),
                    meansEveryLayer(json));
        }

        /**
         * Names of modules stand for those of every layer, unless they have a layer's number in
         * them; what an expression stands for is not found out.
         */
        private static boolean meansEveryLayer(JsonNode json) {
            JsonNode targets = json.path("target_modules");
            boolean named = !targets.isTextual() || targets.textValue().equals(ALL_LINEAR);
            for (JsonNode target : targets) {
                named &= !NUMBERED.matcher(target.asText()).find();
            }
            return named
                    && isAbsent(json.path("layers_to_transform"))
                    && isEmpty(json.path("exclude_modules"));
        }

        private static JsonNode parse(Path path) throws CheckpointException {
            try (SourceFile file = SourceFile.open(path)) {
                if (file.size() > MAX_CONFIG_BYTES) {
                    throw file.error(file.size() + " bytes are above the limit of 1 MiB");
                }
                JsonNode json =
                        new ObjectMapper()
                                .readTree(
                                        StrictJson.parser(
                                                file.read(0, (int) file.size(), "adapter")));
                if (json == null || !json.isObject()) {
                    throw file.error("is not a JSON object");
                }
                return json;
            } catch (JsonProcessingException e) {
                throw new CheckpointException(
                        path + ": is not valid JSON: " + StrictJson.reason(e), e);
            } catch (CheckpointException e) {
                throw e;
            } catch (IOException e) {
                throw SourceFile.unreadable(path, e);
            }
        }

        /**
         * A field that says something else would mean another sum; one that is absent means this.
         */
        private static void require(Path path, JsonNode json, String field, String value)
                throws CheckpointException {
            JsonNode node = json.path(field);
            if (!isAbsent(node) && !node.asText().equals(value)) {
                throw new CheckpointException(
                        "%s: %s is %s; only adapters with %s are read"
                                .formatted(path, field, shown(node), value));
            }
        }

        private static void requireAbsent(Path path, JsonNode json, String field)
                throws CheckpointException {
            JsonNode node = json.path(field);
            if (!isAbsent(node)) {
                throw new CheckpointException(
                        "%s: %s is %s; only adapters without it are read"
                                .formatted(path, field, shown(node)));
            }
        }

        /**
         * PiSSA and its like take from the model's weights what the adapter begins with, so the
         * matrices belong to a model that is nowhere stored.
         */
        private static void requireModelAsItWas(Path path, JsonNode json)
                throws CheckpointException {
            JsonNode start = json.path("init_lora_weights");
            if (start.isTextual() && !HARMLESS_STARTS.contains(start.textValue())) {
                throw new CheckpointException(
                        ("%s: init_lora_weights is %s, which changes the model's own weights; convert"
                                        + " the adapter with path_initial_model_for_weight_conversion"
                                        + " of peft's save_pretrained, or merge it")
                                .formatted(path, shown(start)));
            }
        }

        private static void requireEmpty(Path path, JsonNode json, String field)
                throws CheckpointException {
            if (!json.path(field).isEmpty()) {
                throw new CheckpointException(
                        "%s: %s gives single modules numbers of their own, which is not read; merge"
                                        .formatted(path, field)
                                + " the adapter with peft and save the whole model");
            }
        }

        private static boolean isEmpty(JsonNode node) {
            return node.isTextual() ? node.textValue().isEmpty() : node.isEmpty();
        }

        private static boolean isAbsent(JsonNode node) {
            return node.isMissingNode() || node.isNull();
        }

        private static String shown(JsonNode node) {
            return node.isMissingNode() ? "missing" : node.toString();
        }
    }
}
