package io.github.baichuanreward.cuda;

import java.util.ArrayList;
import java.util.List;

/**
 * Layers that stay in the host's page-locked memory and pass through two places on a device: while
 * one is computed with, the next is on its way to the other.
 *
 * <p>Batch after batch they are used in the same order, so the first ones of a batch are sent while
 * the last ones of the batch before are computed with.
 */
final class LayerStream {

    private final CudaDevice device;
    private final List<HostBuffer> layers;
    private final List<Passing> places = new ArrayList<>();

    /** The layer that is used next, and its place. */
    private int next;

    private int place;

    /** A place, and the marks of what happens to it. */
    private static final class Passing {

        final DeviceBuffer memory;
        final DecoderLayer layer;
        final CudaDevice.Mark arrived;
        final CudaDevice.Mark used;

        Passing(CudaDevice device, DeviceBuffer memory, DecoderLayer layer) {
            this.memory = memory;
            this.layer = layer;
            arrived = device.new Mark(device.resources());
            used = device.new Mark(device.resources());
        }
    }

    /**
     * Sends the first layers; on a device that is entered.
     *
     * @param layers in the order in which they are used, as they are on the device; at least as
     *     many as there are places
     * @param memory of the places
     * @param passing computes with the layer in each place
     */
    LayerStream(
            CudaDevice device,
            List<HostBuffer> layers,
            List<DeviceBuffer> memory,
            List<DecoderLayer> passing) {
        this.device = device;
        this.layers = layers;
        for (int n = 0; n < memory.size(); n++) {
            places.add(new Passing(device, memory.get(n), passing.get(n)));
            send(n, places.get(n));
        }
    }

    private void send(int layer, Passing to) {
        HostBuffer from = layers.get(layer);
        device.upload(to.memory, from, from.bytes().capacity());
        to.arrived.set(device.copy());
    }

    /** The next layer, of which kernels that follow can make use until {@link #done}. */
    DecoderLayer take() {
        Passing passing = places.get(place);
        device.waitFor(device.compute(), passing.arrived);
        return passing.layer;
    }

    /** Sends what comes after the next into the place of the one that was used. */
    void done() {
        Passing passing = places.get(place);
        passing.used.set(device.compute());
        device.waitFor(device.copy(), passing.used);
        send((next + places.size()) % layers.size(), passing);
        next = (next + 1) % layers.size();
        place = (place + 1) % places.size();
    }
}
