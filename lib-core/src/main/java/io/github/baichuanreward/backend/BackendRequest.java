package io.github.baichuanreward.backend;

import io.github.baichuanreward.model.BaichuanWeights;
import java.util.List;

/**
 * What a backend is asked to hold and how.
 *
 * @param weights the model, described but not loaded
 * @param precision numbers to compute in
 * @param gpus where on GPUs
 * @param batchTokens most tokens of one batch; 0 leaves the choice to the backend
 * @param threads CPU threads; 0 means one for each core
 */
public record BackendRequest(
        BaichuanWeights weights,
        Precision precision,
        GpuOptions gpus,
        int batchTokens,
        int threads) {

    /** With nothing said of GPUs but their numbers. */
    public BackendRequest(
            BaichuanWeights weights,
            Precision precision,
            List<Integer> devices,
            int batchTokens,
            int threads) {
        this(weights, precision, GpuOptions.defaults().withDevices(devices), batchTokens, threads);
    }
}
