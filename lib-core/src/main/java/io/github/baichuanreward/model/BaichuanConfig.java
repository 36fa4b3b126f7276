package io.github.baichuanreward.model;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.baichuanreward.checkpoint.CheckpointException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The sizes of a Baichuan model with ALiBi, as its {@code config.json} gives them.
 *
 * @param vocabulary rows of the embedding ({@code vocab_size})
 * @param hidden width of the residual stream ({@code hidden_size}), divisible by {@code heads}
 * @param intermediate width of the gated layer ({@code intermediate_size})
 * @param layers decoder layers ({@code num_hidden_layers})
 * @param heads attention heads ({@code num_attention_heads}), every one with keys and values of its
 *     own
 * @param maxLength most tokens of one sequence ({@code model_max_length})
 * @param rmsNormEps added to the mean square before the root ({@code rms_norm_eps})
 */
public record BaichuanConfig(
        int vocabulary,
        int hidden,
        int intermediate,
        int layers,
        int heads,
        int maxLength,
        float rmsNormEps) {

    private static final String FILE = "config.json";

    /** Width and depth that both 7B models share and no 13B model has; those two are rotary. */
    private static final int ROTARY_HIDDEN = 4096;

    private static final int ROTARY_LAYERS = 32;

    /**
     * Reads {@code config.json} of a model directory.
     *
     * @throws CheckpointException if the file is missing or not JSON, if a field is missing or out
     *     of range, or if the model is of another kind; names the file, the field and what it holds
     */
    public static BaichuanConfig read(Path directory) throws CheckpointException {
        Path file = directory.resolve(FILE);
        JsonNode json = parse(file);
        requireAlibi(file, json);
        BaichuanConfig config =
                new BaichuanConfig(
                        positive(file, json, "vocab_size"),
                        positive(file, json, "hidden_size"),
                        positive(file, json, "intermediate_size"),
                        positive(file, json, "num_hidden_layers"),
                        positive(file, json, "num_attention_heads"),
                        positive(file, json, "model_max_length"),
                        epsilon(file, json));
        if (config.hidden % config.heads != 0) {
            throw new CheckpointException(
                    "%s: hidden_size %d is not divisible by num_attention_heads %d"
                            .formatted(file, config.hidden, config.heads));
        }
        if (config.hidden == ROTARY_HIDDEN && config.layers == ROTARY_LAYERS) {
            throw rotary(file);
        }
        return config;
    }

    /** Width of one attention head. */
    public int headDim() {
        return hidden / heads;
    }

    /**
     * ALiBi's slopes, one per head.
     *
     * <p>With {@code p} the largest power of two not above {@code heads}, head {@code k < p} has
     * {@code 2^(-8(k+1)/p)} and head {@code k >= p} has {@code 2^(-4(2(k-p)+1)/p)}; the later ones
     * stand behind the others and are not sorted in between (Press et al. 2021, and the original
     * modelling code, which gives the same values up to 52 heads to 1e-16).
     */
    public float[] slopes() {
        int power = Integer.highestOneBit(heads);
        float[] slopes = new float[heads];
        for (int head = 0; head < heads; head++) {
            double exponent =
                    head < power
                            ? -8.0 * (head + 1) / power
                            : -4.0 * (2 * (head - power) + 1) / power;
            slopes[head] = (float) Math.pow(2.0, exponent);
        }
        return slopes;
    }

    private static JsonNode parse(Path file) throws CheckpointException {
        if (!Files.isRegularFile(file)) {
            throw new CheckpointException(
                    file
                            + ": no such file; a model directory holds config.json beside its weights");
        }
        try {
            JsonNode json = new ObjectMapper().readTree(Files.readAllBytes(file));
            if (!json.isObject()) {
                throw new CheckpointException(file + ": not a JSON object");
            }
            return json;
        } catch (JacksonException e) {
            throw new CheckpointException(file + ": not JSON: " + e.getOriginalMessage(), e);
        } catch (CheckpointException e) {
            throw e;
        } catch (IOException e) {
            throw new CheckpointException(file + ": cannot be read: " + e, e);
        }
    }

    private static void requireAlibi(Path file, JsonNode json) throws CheckpointException {
        String type = json.path("model_type").asText("");
        if (!type.equals("baichuan")) {
            throw new CheckpointException(
                    "%s: model_type is \"%s\"; only \"baichuan\" models of 13B's architecture are read"
                            .formatted(file, type));
        }
        for (JsonNode architecture : json.path("architectures")) {
            // The 7B of the first generation writes its class with a capital C.
            if (architecture.asText().startsWith("BaiChuan")) {
                throw rotary(file);
            }
        }
        String activation = json.path("hidden_act").asText("silu");
        if (!activation.equals("silu")) {
            throw new CheckpointException(
                    "%s: hidden_act is \"%s\"; Baichuan's gated layer uses \"silu\""
                            .formatted(file, activation));
        }
    }

    private static CheckpointException rotary(Path file) {
        return new CheckpointException(
                file
                        + ": a Baichuan 7B model; its rotary position embedding is not supported, only"
                        + " the ALiBi of the 13B models");
    }

    private static int positive(Path file, JsonNode json, String field) throws CheckpointException {
        JsonNode value = json.path(field);
        if (!value.isIntegralNumber() || !value.canConvertToInt() || value.intValue() < 1) {
            throw new CheckpointException(
                    "%s: %s is %s; a positive integer is needed"
                            .formatted(file, field, shown(value)));
        }
        return value.intValue();
    }

    private static float epsilon(Path file, JsonNode json) throws CheckpointException {
        JsonNode value = json.path("rms_norm_eps");
        float epsilon = value.isNumber() ? value.floatValue() : Float.NaN;
        if (!(epsilon > 0 && epsilon < 1)) {
            throw new CheckpointException(
                    "%s: rms_norm_eps is %s; a number between 0 and 1 is needed"
                            .formatted(file, shown(value)));
        }
        return epsilon;
    }

    private static String shown(JsonNode value) {
        return value.isMissingNode() ? "missing" : value.toString();
    }
}
