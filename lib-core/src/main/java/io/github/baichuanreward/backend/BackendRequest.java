package io.github.baichuanreward.backend;

import io.github.baichuanreward.model.BaichuanWeights;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a backend is asked to hold and how.
 *
 * @param weights the model, described but not loaded
 * @param precision numbers to compute in
 * @param devices device numbers to use, in order; empty leaves the choice to the backend
 * @param batchTokens most tokens of one batch; 0 leaves the choice to the backend
 * @param threads CPU threads; 0 means one for each core
 * @param cudaLibraries where to look for CUDA's libraries, and nowhere else; null leaves the choice
 *     to the backend
 */
public record BackendRequest(
        BaichuanWeights weights,
        Precision precision,
        List<Integer> devices,
        int batchTokens,
        int threads,
        @Nullable Path cudaLibraries) {

    /** Leaves it to the backend where CUDA's libraries are. */
    public BackendRequest(
            BaichuanWeights weights,
            Precision precision,
            List<Integer> devices,
            int batchTokens,
            int threads) {
        this(weights, precision, devices, batchTokens, threads, null);
    }
}
