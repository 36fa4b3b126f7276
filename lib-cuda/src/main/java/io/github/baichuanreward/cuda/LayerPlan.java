package io.github.baichuanreward.cuda;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.IntSummaryStatistics;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.ToIntFunction;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Which device holds which layers: copies of the model, each on as few devices as hold it. Knows
 * numbers only.
 *
 * <p>A batch is computed by one copy, which gets it when it has nothing else to do; between the
 * devices of a copy nothing goes but the residual stream. So a copy on one device is best, and many
 * copies are better than large ones.
 *
 * <p>Past 300 lines, since what is divided and what is said of the result use the same numbers.
 *
 * @param copies of the model; none where there is a problem
 * @param unused devices that were given, and that hold nothing
 * @param problem why there is no copy, with the numbers; null where there is one
 * @param isWrong whether the problem is what was asked for, and no memory would help
 */
record LayerPlan(
        List<Copy> copies, List<Device> unused, @Nullable String problem, boolean isWrong) {

    private LayerPlan(List<Copy> copies, List<Device> unused) {
        this(copies, unused, null, false);
    }

    /**
     * A device that may be used, or a part of one that is listed more than once.
     *
     * @param ordinal its number
     * @param label how messages call it
     * @param kind devices of one kind compute the same bits
     * @param bytes of the whole device's memory that can be used, what the driver keeps included
     * @param parts how many parts it is divided into
     * @param place in the list, so that two parts of one device are two
     */
    record Device(int ordinal, String label, String kind, long bytes, int parts, int place) {

        Device(int ordinal, String label, String kind, long bytes) {
            this(ordinal, label, kind, bytes, 1, 0);
        }

        /** What weights and batches may take of this part. */
        long usable() {
            return (bytes - ModelMemory.RESERVE) / parts;
        }

        private Device part(int parts, int place) {
            return new Device(ordinal, label, kind, bytes, parts, place);
        }

        /** How messages call it with all its parts. */
        String parted() {
            return parts == 1 ? label : "%s in %d parts".formatted(label, parts);
        }
    }

    /**
     * What one device holds of a copy: layers one behind the other.
     *
     * @param device where
     * @param firstLayer the first of them
     * @param layers how many
     * @param offloaded how many of them stay in the host's memory, and are sent for each batch
     */
    record Shard(Device device, int firstLayer, int layers, int offloaded) {

        /** Whether the n-th of these layers stays in the host's memory: they are spread evenly. */
        boolean isOffloaded(int n) {
            return (n + 1) * offloaded / layers > n * offloaded / layers;
        }

        /** How many layers' memory it takes. */
        int held() {
            return layers - offloaded + (offloaded > 0 ? ModelMemory.STREAMING : 0);
        }
    }

    /** The devices of one copy, in the order of their layers. */
    record Copy(List<Shard> shards) {

        private int sum(ToIntFunction<Shard> count) {
            return shards.stream().mapToInt(count).sum();
        }

        /** The kind of device that computes each layer: nothing else of a copy matters to bits. */
        private List<String> kinds() {
            return shards.stream()
                    .flatMap(s -> Collections.nCopies(s.layers(), s.device().kind()).stream())
                    .toList();
        }
    }

    /**
     * Divides a model among devices.
     *
     * @param devices in order; one may be listed more than once, and its memory is then divided
     * @param layersPerDevice of each copy; empty for as few devices as hold it
     * @param offload whether layers may stay in the host's memory where nothing else fits
     */
    static LayerPlan of(
            ModelMemory memory,
            List<Device> devices,
            List<Integer> layersPerDevice,
            boolean offload) {
        return of(memory, devices, layersPerDevice, offload, /* isAny= */ false);
    }

    private static LayerPlan of(
            ModelMemory memory,
            List<Device> devices,
            List<Integer> layersPerDevice,
            boolean offload,
            boolean isAny) {
        List<Device> parts = parts(devices);
        return layersPerDevice.isEmpty()
                ? smallest(memory, parts, offload)
                : asked(memory, parts, layersPerDevice, offload, isAny);
    }

    /**
     * The same for devices of which nobody said that all are to be used: one kind of them, so that
     * every copy computes the same bits; all kinds only where they hold no more than one copy
     * together.
     */
    static LayerPlan ofAny(
            ModelMemory memory,
            List<Device> devices,
            List<Integer> layersPerDevice,
            boolean offload) {
        Map<String, List<Device>> kinds =
                devices.stream()
                        .collect(
                                Collectors.groupingBy(
                                        Device::kind, LinkedHashMap::new, Collectors.toList()));
        for (boolean offloading : offload ? new boolean[] {false, true} : new boolean[] {false}) {
            LayerPlan best = null;
            for (List<Device> kind : kinds.values()) {
                LayerPlan plan = of(memory, kind, layersPerDevice, offloading, true);
                if (plan.problem == null
                        && (best == null || plan.copies.size() > best.copies.size())) {
                    best = plan;
                }
            }
            if (best == null && kinds.size() > 1) {
                best = one(memory, devices, layersPerDevice, offloading);
            }
            if (best != null && best.problem == null) {
                return best.withUnused(devices);
            }
        }
        return of(memory, devices, layersPerDevice, offload, true);
    }

    /** One copy on devices of any kind, where no kind holds one by itself. */
    private static LayerPlan one(
            ModelMemory memory,
            List<Device> devices,
            List<Integer> layersPerDevice,
            boolean offload) {
        LayerPlan plan = of(memory, devices, layersPerDevice, offload, true);
        if (plan.copies.size() < 2) {
            return plan;
        }
        List<Copy> best =
                layersPerDevice.isEmpty()
                        ? Division.best(memory, parts(devices))
                        : plan.copies.subList(0, 1);
        return new LayerPlan(best, List.of());
    }

    private LayerPlan withUnused(List<Device> devices) {
        Set<Integer> used = new HashSet<>();
        copies.forEach(copy -> copy.shards().forEach(s -> used.add(s.device().ordinal())));
        return new LayerPlan(
                copies,
                devices.stream().filter(device -> !used.contains(device.ordinal())).toList());
    }

    /** Whether two copies may give the same batch different bits. */
    boolean isMixed() {
        return copies.stream().map(Copy::kinds).distinct().count() > 1;
    }

    /** For people: copies, devices, and how much of each copy is not on them. */
    String summary() {
        if (copies.size() == 1 && copies.get(0).shards().size() == 1) {
            return copies.get(0).shards().get(0).device().label() + offloaded();
        }
        String each =
                copies.stream()
                        .map(
                                copy ->
                                        copy.shards().stream()
                                                .map(s -> "" + s.device().ordinal())
                                                .collect(Collectors.joining("+")))
                        .collect(Collectors.joining(", "));
        return "%s of the model on devices %s (%s)%s"
                .formatted(
                        copies.size() == 1 ? "one copy" : copies.size() + " copies",
                        each,
                        copies.stream()
                                .flatMap(copy -> copy.shards().stream())
                                .map(shard -> shard.device().kind())
                                .distinct()
                                .collect(Collectors.joining(", ")),
                        offloaded());
    }

    private String offloaded() {
        IntSummaryStatistics offloaded =
                copies.stream().mapToInt(copy -> copy.sum(Shard::offloaded)).summaryStatistics();
        if (offloaded.getMax() == 0) {
            return "";
        }
        return ", %s%d of %d layers offloaded"
                .formatted(
                        offloaded.getMin() == offloaded.getMax() ? "" : offloaded.getMin() + " to ",
                        offloaded.getMax(),
                        copies.get(0).sum(Shard::layers));
    }

    /** For people: what is where, a line for each device. */
    List<String> lines(ModelMemory memory) {
        List<String> lines = new ArrayList<>();
        for (Copy copy : copies) {
            for (Shard shard : copy.shards()) {
                boolean isAlone = copy.shards().size() == 1;
                long bytes =
                        memory.shard(shard.held(), shard.firstLayer() == 0, isAlone)
                                + ModelMemory.RESERVE;
                lines.add(
                        "%s: layers %d to %d%s in %s of its %s"
                                .formatted(
                                        shard.device().label(),
                                        shard.firstLayer(),
                                        shard.firstLayer() + shard.layers() - 1,
                                        shard.offloaded() == 0
                                                ? ""
                                                : " (%d of them are sent for each batch)"
                                                        .formatted(shard.offloaded()),
                                        ModelMemory.gib(bytes),
                                        ModelMemory.gib(shard.device().bytes())));
            }
        }
        return lines;
    }

    // How devices are put together.

    private static List<Device> parts(List<Device> devices) {
        Map<Integer, Integer> times =
                devices.stream()
                        .collect(Collectors.toMap(Device::ordinal, device -> 1, Integer::sum));
        List<Device> parts = new ArrayList<>();
        for (Device device : devices) {
            parts.add(device.part(times.getOrDefault(device.ordinal(), 1), parts.size()));
        }
        return parts;
    }

    /**
     * Copies of the shape asked for.
     *
     * @param isAny whether a device that is too small for its part is passed by, and those that are
     *     left over at the end
     */
    private static LayerPlan asked(
            ModelMemory memory,
            List<Device> devices,
            List<Integer> layersPerDevice,
            boolean offload,
            boolean isAny) {
        int sum = layersPerDevice.stream().mapToInt(Integer::intValue).sum();
        int size = layersPerDevice.size();
        if (sum != memory.layers()) {
            return wrong(
                    "layers per device %s make %d, but this model has %d"
                            .formatted(layersPerDevice, sum, memory.layers()));
        }
        if (devices.size() < size || (!isAny && devices.size() % size != 0)) {
            return wrong(
                    ("layers were given for %d devices, but there are %d; give as many devices, or"
                                    + " a multiple of it, or leave out the layers")
                            .formatted(size, devices.size()));
        }
        List<Copy> copies = new ArrayList<>();
        List<Shard> shards = new ArrayList<>();
        LayerPlan refusal = null;
        int layer = 0;
        for (Device device : devices) {
            int count = layersPerDevice.get(shards.size());
            Shard shard = shard(memory, device, layer, count, size == 1, offload);
            if (shard == null) {
                refusal = none(TooSmall.forPart(memory, device, layer, count, size == 1, offload));
                if (!isAny) {
                    return refusal;
                }
                continue;
            }
            shards.add(shard);
            layer += count;
            if (shards.size() == size) {
                copies.add(new Copy(List.copyOf(shards)));
                shards.clear();
                layer = 0;
            }
        }
        return copies.isEmpty() && refusal != null
                ? refusal
                : new LayerPlan(List.copyOf(copies), List.of());
    }

    private static LayerPlan smallest(ModelMemory memory, List<Device> devices, boolean offload) {
        List<Device> left = new ArrayList<>(devices);
        List<Copy> copies = new ArrayList<>();
        for (Device device : devices) {
            Shard whole = shard(memory, device, 0, memory.layers(), true, false);
            if (whole != null) {
                copies.add(new Copy(List.of(whole)));
                left.remove(device);
            }
        }
        for (Copy copy : Division.copies(memory, left)) {
            copies.add(copy);
            copy.shards().forEach(shard -> left.remove(shard.device()));
        }
        if (copies.isEmpty() && offload) {
            for (Device device : devices) {
                Shard streamed = shard(memory, device, 0, memory.layers(), true, true);
                if (streamed != null) {
                    copies.add(new Copy(List.of(streamed)));
                    left.remove(device);
                }
            }
        }
        return copies.isEmpty()
                ? none(TooSmall.together(memory, devices, offload))
                : new LayerPlan(inOrder(copies), List.copyOf(left));
    }

    /** As their first devices were listed. */
    private static List<Copy> inOrder(List<Copy> copies) {
        return copies.stream()
                .sorted(Comparator.comparingInt(copy -> copy.shards().get(0).device().place()))
                .toList();
    }

    private static @Nullable Shard shard(
            ModelMemory memory,
            Device device,
            int firstLayer,
            int count,
            boolean isAlone,
            boolean offload) {
        int fitting = memory.fitting(device.usable(), firstLayer == 0, isAlone);
        if (fitting >= count) {
            return new Shard(device, firstLayer, count, 0);
        }
        int resident = fitting - ModelMemory.STREAMING;
        return offload && resident >= 0
                ? new Shard(device, firstLayer, count, count - resident)
                : null;
    }

    // What does not fit.

    private static LayerPlan none(String problem) {
        return new LayerPlan(List.of(), List.of(), problem, false);
    }

    private static LayerPlan wrong(String problem) {
        return new LayerPlan(List.of(), List.of(), problem, true);
    }
}
