package io.github.baichuanreward.cuda;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.cuda.CudaDevice.Properties;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
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

    /** Which devices CUDA shows, and numbers from 0; nvidia-smi does not heed it. */
    private static final String VISIBLE = "CUDA_VISIBLE_DEVICES";

    private static final String ORDER = "CUDA_DEVICE_ORDER";

    private static final String AS_NVIDIA_SMI = "PCI_BUS_ID";

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
            return none(driverProblem(code, System.getenv()));
        }
        int count = CudaDevice.count();
        if (wanted.isEmpty()) {
            return allUsable(count);
        }
        List<Properties> asked = new ArrayList<>();
        for (int ordinal : wanted) {
            if (ordinal < 0 || ordinal >= count) {
                return none(missing(ordinal, count, System.getenv()));
            }
            DeviceChoice choice =
                    usable(CudaDevice.properties(ordinal), remedy(count, System.getenv()));
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
        return none(
                problems.isEmpty() ? driverProblem(NO_DEVICE, System.getenv()) : problems.get(0));
    }

    /** Whether a device can run the kernels. */
    static DeviceChoice usable(Properties device) {
        return usable(device, "use a newer GPU, or --backend cpu");
    }

    private static DeviceChoice usable(Properties device, String remedy) {
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
                    "%s has compute capability %d.%d, and the kernels need %d.0 (Ampere, 2020) or newer; %s"
                            .formatted(
                                    device.label(),
                                    device.major(),
                                    device.minor(),
                                    KernelImages.OLDEST_MAJOR,
                                    remedy));
        }
        return new DeviceChoice(List.of(device), null);
    }

    /** A number was asked for that none of so many devices has. */
    static String missing(int ordinal, int count, Map<String, String> environment) {
        String visible = visible(environment);
        return "there is no device %d, but %d, numbered from 0; %s"
                .formatted(ordinal, count, visible.isEmpty() ? "see nvidia-smi" : visible);
    }

    /** What to do where a device that was asked for is of no use: another may have been meant. */
    static String remedy(int count, Map<String, String> environment) {
        String remedy = "use a newer GPU, or --backend cpu without --devices";
        if (count == 1) {
            return remedy;
        }
        String visible = visible(environment);
        if (!visible.isEmpty()) {
            remedy += "; " + visible;
        }
        // CUDA's own order is the fastest first, and nvidia-smi's by place on the bus.
        return AS_NVIDIA_SMI.equals(environment.get(ORDER))
                ? remedy
                : "%s; devices are numbered as nvidia-smi does if %s=%s is set"
                        .formatted(remedy, ORDER, AS_NVIDIA_SMI);
    }

    static String driverProblem(int code, Map<String, String> environment) {
        if (code != NO_DEVICE) {
            return "driver: cuInit: %s; see nvidia-smi, and reboot after an update of the driver"
                    .formatted(Cuda.errorName(code));
        }
        String visible = environment.get(VISIBLE);
        return visible == null
                ? "the NVIDIA driver finds no GPU; see nvidia-smi"
                : "the NVIDIA driver finds no GPU; %s is \"%s\", and hides all others; see nvidia-smi"
                        .formatted(VISIBLE, visible);
    }

    private static String visible(Map<String, String> environment) {
        String visible = environment.get(VISIBLE);
        return visible == null
                ? ""
                : "%s is \"%s\", and numbers count within it".formatted(VISIBLE, visible);
    }

    private static DeviceChoice none(String problem) {
        return new DeviceChoice(List.of(), problem);
    }
}
