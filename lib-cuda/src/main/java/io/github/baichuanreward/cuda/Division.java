package io.github.baichuanreward.cuda;

import io.github.baichuanreward.cuda.LayerPlan.Copy;
import io.github.baichuanreward.cuda.LayerPlan.Device;
import io.github.baichuanreward.cuda.LayerPlan.Shard;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * How devices of which none holds a model alone are put together: into as many copies as possible,
 * on as few devices as that takes, and of these on those that make the fastest copies. A copy is as
 * fast as its slowest device, the one with the most layers.
 *
 * <p>All sets of a few devices are looked at, so one more never makes a plan worse. The first
 * device of a copy, in the order listed, holds the embedding as well; one that has room for a layer
 * but not for that can be behind others only.
 */
final class Division {

    /** All sets of 14 are looked at in milliseconds; each device more takes three times as long. */
    private static final int MOST = 14;

    // What a copy is worth, in one number: that it is one, then few devices, then its speed. That
    // of several copies is the sum.
    private static final long COPY = 1L << 52;
    private static final long DEVICE = 1L << 44;
    private static final long SPEED = 1L << 38;

    private final ModelMemory memory;
    private final List<Device> devices;

    /** How many layers each device has room for, with the embedding and without it. */
    private final int[] asFirst;

    private final int[] behind;

    /** Of each set of devices (a bit each), what it is worth as a copy; 0 if it holds none. */
    private final long[] worth;

    private Division(ModelMemory memory, List<Device> devices) {
        this.memory = memory;
        this.devices = devices;
        this.asFirst = devices.stream().mapToInt(device -> room(memory, device, true)).toArray();
        this.behind = devices.stream().mapToInt(device -> room(memory, device, false)).toArray();
        this.worth = new long[1 << devices.size()];
        for (int set = 1; set < worth.length; set++) {
            worth[set] = worth(set);
        }
    }

    /** Copies of a model on several devices each. */
    static List<Copy> copies(ModelMemory memory, List<Device> devices) {
        List<Device> left = new ArrayList<>(useful(memory, devices));
        List<Copy> copies = new ArrayList<>();
        while (left.size() > MOST) {
            List<Device> group = fewest(memory, left);
            if (group.isEmpty()) {
                return copies;
            }
            copies.add(new Copy(shards(memory, group)));
            left.removeAll(group);
        }
        for (List<Device> group : new Division(memory, left).groups()) {
            copies.add(new Copy(shards(memory, group)));
        }
        return copies;
    }

    /** A single copy on the fewest devices, the fastest of such; none if there is none. */
    static List<Copy> best(ModelMemory memory, List<Device> devices) {
        List<Device> useful = useful(memory, devices);
        List<Device> group =
                useful.size() > MOST
                        ? fewest(memory, useful)
                        : new Division(memory, useful).group();
        return group.isEmpty() ? List.of() : List.of(new Copy(shards(memory, group)));
    }

    private static List<Device> useful(ModelMemory memory, List<Device> devices) {
        return devices.stream().filter(device -> room(memory, device, false) > 0).toList();
    }

    private static int room(ModelMemory memory, Device device, boolean isFirst) {
        return memory.fitting(device.usable(), isFirst, /* isAlone= */ false);
    }

    // All sets of a few devices.

    private long worth(int set) {
        int first = Integer.numberOfTrailingZeros(set);
        int size = 0;
        int sum = 0;
        for (int d = first; d < devices.size(); d++) {
            if ((set >> d & 1) > 0) {
                size++;
                sum += d == first ? asFirst[d] : behind[d];
            }
        }
        return size > 1 && size <= memory.layers() && asFirst[first] > 0 && sum >= memory.layers()
                ? COPY - size * DEVICE + SPEED / slowest(set, size)
                : 0;
    }

    /** The most layers on one device, where they are as even as they can be. */
    private int slowest(int set, int size) {
        int first = Integer.numberOfTrailingZeros(set);
        int most = (memory.layers() - 1) / size;
        int sum;
        do {
            most++;
            sum = 0;
            for (int d = first; d < devices.size(); d++) {
                if ((set >> d & 1) > 0) {
                    sum += Math.min(most, d == first ? asFirst[d] : behind[d]);
                }
            }
        } while (sum < memory.layers());
        return most;
    }

    private List<Device> group(int set) {
        return IntStream.range(0, devices.size())
                .filter(d -> (set >> d & 1) > 0)
                .mapToObj(devices::get)
                .toList();
    }

    /** The copy that is worth the most. */
    private List<Device> group() {
        int best = 0; // which is worth nothing
        for (int set = 1; set < worth.length; set++) {
            if (worth[set] > worth[best]) {
                best = set;
            }
        }
        return group(best);
    }

    /** The copies that are worth the most; of several such, those of what was listed first. */
    private List<List<Device>> groups() {
        long[] sum = new long[worth.length]; // of the best copies of a set
        int[] copy = new int[worth.length]; // the one among them of the set's first device, or none
        for (int set = 1; set < worth.length; set++) {
            int first = Integer.lowestOneBit(set);
            int rest = set ^ first;
            int others = 0;
            do {
                long found = worth[first | others] + sum[rest ^ others];
                if (worth[first | others] > 0 && found > sum[set]) {
                    sum[set] = found;
                    copy[set] = first | others;
                }
                others = (others - rest) & rest; // the next subset of the rest
            } while (others != 0);
            if (sum[rest] > sum[set]) {
                sum[set] = sum[rest];
                copy[set] = 0;
            }
        }
        List<List<Device>> groups = new ArrayList<>();
        int set = worth.length - 1;
        while (set != 0) {
            if (copy[set] != 0) {
                groups.add(group(copy[set]));
            }
            set ^= copy[set] != 0 ? copy[set] : Integer.lowestOneBit(set);
        }
        return groups;
    }

    // One copy of many devices.

    /** The fewest that hold a copy: large ones, and as the last of them the smallest that does. */
    private static List<Device> fewest(ModelMemory memory, List<Device> devices) {
        for (int size = 2; size <= devices.size(); size++) {
            for (int first = 0; first + size <= devices.size(); first++) {
                List<Device> group = fewest(memory, devices.subList(first, devices.size()), size);
                if (!group.isEmpty()) {
                    return group;
                }
            }
        }
        return List.of();
    }

    /** So many, with the first device as the first; none if they hold no copy. */
    private static List<Device> fewest(ModelMemory memory, List<Device> devices, int size) {
        Comparator<Device> byRoom = Comparator.comparing(device -> room(memory, device, false));
        List<Device> behind =
                devices.stream().skip(1).sorted(byRoom.reversed()).collect(Collectors.toList());
        List<Device> group = new ArrayList<>(behind.subList(0, size - 2));
        group.add(0, devices.get(0));
        behind.removeAll(group);
        int[] room = rooms(memory, group);
        int missing = memory.layers() - IntStream.of(room).sum();
        Optional<Device> last =
                behind.stream()
                        .filter(device -> room(memory, device, false) >= missing)
                        .min(byRoom);
        if (room[0] <= 0 || last.isEmpty()) {
            return List.of();
        }
        group.add(last.get());
        return devices.stream().filter(group::contains).toList();
    }

    // Within a copy.

    private static int[] rooms(ModelMemory memory, List<Device> group) {
        return IntStream.range(0, group.size())
                .map(d -> room(memory, group.get(d), d == 0))
                .toArray();
    }

    /** A copy's layers, as evenly as memory allows. */
    private static List<Shard> shards(ModelMemory memory, List<Device> group) {
        int size = group.size();
        int[] room = rooms(memory, group);
        int[] count = new int[size];
        int left = memory.layers();
        List<Integer> order =
                IntStream.range(0, size)
                        .boxed()
                        .sorted(Comparator.comparingInt(d -> room[d]))
                        .toList();
        for (int n = 0; n < size; n++) {
            int d = order.get(n);
            count[d] = Math.min(room[d], left / (size - n));
            left -= count[d];
        }
        List<Shard> shards = new ArrayList<>();
        int first = 0;
        for (int d = 0; d < size; d++) {
            shards.add(new Shard(group.get(d), first, count[d], 0));
            first += count[d];
        }
        return List.copyOf(shards);
    }
}
