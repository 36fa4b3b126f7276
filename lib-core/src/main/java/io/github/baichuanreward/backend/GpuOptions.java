package io.github.baichuanreward.backend;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which GPUs a model runs on, and how it is divided among them. Whatever is chosen changes speed
 * and memory, never a reward, as long as all GPUs are of one kind.
 *
 * @param devices device numbers, in order; empty leaves the choice to the backend. A device may be
 *     listed more than once
 * @param layersPerDevice how many decoder layers each device of a copy of the model holds: {@code
 *     [20, 20]} divides one of 40 layers between two, and makes two such copies of four devices.
 *     Empty divides no more than memory demands
 * @param offload whether, where the devices cannot hold the model otherwise, layers may stay in the
 *     host's memory and be sent to the device for each batch
 * @param libraries where to look for CUDA's libraries, and nowhere else; null leaves the choice to
 *     the backend
 */
public record GpuOptions(
        List<Integer> devices,
        List<Integer> layersPerDevice,
        boolean offload,
        @Nullable Path libraries) {

    /**
     * Copies the lists.
     *
     * @throws IllegalArgumentException if a device is to hold no layer
     */
    public GpuOptions {
        devices = List.copyOf(devices);
        layersPerDevice = List.copyOf(layersPerDevice);
        if (layersPerDevice.stream().anyMatch(layers -> layers < 1)) {
            throw new IllegalArgumentException(
                    "layersPerDevice is "
                            + layersPerDevice
                            + "; give a positive number of layers for each device");
        }
    }

    /** All is left to the backend, and nothing stays in the host's memory. */
    public static GpuOptions defaults() {
        return new GpuOptions(List.of(), List.of(), false, null);
    }

    /** The same on these devices. */
    public GpuOptions withDevices(List<Integer> devices) {
        return new GpuOptions(devices, layersPerDevice, offload, libraries);
    }

    /** The same, divided so. */
    public GpuOptions withLayersPerDevice(List<Integer> layersPerDevice) {
        return new GpuOptions(devices, layersPerDevice, offload, libraries);
    }

    /** The same with or without layers in the host's memory. */
    public GpuOptions withOffload(boolean offload) {
        return new GpuOptions(devices, layersPerDevice, offload, libraries);
    }

    /** The same with CUDA's libraries of this folder. */
    public GpuOptions withLibraries(@Nullable Path libraries) {
        return new GpuOptions(devices, layersPerDevice, offload, libraries);
    }

    /** Whether anything of it is a wish that only GPUs can meet. */
    public boolean isWish() {
        return !devices.isEmpty() || !layersPerDevice.isEmpty() || offload;
    }
}
