package io.github.baichuanreward.checkpoint;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Makes safetensors files: right ones from tensors, wrong ones from any header. */
public final class SafetensorsBuilder {
    private final List<String> entries = new ArrayList<>();
    private final ByteArrayOutputStream data = new ByteArrayOutputStream();

    /** Appends a tensor to header and data. */
    public SafetensorsBuilder tensor(String name, String dtype, String shape, byte[] bytes) {
        entries.add(entry(name, dtype, shape, data.size(), data.size() + (long) bytes.length));
        data.writeBytes(bytes);
        return this;
    }

    byte[] bytes() {
        return file("{" + String.join(",", entries) + "}", data.toByteArray());
    }

    /** Writes the file. */
    public Path write(Path path) throws IOException {
        return Files.write(path, bytes());
    }

    static String entry(String name, String dtype, String shape, long begin, long end) {
        return "\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
                .formatted(name, dtype, shape, begin, end);
    }

    static byte[] file(String header, byte[] data) {
        byte[] json = header.getBytes(StandardCharsets.UTF_8);
        return file(json.length, json, data);
    }

    static byte[] file(long headerLength, byte[] header, byte[] data) {
        return ByteBuffer.allocate(8 + header.length + data.length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(headerLength)
                .put(header)
                .put(data)
                .array();
    }

    /** Little-endian float32. */
    public static byte[] floats(float... values) {
        ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        for (float value : values) {
            bytes.putFloat(value);
        }
        return bytes.array();
    }

    /** What a header calls a float type. */
    public static String name(DType type) {
        return switch (type) {
            case FLOAT32 -> "F32";
            case FLOAT16 -> "F16";
            case BFLOAT16 -> "BF16";
            default -> throw new IllegalArgumentException(type + " is not a float type");
        };
    }

    /** Little-endian elements of a float type, each rounded to the nearest. */
    public static byte[] rounded(DType type, float... values) {
        if (type == DType.FLOAT32) {
            return floats(values);
        }
        ByteBuffer bytes = ByteBuffer.allocate(2 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        for (float value : values) {
            bytes.putShort(
                    type == DType.FLOAT16
                            ? DType.floatToHalf(value)
                            : DType.floatToBfloat16(value));
        }
        return bytes.array();
    }
}
