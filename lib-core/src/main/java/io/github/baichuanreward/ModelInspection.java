package io.github.baichuanreward;

import io.github.baichuanreward.backend.BackendChoice;
import io.github.baichuanreward.checkpoint.CheckpointException;
import io.github.baichuanreward.model.BaichuanConfig;
import io.github.baichuanreward.model.BaichuanWeights;
import io.github.baichuanreward.model.ValueHead;
import io.github.baichuanreward.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a model directory holds and where it would run, found without loading the weights.
 *
 * @param weights how the weights are stored: format, number of files, types of the tensors
 * @param sizes the model's sizes, by their names in config.json
 * @param parameters numbers in all tensors that scoring reads, adapters included
 * @param bytes of those tensors, as they lie on disk
 * @param head the value head
 * @param backends those on the class path, the most preferred first
 * @param noBackend why none of them would be taken, and what to do; null if one would
 * @param tokenizer what scoring texts would use
 */
public record ModelInspection(
        String weights,
        Map<String, Number> sizes,
        long parameters,
        long bytes,
        Head head,
        List<BackendChoice.Candidate> backends,
        @Nullable String noBackend,
        TokenizerState tokenizer) {

    /**
     * The value head.
     *
     * @param source file and tensor
     * @param mean of the weights
     * @param standardDeviation of the weights
     * @param bias what is added
     * @param looksUntrained whether weights and bias could be those that PyTorch draws for a new
     *     layer: such rewards are noise
     */
    public record Head(
            String source,
            double mean,
            double standardDeviation,
            float bias,
            boolean looksUntrained) {}

    /**
     * The tokenizer.
     *
     * @param pieces how many it knows; 0 if it cannot be used
     * @param problem why texts cannot be scored, only token ids; null if they can
     */
    public record TokenizerState(int pieces, @Nullable String problem) {}

    /**
     * Looks at a model directory as {@link RewardModel#load(Path, LoadOptions)} would.
     *
     * @throws CheckpointException if the directory cannot be loaded for what is in it; the message
     *     is that of loading
     */
    public static ModelInspection of(Path directory, LoadOptions options)
            throws CheckpointException {
        BaichuanWeights weights = BaichuanWeights.open(directory, options.adapters());
        BackendChoice choice = BackendChoice.of(options.backend(), options.request(weights));
        ValueHead head = weights.valueHead();
        return new ModelInspection(
                weights.format() + ", " + String.join(" and ", weights.types()),
                sizes(weights.config()),
                weights.parameters(),
                weights.bytes(),
                new Head(
                        head.source(),
                        head.mean(),
                        head.standardDeviation(),
                        head.bias(),
                        head.looksUntrained()),
                choice.candidates(),
                choice.failure(),
                tokenizer(directory, weights.config()));
    }

    static Map<String, Number> sizes(BaichuanConfig config) {
        Map<String, Number> sizes = new LinkedHashMap<>();
        sizes.put("vocab_size", config.vocabulary());
        sizes.put("hidden_size", config.hidden());
        sizes.put("intermediate_size", config.intermediate());
        sizes.put("num_hidden_layers", config.layers());
        sizes.put("num_attention_heads", config.heads());
        sizes.put("model_max_length", config.maxLength());
        sizes.put("rms_norm_eps", config.rmsNormEps());
        return Collections.unmodifiableMap(sizes);
    }

    private static TokenizerState tokenizer(Path directory, BaichuanConfig config) {
        try (Tokenizer tokenizer = TokenizerFile.load(directory, config)) {
            return new TokenizerState(tokenizer.vocabularySize(), null);
        } catch (IOException e) {
            return new TokenizerState(0, String.valueOf(e.getMessage()));
        }
    }
}
