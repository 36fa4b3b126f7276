package io.github.baichuanreward.checkpoint;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Writes pickles instruction by instruction, right ones and wrong ones. */
final class PickleBuilder {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private byte[] idEnd = new byte[0];

    /** A pickle of protocol 2, as torch.save writes by default. */
    static PickleBuilder protocol2() {
        return new PickleBuilder().op(0x80, 2);
    }

    /** Raw bytes: an instruction and its argument. */
    PickleBuilder op(int... bytes) {
        for (int b : bytes) {
            out.write(b);
        }
        return this;
    }

    /** An instruction without argument, by its letter. */
    PickleBuilder op(char letter) {
        return op((int) letter);
    }

    PickleBuilder int32(long value) {
        out.writeBytes(little(4).putInt((int) value).array());
        return this;
    }

    PickleBuilder int64(long value) {
        out.writeBytes(little(8).putLong(value).array());
        return this;
    }

    PickleBuilder raw(byte[] bytes) {
        out.writeBytes(bytes);
        return this;
    }

    PickleBuilder global(String module, String name) {
        return op('c').raw((module + "\n" + name + "\n").getBytes(StandardCharsets.UTF_8));
    }

    PickleBuilder text(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        return op('X').int32(bytes.length).raw(bytes);
    }

    /** A number as LONG1 of 8 bytes, which holds any. */
    PickleBuilder number(long value) {
        return op(0x8a, 8).int64(value);
    }

    PickleBuilder numbers(long... values) {
        op('(');
        for (long value : values) {
            number(value);
        }
        return op('t');
    }

    PickleBuilder storage(String storageClass, String key, long elements) {
        op('(').text("storage")
                .global("torch", storageClass)
                .text(key)
                .text("cpu")
                .number(elements);
        return raw(idEnd).op('t').op('Q');
    }

    /** From here on persistent ids have a sixth item: None. */
    PickleBuilder legacy() {
        return idEnd(new PickleBuilder().op('N'));
    }

    /** From here on persistent ids end in what that pushes. */
    PickleBuilder idEnd(PickleBuilder item) {
        idEnd = item.bytes();
        return this;
    }

    PickleBuilder orderedDict() {
        return global("collections", "OrderedDict").op(')').op('R');
    }

    /** Puts a tensor on the stack: a view of the float32 storage {@code key}. */
    PickleBuilder tensor(String key, long elements, long offset, long[] shape, long[] strides) {
        return tensor("FloatStorage", key, elements, offset, shape, strides);
    }

    PickleBuilder tensor(
            String storageClass,
            String key,
            long elements,
            long offset,
            long[] shape,
            long[] strides) {
        global("torch._utils", "_rebuild_tensor_v2")
                .op('(')
                .storage(storageClass, key, elements)
                .number(offset);
        return numbers(shape).numbers(strides).op(0x89).orderedDict().op('t').op('R');
    }

    /** The pickle as it is so far. */
    byte[] bytes() {
        return out.toByteArray();
    }

    byte[] stop() {
        return op('.').bytes();
    }

    private static ByteBuffer little(int count) {
        return ByteBuffer.allocate(count).order(ByteOrder.LITTLE_ENDIAN);
    }
}
