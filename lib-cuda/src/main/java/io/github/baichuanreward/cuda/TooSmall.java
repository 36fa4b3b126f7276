package io.github.baichuanreward.cuda;

import io.github.baichuanreward.cuda.LayerPlan.Device;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** What is said where a model does not fit: what would have to, and what is there. */
final class TooSmall {

    private TooSmall() {}

    /**
     * Devices that hold no copy, however it is divided.
     *
     * @param parts of devices
     * @param offload whether it would do if one of them held a few layers
     */
    static String together(ModelMemory memory, List<Device> parts, boolean offload) {
        Set<Integer> ordinals = new HashSet<>();
        List<Device> devices =
                parts.stream().filter(device -> ordinals.add(device.ordinal())).toList();
        boolean isOne = devices.size() == 1;
        boolean isParted = isOne && parts.size() > 1;
        String labels = devices.stream().map(Device::parted).collect(Collectors.joining(", "));
        String has =
                devices.stream()
                        .map(device -> ModelMemory.gib(device.bytes()))
                        .collect(Collectors.joining(", ", isOne ? "it has " : "they have ", ""));
        if (offload && memory.layers() > ModelMemory.STREAMING) {
            return "%s too small even to offload layers: %s%s, but %s"
                    .formatted(
                            labels + (isOne ? " is" : " are each"),
                            memory.streamingNumbers(),
                            isParted ? " for each part" : "",
                            has);
        }
        if (parts.size() == 1) {
            return "%s is too small: %s, but %s".formatted(labels, memory.numbers(), has);
        }
        return "%s too small: %s, and all but the weights %s, but %s"
                .formatted(
                        isOne ? labels + " is" : "even together " + labels + " are",
                        memory.numbers(),
                        isOne ? "for each part" : "on each",
                        has);
    }

    /** A device, or a part of one, that does not hold the layers it was to hold. */
    static String forPart(
            ModelMemory memory,
            Device device,
            int firstLayer,
            int count,
            boolean isAlone,
            boolean offload) {
        boolean isStreaming = offload && count > ModelMemory.STREAMING;
        int held = isStreaming ? ModelMemory.STREAMING : count;
        // What the driver keeps it keeps once, however many parts there are.
        long driver = device.parts() == 1 ? ModelMemory.RESERVE : 0;
        String has =
                device.parts() == 1
                        ? "it has " + ModelMemory.gib(device.bytes())
                        : "each of %d parts of its %s has %s"
                                .formatted(
                                        device.parts(),
                                        ModelMemory.gib(device.bytes()),
                                        ModelMemory.gib(device.usable()));
        return "%s is too small for layers %d to %d%s: %s and what goes with them take %s, but %s"
                .formatted(
                        device.label(),
                        firstLayer,
                        firstLayer + count - 1,
                        isStreaming ? ", even offloaded" : "",
                        isStreaming ? "%d of them at a time".formatted(held) : "they",
                        ModelMemory.gib(memory.shard(held, firstLayer == 0, isAlone) + driver),
                        has);
    }
}
