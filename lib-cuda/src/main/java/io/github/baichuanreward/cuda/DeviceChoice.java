package io.github.baichuanreward.cuda;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.cuda.CudaDevice.Properties;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which devices a model can run on, or why none can be used and what to do. Looks at driver and
 * devices and takes none into use.
 *
 * @param devices as they were asked for, or by their numbers; none where there is a problem
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
        int count = CudaDevice.count();
        if (wanted.isEmpty()) {
            return allUsable(count);
        }
        List<Properties> asked = new ArrayList<>();
        for (int ordinal : wanted) {
            if (ordinal < 0 || ordinal >= count) {
                return none(
                        "there is no device %d, but %d, numbered from 0; see nvidia-smi"
                                .formatted(ordinal, count));
            }
            DeviceChoice choice = usable(CudaDevice.properties(ordinal));
            if (choice.problem() != null) {
                return choice;
            }
            asked.addAll(choice.devices());
        }
        return new DeviceChoice(List.copyOf(asked), null);
    }

    /** A device as a plan sees it, of whose memory so many bytes can be used. */
    static LayerPlan.Device device(Properties device, long bytes) {
        String kind = "%s sm_%d%d".formatted(device.name(), device.major(), device.minor());
        return new LayerPlan.Device(device.ordinal(), device.label(), kind, bytes);
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
