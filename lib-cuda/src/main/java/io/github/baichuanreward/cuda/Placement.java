package io.github.baichuanreward.cuda;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.GpuOptions;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.checkpoint.DType;
import io.github.baichuanreward.cuda.LayerPlan.Device;
import io.github.baichuanreward.model.BaichuanConfig;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

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
        return on(devices, request.gpus(), form(request));
    }

    private Placed on(List<Device> devices, GpuOptions gpus, WeightForm form) {
        GpuOptions whole = gpus.withOffload(false);
        Placed placed = on(devices, whole, form, batchTokens(false));
        if (placed.plan.problem() == null || !gpus.offload()) {
            return placed;
        }
        Placed large = on(devices, gpus, form, batchTokens(true));
        return large.plan.problem() == null ? large : on(devices, gpus, form, batchTokens(false));
    }

    private Placed on(List<Device> devices, GpuOptions gpus, WeightForm form, int batchTokens) {
        ModelMemory memory = memory(form, batchTokens);
        List<Integer> layers = gpus.layersPerDevice();
        LayerPlan plan =
                gpus.devices().isEmpty()
                        ? LayerPlan.ofAny(memory, devices, layers, gpus.offload())
                        : LayerPlan.of(memory, devices, layers, gpus.offload());
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

    /** What to do where the model does not fit on some devices: what would really help. */
    String remedy(List<Device> devices) {
        WeightForm form = form(request);
        GpuOptions gpus = request.gpus();
        List<String> remedies = new ArrayList<>();
        int tokens = largestBatch(devices, form);
        if (tokens > 0) {
            remedies.add("lower the batch tokens to %d (--batch_tokens)".formatted(tokens));
        }
        if (fits(devices, gpus.withLayersPerDevice(List.of()), form)) {
            remedies.add("leave out --layers_per_device");
        }
        Set<Integer> ordinals = new HashSet<>();
        List<Device> once = devices.stream().filter(d -> ordinals.add(d.ordinal())).toList();
        if (fits(once, gpus, form)) {
            remedies.add("list each device once");
        }
        if (fits(devices, gpus, WeightForm.INT8)) {
            remedies.add("use --precision int8");
        }
        if (fits(devices, gpus.withOffload(true), form)) {
            remedies.add("use --offload");
        }
        remedies.add(
                switch (gpus.layersPerDevice().size()) {
                    case 0 -> "use a larger GPU, or more of them";
                    case 1 -> "use a larger GPU";
                    default -> "use larger GPUs"; // their number was given
                });
        if (tokens <= 0) {
            remedies.add("use --backend cpu" + withoutWishes());
        }
        return String.join(", or ", remedies);
    }

    private boolean fits(List<Device> devices, GpuOptions gpus, WeightForm form) {
        return on(devices, gpus, form).plan.problem() == null;
    }

    /** What the CPU would refuse. */
    private String withoutWishes() {
        GpuOptions gpus = request.gpus();
        List<String> wishes = new ArrayList<>();
        if (!gpus.devices().isEmpty()) {
            wishes.add("--devices");
        }
        if (!gpus.layersPerDevice().isEmpty()) {
            wishes.add("--layers_per_device");
        }
        if (gpus.offload()) {
            wishes.add("--offload");
        }
        if (request.precision() == Precision.INT8 || request.precision() == Precision.FLOAT16) {
            wishes.add("--precision " + request.precision().name().toLowerCase(Locale.ROOT));
        }
        int last = wishes.size() - 1;
        return switch (wishes.size()) {
            case 0 -> "";
            case 1 -> " without " + wishes.get(0);
            default ->
                    " without %s and %s"
                            .formatted(
                                    String.join(", ", wishes.subList(0, last)), wishes.get(last));
        };
    }

    /** The largest batch below the one wanted that fits; 0 if none does. */
    private int largestBatch(List<Device> devices, WeightForm form) {
        GpuOptions gpus = request.gpus();
        int fitting = 0;
        int above = (batchTokens(gpus.offload()) + STEP - 1) / STEP; // which does not fit
        while (above - fitting > 1) {
            int middle = (fitting + above) >>> 1;
            if (on(devices, gpus, form, middle * STEP).plan.problem() == null) {
                fitting = middle;
            } else {
                above = middle;
            }
        }
        return fitting * STEP;
    }
}
