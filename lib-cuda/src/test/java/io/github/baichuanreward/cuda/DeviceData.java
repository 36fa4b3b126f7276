package io.github.baichuanreward.cuda;

import io.github.baichuanreward.checkpoint.DType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;
import java.util.function.Consumer;

/** Numbers to a device and back, for tests of single kernels; all belongs to the device. */
final class DeviceData {

    private static final byte NOT_A_NUMBER = (byte) 0xff; // in every float type

    private final CudaDevice device;
    private final Random random = new Random(11);

    /** On a device that is entered. */
    DeviceData(CudaDevice device) {
        this.device = device;
    }

    /** Numbers on both sides. */
    static final class Numbers {

        private final float[] values;
        private final DeviceBuffer buffer;

        private Numbers(float[] values, DeviceBuffer buffer) {
            this.values = values;
            this.buffer = buffer;
        }

        /** As the device has them, rounded to its type. */
        float[] values() {
            return values;
        }

        DeviceBuffer buffer() {
            return buffer;
        }
    }

    /** Normal numbers. */
    Numbers normal(DType type, int count, double mean, double deviation) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (mean + deviation * random.nextGaussian());
        }
        return numbers(type, values);
    }

    /** These numbers, which are rounded in place. */
    Numbers numbers(DType type, float[] values) {
        ByteBuffer bytes = bytes(values.length * type.bytes());
        type.fromFloats(bytes, 0, values, 0, values.length);
        type.toFloats(values, 0, bytes, 0, values.length);
        return new Numbers(values, upload(bytes));
    }

    DeviceBuffer integers(int... values) {
        ByteBuffer bytes = bytes(values.length * Integer.BYTES);
        bytes.asIntBuffer().put(values);
        return upload(bytes);
    }

    DeviceBuffer signedBytes(byte... values) {
        return upload(ByteBuffer.wrap(values));
    }

    /** Memory that is no number anywhere, so that what is not written shows. */
    DeviceBuffer unwritten(DType type, int count) {
        byte[] bytes = new byte[count * type.bytes()];
        Arrays.fill(bytes, NOT_A_NUMBER);
        return upload(ByteBuffer.wrap(bytes));
    }

    /** What kernels have written, when they have. */
    float[] read(DType type, DeviceBuffer buffer, int count) {
        float[] values = new float[count];
        int bytes = count * type.bytes();
        through(
                bytes,
                host -> {
                    device.download(host, buffer, bytes);
                    device.awaitCompute();
                    type.toFloats(values, 0, host.bytes(), 0, count);
                });
        return values;
    }

    private DeviceBuffer upload(ByteBuffer bytes) {
        DeviceBuffer buffer =
                DeviceBuffer.allocate(
                        device.cuda(), device.resources(), bytes.capacity(), "a test");
        through(
                bytes.capacity(),
                host -> {
                    host.bytes().put(bytes);
                    device.uploadInput(buffer, host, bytes.capacity());
                    device.awaitCompute();
                });
        return buffer;
    }

    private void through(int bytes, Consumer<HostBuffer> copy) {
        try (Resources own = new Resources()) {
            copy.accept(HostBuffer.allocate(device.cuda(), own, bytes));
        }
    }

    private static ByteBuffer bytes(int count) {
        return ByteBuffer.allocate(count).order(ByteOrder.LITTLE_ENDIAN);
    }
}
