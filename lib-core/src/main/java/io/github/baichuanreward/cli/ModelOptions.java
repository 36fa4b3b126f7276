package io.github.baichuanreward.cli;

import io.github.baichuanreward.LoadOptions;
import io.github.baichuanreward.ModelInspection;
import io.github.baichuanreward.ModelShape;
import io.github.baichuanreward.RewardModel;
import io.github.baichuanreward.ScoringOptions;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.cli.TextOptions.PositiveConverter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** Which model is loaded, and how it runs. */
final class ModelOptions {

    static final String BATCH_TOKENS = "--batch_tokens";

    @Option(
            names = {"--model_name_or_path", "--model"},
            order = -10,
            paramLabel = "DIR",
            description =
                    "Directory of the reward model: config.json, weights and tokenizer.model.")
    private @Nullable Path model;

    @Option(
            names = "--adapter",
            paramLabel = "DIR",
            description =
                    "A LoRA adapter for the model; may be given more than once. They are added in"
                            + " this order, and the last one brings the value head.")
    private List<Path> adapters = List.of();

    @Option(
            names = "--backend",
            paramLabel = "NAME",
            converter = BackendConverter.class,
            description = "auto, cpu or cuda (default: auto, a GPU where there is a usable one).")
    private String backend = "auto";

    @Option(
            names = "--devices",
            split = ",",
            paramLabel = "N",
            description =
                    "GPUs by their numbers (default: all of one kind): as many copies of the model as"
                            + " they hold, each on as few as hold it.")
    private List<Integer> devices = List.of();

    @Option(
            names = "--layers_per_device",
            split = ",",
            paramLabel = "N",
            converter = PositiveConverter.class,
            description =
                    "Divide the model so: 20,20 puts 20 layers on each of two GPUs (default: no more"
                            + " than memory demands).")
    private List<Integer> layersPerDevice = List.of();

    @Option(
            names = "--offload",
            description =
                    "Where GPUs cannot hold the model otherwise, keep layers in the host's memory and"
                            + " send them for each batch.")
    private boolean offload;

    @Option(
            names = "--precision",
            paramLabel = "NAME",
            converter = PrecisionConverter.class,
            description =
                    "auto, float32, bfloat16, float16 or int8 (default: auto; float32 on a CPU).")
    private Precision precision = Precision.AUTO;

    @Option(
            names = BATCH_TOKENS,
            paramLabel = "N",
            converter = PositiveConverter.class,
            description = "Score at most N tokens at a time; more needs more memory.")
    private @Nullable Integer batchTokens;

    @Option(
            names = "--threads",
            paramLabel = "N",
            converter = PositiveConverter.class,
            description = "Threads of the CPU backend (default: one per core).")
    private @Nullable Integer threads;

    @Option(
            names = "--cuda_libraries",
            paramLabel = "DIR",
            description =
                    "Folder of libcublas.so.12 or libcublas.so.13, for a GPU (default: where they"
                            + " usually are).")
    private @Nullable Path cudaLibraries;

    @Nullable Path model() {
        return model;
    }

    List<Path> adapters() {
        return adapters;
    }

    /**
     * Loads the model of {@code directory} as the options say.
     *
     * @throws IOException if the directory holds no usable reward model
     */
    RewardModel load(Path directory, ScoringOptions scoring) throws IOException {
        return load(directory, options().withScoring(scoring));
    }

    /**
     * Loads the model of {@code directory} with these options.
     *
     * @throws IOException if the directory holds no usable reward model
     */
    static RewardModel load(Path directory, LoadOptions options) throws IOException {
        return RewardModel.load(requireDirectory(directory), options);
    }

    /**
     * Makes a model of random weights, run as the options say.
     *
     * @throws IOException if its temporary file cannot be written
     */
    RewardModel random(ModelShape shape) throws IOException {
        return RewardModel.random(shape, options());
    }

    /**
     * Looks at the model of {@code directory} without loading it.
     *
     * @throws IOException if the directory holds no usable reward model
     */
    ModelInspection inspect(Path directory) throws IOException {
        return ModelInspection.of(requireDirectory(directory), options());
    }

    /**
     * Refuses what is no directory.
     *
     * @throws FailureException if it is none
     */
    static Path requireDirectory(Path directory) {
        if (!Files.isDirectory(directory)) {
            throw new FailureException(
                    directory
                            + ": no such directory; give one that holds a model, since none is downloaded");
        }
        return directory;
    }

    LoadOptions options() {
        LoadOptions options =
                LoadOptions.defaults()
                        .withBackend(backend)
                        .withPrecision(precision)
                        .withDevices(devices)
                        .withLayersPerDevice(layersPerDevice)
                        .withOffload(offload)
                        .withAdapters(adapters);
        if (batchTokens != null) {
            options = options.withBatchTokens(batchTokens);
        }
        if (threads != null) {
            options = options.withThreads(threads);
        }
        if (cudaLibraries != null) {
            options = options.withCudaLibraries(cudaLibraries);
        }
        return options;
    }

    /** Names of backends. */
    static final class BackendConverter implements ITypeConverter<String> {
        @Override
        public String convert(String name) {
            return switch (name) {
                case "auto", "cpu", "cuda" -> name;
                default ->
                        throw new TypeConversionException(
                                "'" + name + "' is no backend; known are auto, cpu and cuda");
            };
        }
    }

    /** Names of precisions, in lower case. */
    static final class PrecisionConverter implements ITypeConverter<Precision> {
        @Override
        public Precision convert(String name) {
            for (Precision precision : Precision.values()) {
                if (precision.name().toLowerCase(Locale.ROOT).equals(name)) {
                    return precision;
                }
            }
            throw new TypeConversionException(
                    "'%s' is no precision; known are auto, float32, bfloat16, float16 and int8"
                            .formatted(name));
        }
    }
}
