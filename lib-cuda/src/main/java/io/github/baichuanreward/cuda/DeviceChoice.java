package io.github.baichuanreward.cuda;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.cuda.CudaDevice.Properties;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which devices a model can run on, or why none can be used and what to do. Looks at driver and
 * devices and takes none into use.
 *
 * @param devices by their numbers; none where there is a problem
 * @param problem null where there is none
 */
record DeviceChoice(List<Properties> devices, @Nullable String problem) {

    private static final int NO_DEVICE = 100;

    /**
     * Looks.
     *
     * @param wanted device numbers; empty for all that can be used
     * @throws BackendException if the driver fails
     */
    static DeviceChoice of(List<Integer> wanted) {
        String missing = CudaLibraries.driver().problem();
        if (missing != null) {
            return none(missing);
        }
        int code = CudaDevice.initialize();
        if (code != 0) {
            return none(driverProblem(code));
        }
        if (wanted.size() > 1) {
            return none(
                    "devices %s were given, but this version computes on one; give one of them"
                            .formatted(wanted));
        }
        int count = CudaDevice.count();
        if (wanted.isEmpty()) {
            return allUsable(count);
        }
        int ordinal = wanted.get(0);
        if (ordinal < 0 || ordinal >= count) {
            return none(
                    "there is no device %d, but %d, numbered from 0; see nvidia-smi"
                            .formatted(ordinal, count));
        }
        return usable(CudaDevice.properties(ordinal));
    }

    /** One that cannot even be asked does not hide the others. */
    private static DeviceChoice allUsable(int count) {
        List<Properties> usable = new ArrayList<>();
        List<String> problems = new ArrayList<>();
        for (int ordinal = 0; ordinal < count; ordinal++) {
            try {
                DeviceChoice choice = usable(CudaDevice.properties(ordinal));
                usable.addAll(choice.devices());
                if (choice.problem() != null) {
                    problems.add(choice.problem());
                }
            } catch (BackendException e) {
                problems.add(Cuda.reason(e));
            }
        }
        if (!usable.isEmpty()) {
            return new DeviceChoice(List.copyOf(usable), null);
        }
        return none(problems.isEmpty() ? driverProblem(NO_DEVICE) : problems.get(0));
    }

    /**
     * The one for a model: the first whose memory holds it, else the one with the most.
     *
     * @param needed bytes
     * @throws java.util.NoSuchElementException if there is a problem
     */
    Properties device(long needed) {
        return devices.stream()
                .filter(device -> device.bytes() >= needed)
                .findFirst()
                .or(() -> devices.stream().max(Comparator.comparingLong(Properties::bytes)))
                .orElseThrow();
    }

    /** The first other device whose memory holds so many bytes, or null. */
    @Nullable Properties otherThan(Properties device, long needed) {
        for (Properties other : devices) {
            if (other.ordinal() != device.ordinal() && other.bytes() >= needed) {
                return other;
            }
        }
        return null;
    }

    /** Whether a device can run the kernels. */
    static DeviceChoice usable(Properties device) {
        if (device.driver() < KernelImages.OLDEST_DRIVER) {
            return none(
                    ("the NVIDIA driver is of CUDA %d.%d; install driver 450 or newer, which is of"
                                    + " CUDA %d")
                            .formatted(
                                    device.driver() / 1000,
                                    device.driver() % 1000 / 10,
                                    KernelImages.OLDEST_DRIVER / 1000));
        }
        if (device.major() < KernelImages.OLDEST_MAJOR) {
            return none(
                    ("%s has compute capability %d.%d, and the kernels need %d.0 (Ampere, 2020) or"
                                    + " newer; use a newer GPU, or --backend cpu")
                            .formatted(
                                    device.label(),
                                    device.major(),
                                    device.minor(),
                                    KernelImages.OLDEST_MAJOR));
        }
        return new DeviceChoice(List.of(device), null);
    }

    private static String driverProblem(int code) {
        return code == NO_DEVICE
                ? "the NVIDIA driver finds no GPU; see nvidia-smi, and CUDA_VISIBLE_DEVICES"
                : "driver: cuInit: %s; see nvidia-smi, and reboot after an update of the driver"
                        .formatted(Cuda.errorName(code));
    }

    private static DeviceChoice none(String problem) {
        return new DeviceChoice(List.of(), problem);
    }
}
