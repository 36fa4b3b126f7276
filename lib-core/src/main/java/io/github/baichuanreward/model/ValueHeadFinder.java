package io.github.baichuanreward.model;

import io.github.baichuanreward.checkpoint.Checkpoint;
import io.github.baichuanreward.checkpoint.CheckpointException;
import io.github.baichuanreward.checkpoint.Tensor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Finds the value head in the places where trainers left it.
 *
 * <p>LLaMA-Efficient-Tuning wrote {@code value_head.bin} with {@code summary.*} (until September
 * 2023), then {@code v_head.summary.*} into {@code pytorch_model.bin}, for some hours into {@code
 * v_head.*}, and since January 2024 into {@code value_head.*}; TRL puts it among the main weights.
 * A file of its own comes first: it was put beside the weights on purpose.
 *
 * <p>A head that is nowhere is an error and never drawn at random: exports of that time lost it,
 * and a random head gives rewards that look real.
 */
final class ValueHeadFinder {

    private static final List<String> OWN_FILES =
            List.of("value_head.safetensors", "value_head.bin", "v_head.safetensors", "v_head.bin");

    /**
     * Files of the main weights' names that hold nothing but the head where others are the main
     * ones.
     */
    private static final List<String> OTHER_FILES =
            List.of(
                    "model.safetensors",
                    "pytorch_model.bin",
                    "adapter_model.safetensors",
                    "adapter_model.bin");

    /** What sequence classification calls it; such a head may have no bias. */
    private static final String CLASSIFIER = "score.";

    /** The same where peft saved it with an adapter. */
    private static final String ADAPTED_CLASSIFIER = "base_model.model." + CLASSIFIER;

    private static final List<String> NAMES =
            List.of("v_head.summary.", "summary.", CLASSIFIER, ADAPTED_CLASSIFIER);

    private ValueHeadFinder() {}

    /**
     * Looks through a directory.
     *
     * @param main the directory's main weights; null for an adapter's directory, which has none
     */
    static ValueHead find(Path directory, @Nullable Checkpoint main, int hidden)
            throws CheckpointException {
        for (String name : OWN_FILES) {
            Path file = directory.resolve(name);
            // A link to nothing was meant to be the head; another one would be the wrong one.
            if (Files.exists(file) || Files.isSymbolicLink(file)) {
                Checkpoint checkpoint = Checkpoint.openFile(file);
                ValueHead head = in(checkpoint, hidden);
                if (head == null) {
                    throw new CheckpointException(
                            "%s: holds none of %s but %s"
                                    .formatted(file, weightNames(), some(checkpoint.names())));
                }
                return head;
            }
        }
        ValueHead head = main == null ? null : in(main, hidden);
        for (String name : OTHER_FILES) {
            Path file = directory.resolve(name);
            if (head == null && Files.exists(file)) {
                head = in(Checkpoint.openFile(file), hidden);
            }
        }
        if (head == null) {
            throw new CheckpointException(
                    ("%s: no value head: neither one of %s, nor one of %s among the main weights."
                                    + " Exporting with LLaMA-Efficient-Tuning drops it: copy"
                                    + " value_head.bin from the training checkpoint into the directory")
                            .formatted(directory, String.join(", ", OWN_FILES), weightNames()));
        }
        return head;
    }

    /** Looks among the tensors of one checkpoint. */
    static ValueHead find(Checkpoint checkpoint, int hidden) throws CheckpointException {
        ValueHead head = in(checkpoint, hidden);
        if (head == null) {
            throw new CheckpointException(
                    "%s: no value head: holds none of %s"
                            .formatted(checkpoint.path(), weightNames()));
        }
        return head;
    }

    private static @Nullable ValueHead in(Checkpoint checkpoint, int hidden)
            throws CheckpointException {
        for (String prefix : NAMES) {
            Tensor weight = checkpoint.find(prefix + "weight");
            Tensor bias = checkpoint.find(prefix + "bias");
            if (weight != null) {
                return read(checkpoint, prefix, weight, bias, hidden);
            }
        }
        return null;
    }

    private static ValueHead read(
            Checkpoint checkpoint, String prefix, Tensor weight, @Nullable Tensor bias, int hidden)
            throws CheckpointException {
        if (bias == null && !prefix.endsWith(CLASSIFIER)) {
            throw new CheckpointException(
                    "%s: %sweight is there but %sbias is not"
                            .formatted(checkpoint.path(), prefix, prefix));
        }
        require(weight, hidden);
        float added = 0;
        if (bias != null) {
            require(bias, 1);
            added = finite(bias)[0];
        }
        String source = weight.file().getFileName() + ": " + weight.name();
        return new ValueHead(finite(weight), added, source);
    }

    /** {@code [n]} or {@code [1, n]}; for one element also a scalar. */
    private static void require(Tensor tensor, int elements) throws CheckpointException {
        long[] shape = tensor.shape();
        boolean fits =
                tensor.elements() == elements
                        && (shape.length <= 1 || (shape.length == 2 && shape[0] == 1));
        if (!fits || !tensor.dtype().isFloat()) {
            throw new CheckpointException(
                    "%s: %s is %s %s; the value head of this model needs [1, %d] in floating point"
                            .formatted(
                                    tensor.file(),
                                    tensor.name(),
                                    tensor.dtype(),
                                    Arrays.toString(shape),
                                    elements));
        }
    }

    private static float[] finite(Tensor tensor) throws CheckpointException {
        float[] values = tensor.toFloats();
        for (int i = 0; i < values.length; i++) {
            if (!Float.isFinite(values[i])) {
                throw new CheckpointException(
                        "%s: %s[%d] is %s".formatted(tensor.file(), tensor.name(), i, values[i]));
            }
        }
        return values;
    }

    private static String weightNames() {
        return String.join(", ", NAMES.stream().map(prefix -> prefix + "weight").toList());
    }

    private static String some(Set<String> names) {
        List<String> few = names.stream().limit(4).toList();
        return names.size() > few.size() ? few + " and others" : few.toString();
    }
}
