package io.github.baichuanreward;

import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.GpuOptions;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.model.BaichuanWeights;
import java.nio.file.Path;
import java.util.List;

/**
 * Where and how a model runs. Start from {@link #defaults} and change what matters.
 *
 * @param backend {@code auto}, {@code cpu}, or the name of a backend on the class path
 * @param precision in which numbers to compute
 * @param gpus which GPUs to use, and how to divide the model among them
 * @param batchTokens most tokens that are computed at once; 0 leaves the choice to the backend. It
 *     changes speed and memory, never a reward
 * @param threads CPU threads; 0 means one for each core. It changes speed, never a reward
 * @param adapters directories of LoRA adapters in the layout of peft, added to the model in this
 *     order; the last one brings the value head
 * @param scoring how texts become token ids
 * @param halfValueHead whether weights and bias of the value head are rounded to float16 first, as
 *     the published evaluations ran; else they are used as they are stored
 */
public record LoadOptions(
        String backend,
        Precision precision,
        GpuOptions gpus,
        int batchTokens,
        int threads,
        List<Path> adapters,
        ScoringOptions scoring,
        boolean halfValueHead) {

    /**
     * Copies the list.
     *
     * @throws IllegalArgumentException if {@code batchTokens} or {@code threads} is negative
     */
    public LoadOptions {
        adapters = List.copyOf(adapters);
        if (batchTokens < 0) {
            throw new IllegalArgumentException(
                    "batchTokens is "
                            + batchTokens
                            + "; give a positive number, or 0 for the default");
        }
        if (threads < 0) {
            throw new IllegalArgumentException(
                    "threads is "
                            + threads
                            + "; give a positive number, or 0 for one for each core");
        }
    }

    /** The best backend that can run here, with its own choices. */
    public static LoadOptions defaults() {
        return new LoadOptions(
                "auto",
                Precision.AUTO,
                GpuOptions.defaults(),
                0,
                0,
                List.of(),
                ScoringOptions.defaults(),
                false);
    }

    /** The same on another backend. */
    public LoadOptions withBackend(String backend) {
        return new LoadOptions(
                backend, precision, gpus, batchTokens, threads, adapters, scoring, halfValueHead);
    }

    /** The same in another precision. */
    public LoadOptions withPrecision(Precision precision) {
        return new LoadOptions(
                backend, precision, gpus, batchTokens, threads, adapters, scoring, halfValueHead);
    }

    /** The same on these GPUs, divided so. */
    public LoadOptions withGpus(GpuOptions gpus) {
        return new LoadOptions(
                backend, precision, gpus, batchTokens, threads, adapters, scoring, halfValueHead);
    }

    /** The same on these devices. */
    public LoadOptions withDevices(List<Integer> devices) {
        return withGpus(gpus.withDevices(devices));
    }

    /**
     * The same with so many decoder layers on each device.
     *
     * @throws IllegalArgumentException if one of them is to hold none
     */
    public LoadOptions withLayersPerDevice(List<Integer> layersPerDevice) {
        return withGpus(gpus.withLayersPerDevice(layersPerDevice));
    }

    /** The same with or without layers that stay in the host's memory where GPUs are too small. */
    public LoadOptions withOffload(boolean offload) {
        return withGpus(gpus.withOffload(offload));
    }

    /** The same with another size of batches. */
    public LoadOptions withBatchTokens(int batchTokens) {
        return new LoadOptions(
                backend, precision, gpus, batchTokens, threads, adapters, scoring, halfValueHead);
    }

    /** The same with another number of threads. */
    public LoadOptions withThreads(int threads) {
        return new LoadOptions(
                backend, precision, gpus, batchTokens, threads, adapters, scoring, halfValueHead);
    }

    /** The same with these adapters. */
    public LoadOptions withAdapters(List<Path> adapters) {
        return new LoadOptions(
                backend, precision, gpus, batchTokens, threads, adapters, scoring, halfValueHead);
    }

    /** The same with other scoring options. */
    public LoadOptions withScoring(ScoringOptions scoring) {
        return new LoadOptions(
                backend, precision, gpus, batchTokens, threads, adapters, scoring, halfValueHead);
    }

    /** The same with or without rounding the value head to float16. */
    public LoadOptions withHalfValueHead(boolean halfValueHead) {
        return new LoadOptions(
                backend, precision, gpus, batchTokens, threads, adapters, scoring, halfValueHead);
    }

    /**
     * The same with CUDA's libraries of this folder, which holds {@code libcublas.so.12} or {@code
     * libcublas.so.13} itself or in its {@code lib}, {@code lib64} or a {@code lib} one deeper.
     */
    public LoadOptions withCudaLibraries(Path libraries) {
        return withGpus(gpus.withLibraries(libraries));
    }

    /** What a backend is asked for. */
    BackendRequest request(BaichuanWeights weights) {
        return new BackendRequest(
                halfValueHead ? weights.withHalfValueHead() : weights,
                precision,
                gpus,
                batchTokens,
                threads);
    }
}
