package io.github.baichuanreward.cuda;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.GpuOptions;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.checkpoint.DType;
import io.github.baichuanreward.cuda.LayerPlan.Device;
import io.github.baichuanreward.model.BaichuanConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Where a request's model goes on some devices, in which types and in batches of which size; and
 * what to do where it does not fit.
 */
final class Placement {

    /** Enough rows for a GPU to be busy. */
    private static final int BATCH_TOKENS = 4096;

    /** Enough for a large GPU to compute as long as a layer takes to be sent to it. */
    private static final int OFFLOADED_BATCH_TOKENS = 8192;

    /** Attention counts pieces of 8 elements of Q, K and V in 32 bits. */
    private static final long MOST_QKV_ELEMENTS = (1L << 35) - 1;

    /** What batches are counted in where fewer tokens are advised. */
    private static final int STEP = 1024;

    private final BackendRequest request;
    private final BaichuanConfig config;
    private final GemmChoice gemm;

    /**
     * What was found.
     *
     * @param plan which may be a problem
     * @param memory what it was made with
     */
    record Placed(LayerPlan plan, ModelMemory memory) {}

    /**
     * For a request.
     *
     * @throws BackendException if the kernels cannot compute its sizes or its precision
     */
    Placement(BackendRequest request, GemmChoice gemm) {
        this.request = request;
        this.config = request.weights().config();
        this.gemm = gemm;
        half(request);
        String problem = PaddedSizes.problem(config);
        if (problem != null) {
            throw new BackendException("cuda: " + problem);
        }
        requireCountable(config, batchTokens(false));
    }

    /**
     * The half type that a request asks for.
     *
     * @throws BackendException if it asks for another
     */
    static DType half(BackendRequest request) {
        return switch (request.precision()) {
            // Of float32, bfloat16 keeps the range.
            case AUTO, INT8 ->
                    request.weights().storedType() == DType.FLOAT16
                            ? DType.FLOAT16
                            : DType.BFLOAT16;
            case BFLOAT16 -> DType.BFLOAT16;
            case FLOAT16 -> DType.FLOAT16;
            case FLOAT32 ->
                    throw new BackendException(
                            "cuda: precision %s is not available; use auto, bfloat16, float16 or int8, or --backend cpu"
                                    .formatted(
                                            request.precision().name().toLowerCase(Locale.ROOT)));
        };
    }

    /** How a request wants projections to be stored. */
    static WeightForm form(BackendRequest request) {
        return request.precision() == Precision.INT8 ? WeightForm.INT8 : WeightForm.HALF;
    }

    /**
     * Refuses batches that kernels cannot count.
     *
     * @throws BackendException if there are too many tokens
     */
    static void requireCountable(BaichuanConfig config, int tokens) {
        long most = MOST_QKV_ELEMENTS / (3L * PaddedSizes.of(config).attention());
        long largest = Math.min(most, 1 << 24);
        if (tokens > largest) {
            throw new BackendException(
                    "cuda: %d tokens in a batch; this model allows at most %d"
                            .formatted(tokens, largest));
        }
    }

    /** What it takes on one device. */
    ModelMemory memory() {
        return memory(form(request), batchTokens(false));
    }

    /** Divides the model among devices. */
    Placed on(List<Device> devices) {
        Placed whole = on(devices, form(request), batchTokens(false), /* offload= */ false);
        if (whole.plan.problem() == null || !request.gpus().offload()) {
            return whole;
        }
        Placed large = on(devices, form(request), batchTokens(true), /* offload= */ true);
        return large.plan.problem() == null
                ? large
                : on(devices, form(request), batchTokens(false), /* offload= */ true);
    }

    private Placed on(List<Device> devices, WeightForm form, int batchTokens, boolean offload) {
        GpuOptions gpus = request.gpus();
        ModelMemory memory = memory(form, batchTokens);
        LayerPlan plan =
                gpus.devices().isEmpty()
                        ? LayerPlan.ofAny(memory, devices, gpus.layersPerDevice(), offload)
                        : LayerPlan.of(memory, devices, gpus.layersPerDevice(), offload);
        return new Placed(plan, memory);
    }

    private ModelMemory memory(WeightForm form, int batchTokens) {
        return ModelMemory.of(config, gemm, form, batchTokens);
    }

    private int batchTokens(boolean isOffloaded) {
        if (request.batchTokens() > 0) {
            return request.batchTokens();
        }
        return isOffloaded ? OFFLOADED_BATCH_TOKENS : BATCH_TOKENS;
    }

    private boolean fits(List<Device> devices, WeightForm form, int batchTokens, boolean offload) {
        return on(devices, form, batchTokens, offload).plan.problem() == null;
    }

    /** What to do where the model does not fit on some devices: what would really help. */
    String remedy(List<Device> devices) {
        WeightForm form = form(request);
        boolean offload = request.gpus().offload();
        List<String> remedies = new ArrayList<>();
        int tokens = largestBatch(devices, form, offload);
        if (tokens > 0) {
            remedies.add("lower the batch tokens to %d (--batch_tokens)".formatted(tokens));
        }
        int wanted = batchTokens(offload);
        if (form == WeightForm.HALF && fits(devices, WeightForm.INT8, wanted, offload)) {
            remedies.add("use --precision int8");
        }
        if (!offload && fits(devices, form, wanted, true)) {
            remedies.add("use --offload");
        }
        remedies.add("use a larger GPU, or more of them");
        if (tokens <= 0) {
            remedies.add("use --backend cpu");
        }
        return String.join(", or ", remedies);
    }

    /** The largest batch below the one wanted that fits; 0 if none does. */
    private int largestBatch(List<Device> devices, WeightForm form, boolean offload) {
        int fitting = 0;
        int above = (batchTokens(offload) + STEP - 1) / STEP; // which does not fit
        while (above - fitting > 1) {
            int middle = (fitting + above) >>> 1;
            if (fits(devices, form, middle * STEP, offload)) {
                fitting = middle;
            } else {
                above = middle;
            }
        }
        return fitting * STEP;
    }
}
