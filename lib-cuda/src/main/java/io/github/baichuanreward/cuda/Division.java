package io.github.baichuanreward.cuda;

import io.github.baichuanreward.cuda.LayerPlan.Copy;
import io.github.baichuanreward.cuda.LayerPlan.Device;
import io.github.baichuanreward.cuda.LayerPlan.Shard;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * How devices of which none holds a model alone are put together. Where they are not alike, a large
 * one is put together with the smallest that suffices.
 */
final class Division {

    private Division() {}

    /** Copies of a model on several devices each, in the order in which they were found. */
    static List<Copy> copies(ModelMemory memory, List<Device> devices) {
        List<Device> left = new ArrayList<>(devices);
        List<Copy> copies = new ArrayList<>();
        while (true) {
            List<Device> group = group(memory, left);
            if (group.isEmpty()) {
                return copies;
            }
            copies.add(new Copy(shards(memory, group)));
            left.removeAll(group);
        }
    }

    /** The fewest devices that hold a copy, in their order; the largest, then whatever suffices. */
    private static List<Device> group(ModelMemory memory, List<Device> devices) {
        Function<Device, Integer> room = d -> memory.fitting(d.usable(), false, false);
        List<Device> rest =
                devices.stream()
                        .filter(device -> room.apply(device) > 0)
                        .sorted(Comparator.comparing(room).reversed())
                        .collect(Collectors.toCollection(ArrayList::new));
        List<Device> group = new ArrayList<>();
        int sum = 0;
        while (!rest.isEmpty()) {
            int missing = memory.layers() - sum;
            int next = 0;
            if (!group.isEmpty()) {
                while (next + 1 < rest.size() && room.apply(rest.get(next + 1)) >= missing) {
                    next++;
                }
                while (next > 0
                        && room.apply(rest.get(next - 1)).equals(room.apply(rest.get(next)))) {
                    next--; // the first of those that are alike
                }
            }
            Device device = rest.remove(next);
            group.add(device);
            sum += room.apply(device);
            if (group.size() > 1 && sum >= memory.layers()) {
                List<Device> ordered = devices.stream().filter(group::contains).toList();
                if (!shards(memory, ordered).isEmpty()) {
                    return ordered;
                }
            }
        }
        return List.of();
    }

    /** A copy's layers on several devices, as evenly as memory allows; none if it does not. */
    private static List<Shard> shards(ModelMemory memory, List<Device> group) {
        int size = group.size();
        int[] room = new int[size];
        for (int d = 0; d < size; d++) {
            room[d] = Math.max(0, memory.fitting(group.get(d).usable(), d == 0, false));
        }
        int[] count = new int[size];
        int left = memory.layers();
        List<Integer> order = new ArrayList<>();
        for (int d = 0; d < size; d++) {
            order.add(d);
        }
        order.sort(Comparator.comparingInt(d -> room[d]));
        for (int n = 0; n < size; n++) {
            int d = order.get(n);
            count[d] = Math.min(room[d], left / (size - n));
            left -= count[d];
        }
        List<Shard> shards = new ArrayList<>();
        int first = 0;
        for (int d = 0; d < size; d++) {
            if (left > 0 || count[d] == 0) {
                return List.of();
            }
            shards.add(new Shard(group.get(d), first, count[d], 0));
            first += count[d];
        }
        return List.copyOf(shards);
    }
}
