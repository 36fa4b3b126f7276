package io.github.baichuanreward;

import io.github.baichuanreward.model.BaichuanConfig;
import io.github.baichuanreward.model.RandomModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Sizes of a Baichuan model whose weights are random: for measuring, without a download.
 *
 * @param layers decoder layers
 * @param hidden width of the residual stream, divisible by {@code heads}
 * @param intermediate width of the gated layer
 * @param heads attention heads
 * @param vocabulary rows of the embedding
 * @param maxLength most tokens of one sequence
 * @see RewardModel#random
 */
public record ModelShape(
        int layers, int hidden, int intermediate, int heads, int vocabulary, int maxLength) {

    private static final float RMS_NORM_EPS = 1e-6f;

    /** One seed for all, so that two machines measure the same model. */
    private static final long SEED = 1;

    /** Checks the sizes. */
    public ModelShape {
        int[] sizes = {layers, hidden, intermediate, heads, vocabulary, maxLength};
        for (int size : sizes) {
            if (size < 1) {
                throw new IllegalArgumentException("a size is " + size + "; all are at least 1");
            }
        }
        if (hidden % heads != 0) {
            throw new IllegalArgumentException(
                    "hidden %d is not divisible by heads %d".formatted(hidden, heads));
        }
    }

    /** The shapes that have a name, the largest first. */
    public static Map<String, ModelShape> named() {
        Map<String, ModelShape> shapes = new LinkedHashMap<>();
        shapes.put("baichuan-13b", new ModelShape(40, 5120, 13696, 40, 64000, 4096));
        shapes.put("788m", new ModelShape(40, 1280, 3424, 10, 4096, 4096));
        shapes.put("tiny", new ModelShape(2, 120, 320, 5, 4096, 4096));
        return shapes;
    }

    /**
     * Writes a model of this shape with random weights in bfloat16: {@code config.json} and
     * safetensors, no tokenizer. It gives the same rewards as {@link RewardModel#random}.
     *
     * @param directory made if it is not there; a model in it is replaced
     * @throws IOException if there is too little room (names both numbers), or the directory cannot
     *     be written to; what is left then is no model
     */
    public void write(Path directory) throws IOException {
        RandomModel.write(directory, config(), SEED);
    }

    /** The sizes by their names in config.json, as {@link ModelInspection#sizes} gives them. */
    public Map<String, Number> sizes() {
        return ModelInspection.sizes(config());
    }

    /** Makes the model in a temporary file, which the caller deletes by closing. */
    RandomModel make(LoadOptions options) throws IOException {
        if (!options.adapters().isEmpty()) {
            throw new IllegalArgumentException("a model of random weights takes no adapters");
        }
        return RandomModel.make(config(), SEED);
    }

    private BaichuanConfig config() {
        return new BaichuanConfig(
                vocabulary, hidden, intermediate, layers, heads, maxLength, RMS_NORM_EPS);
    }
}
