package io.github.baichuanreward.cuda;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.checkpoint.CheckpointException;
import io.github.baichuanreward.cuda.CudaDevice.Properties;
import io.github.baichuanreward.cuda.LayerPlan.Device;
import io.github.baichuanreward.cuda.WeightReader.DevicePlace;
import io.github.baichuanreward.cuda.WeightReader.Shipment;
import io.github.baichuanreward.model.BaichuanConfig;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings a model to devices: takes them into use, divides the model by what is free on them, and
 * reads the weights, each once for all copies.
 */
final class ModelLoader {

    private static final Logger LOG = LoggerFactory.getLogger(ModelLoader.class);

    private final BackendRequest request;
    private final GemmChoice gemm;
    private final Placement placement;

    /** In use; whoever closes them closes the last one first. */
    private final Resources devices = new Resources();

    /** One of each device, not yet of a shard. */
    private final Map<Integer, CudaDevice> opened = new LinkedHashMap<>();

    /** Bytes on each of them. */
    private final Map<Integer, Long> free = new LinkedHashMap<>();

    private final List<CudaDevice> inUse = new ArrayList<>();
    private final List<Replica> copies = new ArrayList<>();

    private ModelLoader(BackendRequest request, GemmChoice gemm) {
        this.request = request;
        this.gemm = gemm;
        this.placement = new Placement(request, gemm);
    }

    /**
     * A model that is ready.
     *
     * @param copies of it, in the order in which they are to be closed last
     * @param plan how it is divided
     * @param batchTokens most tokens of a batch
     * @param description types, products and image
     */
    record Loaded(List<Replica> copies, LayerPlan plan, int batchTokens, String description) {}

    /**
     * Loads a model.
     *
     * @param usable devices, in the order asked for
     * @throws CheckpointException if a weight file cannot be read
     * @throws BackendException if the model does not fit into what is free, or if a device fails;
     *     then nothing stays open
     */
    static Loaded load(BackendRequest request, GemmChoice gemm, List<Properties> usable)
            throws CheckpointException {
        try {
            return loadOnce(request, gemm, usable);
        } catch (DeviceMemoryException e) {
            if (usable.size() == 1) {
                throw e;
            }
            // Others took what was free when the model was divided; divided anew it may fit still.
            LOG.warn("{}; tried once more with what is free now", e.getMessage());
            return loadOnce(request, gemm, usable);
        }
    }

    private static Loaded loadOnce(BackendRequest request, GemmChoice gemm, List<Properties> usable)
            throws CheckpointException {
        ModelLoader loader = new ModelLoader(request, gemm);
        try {
            return loader.load(usable);
        } catch (CheckpointException | RuntimeException | Error e) {
            loader.closeAfter(e);
            throw e;
        }
    }

    private void closeAfter(Throwable failure) {
        copies.forEach(copy -> copy.settleAfter(failure));
        // Before any is closed: what belongs to one may be on its way to another.
        Resources waits = new Resources();
        inUse.forEach(device -> waits.add(() -> device.within(() -> settled(device))));
        waits.closeAfter(failure);
        devices.closeAfter(failure);
    }

    private static CudaDevice settled(CudaDevice device) {
        device.awaitAll();
        return device;
    }

    private Loaded load(List<Properties> usable) throws CheckpointException {
        open(usable);
        Placement.Placed placed = placed(usable);
        LayerPlan plan = placed.plan();
        Shard.Setup setup =
                new Shard.Setup(
                        request.weights(),
                        Placement.half(request),
                        Placement.form(request),
                        gemm,
                        placed.memory().batchTokens());
        List<List<Shard>> shardsOfCopies = new ArrayList<>();
        for (LayerPlan.Copy copy : plan.copies()) {
            List<Shard> shards = new ArrayList<>();
            for (LayerPlan.Shard planned : copy.shards()) {
                CudaDevice device = device(planned.device().ordinal(), usable);
                boolean isAlone = copy.shards().size() == 1;
                shards.add(device.within(() -> new Shard(device, setup, planned, isAlone)));
            }
            shardsOfCopies.add(shards);
        }
        closeUnused();
        List<Shard> shards = shardsOfCopies.stream().flatMap(List::stream).toList();
        Map<Integer, HostBuffer> offloaded = read(setup, shards);
        chooseProducts(shards, offloaded);
        for (Shard shard : shards) {
            shard.device()
                    .within(
                            () -> {
                                shard.ready(offloaded(shard, offloaded));
                                return shard;
                            });
        }
        for (List<Shard> copy : shardsOfCopies) {
            copies.add(new Replica(copy));
        }
        return new Loaded(copies, plan, placed.memory().batchTokens(), shards.get(0).description());
    }

    /** One that cannot be taken into use hides no other, unless it was asked for. */
    private void open(List<Properties> usable) {
        BackendException refusal = null;
        for (Properties properties : usable) {
            if (opened.containsKey(properties.ordinal())) {
                continue;
            }
            try {
                CudaDevice device = opened(properties);
                free.put(properties.ordinal(), device.within(device::freeBytes));
                opened.put(properties.ordinal(), device);
            } catch (BackendException e) {
                if (!request.gpus().devices().isEmpty() || usable.size() == 1) {
                    throw e;
                }
                LOG.warn("{}; goes on without it", e.getMessage());
                refusal = e;
            }
        }
        if (opened.isEmpty() && refusal != null) {
            throw refusal;
        }
    }

    private void closeUnused() {
        inUse.removeAll(opened.values());
        for (CudaDevice device : opened.values()) {
            try {
                device.close();
            } catch (BackendException e) {
                LOG.warn("{}; goes on without it", e.getMessage()); // as it was going to
            }
        }
    }

    private CudaDevice opened(Properties properties) {
        CudaDevice device = CudaDevice.open(properties);
        devices.add(device::close);
        inUse.add(device);
        return device;
    }

    private CudaDevice device(int ordinal, List<Properties> usable) {
        CudaDevice present = opened.remove(ordinal);
        if (present != null) {
            return present;
        }
        return opened(
                usable.stream()
                        .filter(properties -> properties.ordinal() == ordinal)
                        .findFirst()
                        .orElseThrow());
    }

    // What is free.

    private Placement.Placed placed(List<Properties> usable) {
        List<Properties> present =
                usable.stream().filter(p -> free.containsKey(p.ordinal())).toList();
        List<Device> devices =
                present.stream().map(p -> DeviceChoice.device(p, room(p, bytes(p)))).toList();
        Placement.Placed placed = placement.on(devices);
        String problem = placed.plan().problem();
        if (problem != null && placed.plan().isWrong()) {
            throw new BackendException("cuda: " + problem);
        }
        if (problem != null) {
            boolean isFull = fits(present);
            throw new BackendException(
                    "cuda: %s; %s%s"
                            .formatted(
                                    isFull ? full(present) : problem,
                                    isFull ? "end what else uses it, or " : "",
                                    placement.remedy(devices)));
        }
        if (placed.plan().isMixed()) {
            LOG.warn(
                    "cuda: copies of the model are on different kinds of GPUs, which may give the"
                            + " same text rewards that differ in their last bits: {}",
                    placed.plan().lines(placed.memory()));
        }
        if (!placed.plan().unused().isEmpty()) {
            LOG.info(
                    "cuda: not used: {}",
                    placed.plan().unused().stream()
                            .map(Device::label)
                            .collect(Collectors.joining(", ")));
        }
        return placed;
    }

    /** As if nobody had been there, of what is free behind the context. */
    private static long room(Properties device, long free) {
        return Math.min(device.bytes(), free + ModelMemory.RESERVE - ModelMemory.OPENED_RESERVE);
    }

    private boolean fits(List<Properties> usable) {
        List<Device> devices = usable.stream().map(p -> DeviceChoice.device(p, p.bytes())).toList();
        return placement.on(devices).plan().problem() == null;
    }

    private String full(List<Properties> usable) {
        List<String> each =
                usable.stream()
                        .distinct()
                        .map(
                                p ->
                                        "of %s of %s only %s are free now"
                                                .formatted(
                                                        ModelMemory.gib(p.bytes()),
                                                        p.label(),
                                                        ModelMemory.gib(bytes(p))))
                        .toList();
        return placement.memory().numbers() + ", but " + String.join(", ", each);
    }

    private long bytes(Properties device) {
        return Objects.requireNonNull(free.get(device.ordinal()));
    }

    // Weights.

    private Map<Integer, HostBuffer> read(Shard.Setup setup, List<Shard> shards)
            throws CheckpointException {
        WeightBlocks blocks = new WeightBlocks(request.weights(), setup.form());
        Map<Integer, HostBuffer> offloaded = hostLayers(setup, shards);
        List<Shipment> shipments = new ArrayList<>();
        List<DevicePlace> embedding = new ArrayList<>();
        List<DevicePlace> norms = new ArrayList<>();
        Map<Integer, List<DevicePlace>> layers = new TreeMap<>();
        for (Shard shard : shards) {
            DeviceBuffer table = shard.weights().embedding;
            if (table != null) {
                embedding.add(new DevicePlace(shard.device(), table));
            }
            if (shard.isLast()) {
                norms.add(new DevicePlace(shard.device(), shard.weights().finalNorm));
            }
            shard.weights()
                    .resident
                    .forEach(
                            (layer, place) ->
                                    layers.computeIfAbsent(layer, n -> new ArrayList<>())
                                            .add(new DevicePlace(shard.device(), place.memory())));
        }
        shipments.add(new Shipment(blocks.embedding(), embedding, null));
        for (int n = 0; n < request.weights().config().layers(); n++) {
            HostBuffer host = offloaded.get(n);
            ByteBuffer memory = host == null ? null : host.bytes();
            shipments.add(new Shipment(blocks.layer(n), layers.getOrDefault(n, List.of()), memory));
        }
        shipments.add(new Shipment(blocks.finalNorm(), norms, null));
        WeightReader.read(shards.get(0).device(), setup.half(), shipments, request.threads());
        return offloaded;
    }

    /** Memory for the layers that some shard does not hold; the first device's, for all. */
    private Map<Integer, HostBuffer> hostLayers(Shard.Setup setup, List<Shard> shards) {
        long bytes = DeviceWeights.layerBytes(setup.sizes(), setup.form());
        CudaDevice first = shards.get(0).device();
        Map<Integer, HostBuffer> layers = new TreeMap<>();
        for (Shard shard : shards) {
            for (int n = 0; n < shard.plan().layers(); n++) {
                int layer = shard.plan().firstLayer() + n;
                if (shard.plan().isOffloaded(n) && !layers.containsKey(layer)) {
                    if (bytes > Integer.MAX_VALUE) {
                        throw new BackendException(
                                "cuda: layers of %s are too large to be offloaded; use a larger GPU"
                                        .formatted(ModelMemory.gib(bytes)));
                    }
                    layers.put(layer, first.within(() -> hostLayer(first, (int) bytes)));
                }
            }
        }
        return layers;
    }

    /** Zeros only where sizes are filled up with them: of 13B it would be 26 GB. */
    private HostBuffer hostLayer(CudaDevice device, int bytes) {
        HostBuffer buffer = HostBuffer.allocate(device.cuda(), device.resources(), bytes);
        BaichuanConfig config = request.weights().config();
        if (!PaddedSizes.of(config).isFilledUp(config)) {
            return buffer;
        }
        ByteBuffer zeros = ByteBuffer.allocateDirect(1 << 20);
        for (int at = 0; at < bytes; at += zeros.capacity()) {
            buffer.bytes().put(at, zeros, 0, Math.min(zeros.capacity(), bytes - at));
        }
        return buffer;
    }

    private static List<HostBuffer> offloaded(Shard shard, Map<Integer, HostBuffer> layers) {
        List<HostBuffer> own = new ArrayList<>();
        for (int n = 0; n < shard.plan().layers(); n++) {
            if (shard.plan().isOffloaded(n)) {
                own.add(Objects.requireNonNull(layers.get(shard.plan().firstLayer() + n)));
            }
        }
        return own;
    }

    /** cuBLAS's, if it can be relied on with each kind of device; else the kernels' on all. */
    private static void chooseProducts(List<Shard> shards, Map<Integer, HostBuffer> offloaded) {
        Map<String, Shard> kinds = new LinkedHashMap<>();
        shards.forEach(shard -> kinds.putIfAbsent(shard.plan().device().kind(), shard));
        for (Shard shard : kinds.values()) {
            Optional<String> problem =
                    shard.device().within(() -> shard.undependable(offloaded(shard, offloaded)));
            if (problem.isPresent()) {
                LOG.warn("cuda: own products, which are slower than cuBLAS's: {}", problem.get());
                for (Shard each : shards) {
                    each.device()
                            .within(
                                    () -> {
                                        each.useKernels();
                                        return each;
                                    });
                }
                return;
            }
        }
    }
}
