package io.github.baichuanreward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.offset;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.baichuanreward.checkpoint.CheckpointException;
import io.github.baichuanreward.model.BaichuanWeights;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A tiny model with what the original modelling code computes for it in float64; see the README
 * beside the files for how they were made.
 */
public final class Golden {

    /** Cases that lie in this repository. */
    public static final List<String> INSIDE =
            List.of(
                    "tiny-a",
                    "tiny-b",
                    "tiny-eps",
                    "tiny-fp16",
                    "tiny-odd",
                    "tiny-st2",
                    "tiny-views",
                    "tiny-a-lora",
                    "tiny-b-lora");

    /** Cases that are too large for it: forty heads, and heads of 128. */
    public static final List<String> OUTSIDE = List.of("tiny-40h", "small-128");

    /**
     * Largest distance of a float32 backend from {@code reward_f64}. The original's own float32 is
     * off by up to 8.7e-6; a wrong slope rule, a swapped gate or an interleaved QKV by 0.08 and
     * more.
     */
    public static final double FLOAT32_REWARD = 2e-5;

    /**
     * One sequence.
     *
     * @param id its name
     * @param ids its tokens
     * @param reward float64 reward at its last token
     * @param lastHidden final-normed hidden state of its last token, empty where not recorded
     * @param original the same reward from the original code in float32, NaN where not recorded
     * @param originalBfloat16 in bfloat16, on weights of that type; NaN for others
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    public record Case(
            String id,
            int[] ids,
            double reward,
            double[] lastHidden,
            double original,
            double originalBfloat16) {}

    /**
     * Every stage of one short sequence, all tokens.
     *
     * @param ids {@code [tokens]}
     * @param embeddings {@code [tokens][hidden]}
     * @param layerOutputs {@code [layers][tokens][hidden]}, before the final norm
     * @param finalNorm {@code [tokens][hidden]}
     * @param rewards {@code [tokens]}
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    public record Trace(
            int[] ids,
            double[][] embeddings,
            double[][][] layerOutputs,
            double[][] finalNorm,
            double[] rewards) {}

    /**
     * Fails at the first element of a stage that is too far from the reference.
     *
     * @param stage its name
     * @param actual {@code [tokens, width]}
     * @param expected {@code [tokens][width]}
     * @param share of the largest expected value that an element may be off by
     */
    public static void requireClose(
            String stage, float[] actual, double[][] expected, double share) {
        double largest = 0;
        for (double[] row : expected) {
            for (double value : row) {
                largest = Math.max(largest, Math.abs(value));
            }
        }
        for (int t = 0; t < expected.length; t++) {
            int width = expected[t].length;
            for (int c = 0; c < width; c++) {
                assertThat((double) actual[t * width + c])
                        .as("%s, token %d, column %d", stage, t, c)
                        .isCloseTo(expected[t][c], offset(share * largest));
            }
        }
    }

    private final String name;
    private final Path directory;
    private final JsonNode expected;

    private Golden(String name, Path directory) {
        this.name = name;
        this.directory = directory;
        try {
            this.expected =
                    new ObjectMapper()
                            .readTree(Files.readAllBytes(directory.resolve("expected.json")));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Names of all cases, for parameterized tests. */
    public static List<String> names() {
        List<String> names = new ArrayList<>(INSIDE);
        names.addAll(OUTSIDE);
        return names;
    }

    /** Reads a case; the calling test is skipped where it lies outside and is missing. */
    public static Golden read(String name) {
        if (OUTSIDE.contains(name)) {
            return new Golden(name, TestData.external("golden/" + name));
        }
        return new Golden(name, inside(name));
    }

    private static Path inside(String name) {
        return TestData.inside("lib-core/src/test/resources/golden/" + name);
    }

    /** Its name. */
    public String name() {
        return name;
    }

    /** The model directory; the base model's where this is an adapter. */
    public Path model() {
        JsonNode base = expected.path("base");
        return base.isMissingNode() ? directory : directory.resolve(base.asText()).normalize();
    }

    /** Adapter directories to put on the model; none or one. */
    public List<Path> adapters() {
        return expected.has("base") ? List.of(directory) : List.of();
    }

    /** The model with its adapter, if it has one. */
    public BaichuanWeights open() throws CheckpointException {
        return BaichuanWeights.open(model(), adapters());
    }

    /** The single sequences. */
    public List<Case> cases() {
        List<Case> cases = new ArrayList<>();
        for (JsonNode node : expected.get("cases")) {
            cases.add(
                    new Case(
                            node.get("id").asText(),
                            ints(node.get("input_ids")),
                            node.get("reward_f64").asDouble(),
                            doubles(node.get("last_hidden_f64")),
                            node.path("reward_f32_upstream").asDouble(Double.NaN),
                            node.path("reward_bf16_upstream_info").asDouble(Double.NaN)));
        }
        return cases;
    }

    /** The sequences that the original ran padded in one batch, here without their padding. */
    public List<Case> padded() {
        JsonNode padding = expected.get("padding");
        List<Case> cases = new ArrayList<>();
        for (int i = 0; i < padding.get("rewards_unpadded_f64").size(); i++) {
            int length = padding.at("/right/last_real_index/" + i).asInt() + 1;
            int[] ids = Arrays.copyOf(ints(padding.at("/right/input_ids/" + i)), length);
            double reward = padding.at("/rewards_unpadded_f64/" + i).asDouble();
            cases.add(new Case("padded-" + i, ids, reward, new double[0], Double.NaN, Double.NaN));
        }
        return cases;
    }

    /** Every stage of one sequence. */
    public Trace trace() {
        JsonNode trace = expected.get("trace");
        JsonNode layers = trace.get("layer_outputs");
        double[][][] outputs = new double[layers.size()][][];
        for (int n = 0; n < outputs.length; n++) {
            outputs[n] = rows(layers.get(n));
        }
        return new Trace(
                ints(trace.get("input_ids")),
                rows(trace.get("embeddings")),
                outputs,
                rows(trace.get("final_norm")),
                doubles(trace.get("rewards_all_tokens_f64")));
    }

    private static double[][] rows(JsonNode node) {
        double[][] rows = new double[node.size()][];
        for (int r = 0; r < rows.length; r++) {
            rows[r] = doubles(node.get(r));
        }
        return rows;
    }

    private static double[] doubles(JsonNode node) {
        double[] values = new double[node.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = node.get(i).asDouble();
        }
        return values;
    }

    private static int[] ints(JsonNode node) {
        int[] values = new int[node.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = node.get(i).asInt();
        }
        return values;
    }
}
