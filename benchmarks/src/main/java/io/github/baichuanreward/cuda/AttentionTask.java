package io.github.baichuanreward.cuda;

import io.github.baichuanreward.batch.Segment;
import io.github.baichuanreward.checkpoint.DType;
import io.github.baichuanreward.model.BaichuanConfig;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * Attention of one layer on sequences of one length, packed one behind the other: what is asked
 * for, and where it lies on a device. Everything belongs to the device.
 */
final class AttentionTask {

    /**
     * Sizes.
     *
     * @param half type of queries, keys, values and result
     * @param tokens of each sequence
     */
    record Shape(DType half, int sequences, int tokens, int heads, int headDim) {

        int rows() {
            return sequences * tokens;
        }

        int hidden() {
            return heads * headDim;
        }

        /** What scores are multiplied by before the bias is added. */
        float scale() {
            return (float) (1 / Math.sqrt(headDim));
        }

        /** ALiBi's slopes of a model with so many heads. */
        float[] slopes() {
            return new BaichuanConfig(1, hidden(), 1, 1, heads, tokens, 1e-6f).slopes();
        }

        /** Of the two products, of the half of them that the causal mask leaves. */
        double operations() {
            return 2.0 * sequences * heads * headDim * tokens * tokens;
        }

        List<Segment> segments() {
            return IntStream.range(0, sequences)
                    .mapToObj(s -> Segment.of(s * tokens, tokens))
                    .toList();
        }
    }

    private final CudaDevice device;
    private final Shape shape;
    private final float[] values;
    private final DeviceBuffer qkv;
    private final DeviceBuffer context;

    /** Draws queries, keys and values, on a device that is entered. */
    AttentionTask(CudaDevice device, Shape shape) {
        this.device = device;
        this.shape = shape;
        SplittableRandom random = new SplittableRandom(shape.tokens());
        values = new float[shape.rows() * 3 * shape.hidden()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextDouble(-1.7, 1.7); // of variance 1, as norms leave it
        }
        qkv = upload(shape.half(), values, "queries, keys and values");
        context = allocate((long) shape.rows() * shape.hidden() * shape.half().bytes(), "context");
    }

    CudaDevice device() {
        return device;
    }

    Shape shape() {
        return shape;
    }

    /** {@code [rows, 3 * hidden]}, as the device has them. */
    float[] values() {
        return values;
    }

    /** The same, on the device. */
    DeviceBuffer qkv() {
        return qkv;
    }

    /** The result, {@code [rows, hidden]}. */
    DeviceBuffer context() {
        return context;
    }

    /** Waits, and fetches the result. */
    float[] read() {
        float[] found = new float[shape.rows() * shape.hidden()];
        try (Resources own = new Resources()) {
            HostBuffer host = HostBuffer.allocate(device.cuda(), own, (int) context.bytes());
            device.download(host, context, context.bytes());
            device.awaitCompute();
            shape.half().toFloats(found, 0, host.bytes(), 0, found.length);
        }
        return found;
    }

    DeviceBuffer allocate(long bytes, String purpose) {
        return DeviceBuffer.allocate(device.cuda(), device.resources(), bytes, purpose);
    }

    /** Numbers to the device, where they stay; rounded in place to what it has. */
    DeviceBuffer upload(DType type, float[] numbers, String purpose) {
        DeviceBuffer target = allocate((long) numbers.length * type.bytes(), purpose);
        upload(
                target,
                bytes -> {
                    type.fromFloats(bytes, 0, numbers, 0, numbers.length);
                    type.toFloats(numbers, 0, bytes, 0, numbers.length);
                });
        return target;
    }

    DeviceBuffer upload(int[] numbers, String purpose) {
        DeviceBuffer target = allocate((long) numbers.length * Integer.BYTES, purpose);
        upload(target, bytes -> bytes.asIntBuffer().put(numbers));
        return target;
    }

    /** What writes bytes that a device is to have. */
    interface Content {
        void write(ByteBuffer bytes);
    }

    /** Fills a buffer, and waits until it is filled. */
    void upload(DeviceBuffer target, Content content) {
        try (Resources own = new Resources()) {
            HostBuffer host = HostBuffer.allocate(device.cuda(), own, (int) target.bytes());
            content.write(host.bytes());
            device.uploadInput(target, host, target.bytes());
            device.awaitCompute();
        }
    }
}
