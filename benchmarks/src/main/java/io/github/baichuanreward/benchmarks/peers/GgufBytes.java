package io.github.baichuanreward.benchmarks.peers;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Collects the values of a GGUF header: little-endian, strings with their length in front. */
final class GgufBytes {

    private final ByteArrayOutputStream collected = new ByteArrayOutputStream();

    /** Characters without a length. */
    GgufBytes magic(String value) {
        return bytes(value.getBytes(StandardCharsets.US_ASCII));
    }

    GgufBytes string(String value) {
        byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
        return int64(utf8.length).bytes(utf8);
    }

    GgufBytes bool(boolean value) {
        collected.write(value ? 1 : 0);
        return this;
    }

    GgufBytes int32(int value) {
        return bytes(little(Integer.BYTES).putInt(value).array());
    }

    GgufBytes int64(long value) {
        return bytes(little(Long.BYTES).putLong(value).array());
    }

    GgufBytes float32(float value) {
        return bytes(little(Float.BYTES).putFloat(value).array());
    }

    GgufBytes bytes(byte[] values) {
        collected.writeBytes(values);
        return this;
    }

    byte[] toByteArray() {
        return collected.toByteArray();
    }

    private static ByteBuffer little(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
}
