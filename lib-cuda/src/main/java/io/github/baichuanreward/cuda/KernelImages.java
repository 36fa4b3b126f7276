package io.github.baichuanreward.cuda;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which image of the kernels a device is given: machine code where there is some that it can run,
 * else PTX, which the driver translates once and keeps.
 */
final class KernelImages {

    /**
     * The image that any driver of CUDA 11 or newer translates for any device that is new enough.
     */
    static final String PTX = "compute_80.ptx";

    /** What {@link #PTX} is made for. */
    static final int OLDEST_MAJOR = 8;

    /** The CUDA version whose drivers translate {@link #PTX}. */
    static final int OLDEST_DRIVER = 11_000;

    /** Drivers before this one do not read the machine code that the build makes. */
    private static final int CUBIN_DRIVER = 13_000;

    private static final List<Integer> CUBINS = List.of(120, 100, 90, 80);

    private static final String FOLDER = "/io/github/baichuanreward/kernels/";

    private KernelImages() {}

    /** Names of the images that may fit, the best first. Not all of them need be there. */
    static List<String> candidates(CudaDevice.Properties device) {
        List<String> names = new ArrayList<>();
        int capability = device.major() * 10 + device.minor();
        if (device.driver() >= CUBIN_DRIVER) {
            CUBINS.stream()
                    .filter(cubin -> cubin / 10 == device.major() && cubin <= capability)
                    .findFirst()
                    .ifPresent(cubin -> names.add("sm_" + cubin + ".cubin"));
        }
        names.add(PTX);
        return names;
    }

    /** An image as the driver takes it; null where the build made none. */
    static byte @Nullable [] read(String name) {
        try (InputStream stream = KernelImages.class.getResourceAsStream(FOLDER + name)) {
            if (stream == null) {
                return null;
            }
            byte[] bytes = stream.readAllBytes();
            // A text ends with a zero.
            return name.equals(PTX) ? Arrays.copyOf(bytes, bytes.length + 1) : bytes;
        } catch (IOException e) {
            throw new UncheckedIOException("the kernels' image " + name + " cannot be read", e);
        }
    }
}
