package io.github.baichuanreward.cpu;

import io.github.baichuanreward.checkpoint.Checkpoint;
import io.github.baichuanreward.checkpoint.DType;
import io.github.baichuanreward.checkpoint.Tensor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import java.util.SplittableRandom;

/**
 * Random numbers that float32, float16 and bfloat16 hold alike: of either sign, with magnitudes
 * from 2^-6 to 2^-1 and 7 bits of mantissa. So products of all types can be checked against each
 * other as closely as float32 can.
 */
final class RandomWeights {

    private static final int SMALLEST_EXPONENT = -6;
    private static final int EXPONENTS = 5;
    private static final int MANTISSA_BITS = 7;

    private RandomWeights() {}

    /**
     * Writes a matrix to a temporary file, which ends with the process.
     *
     * @param dtype {@code FLOAT32}, {@code FLOAT16} or {@code BFLOAT16}
     */
    static Tensor matrix(DType dtype, int rows, int columns) throws IOException {
        Path file = Files.createTempFile("weights-", ".safetensors");
        file.toFile().deleteOnExit();
        long bytes = (long) rows * columns * dtype.bytes();
        byte[] header =
                "{\"w\":{\"dtype\":\"%s\",\"shape\":[%d,%d],\"data_offsets\":[0,%d]}}"
                        .formatted(name(dtype), rows, columns, bytes)
                        .getBytes(StandardCharsets.US_ASCII);
        SplittableRandom random = new SplittableRandom(bytes);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            ByteBuffer start = buffer(Long.BYTES + header.length);
            write(channel, start.putLong(header.length).put(header));
            ByteBuffer row = buffer(columns * dtype.bytes());
            for (int r = 0; r < rows; r++) {
                for (int c = 0; c < columns; c++) {
                    put(row, dtype, random.nextInt());
                }
                write(channel, row);
            }
        }
        return Objects.requireNonNull(Checkpoint.openFile(file).find("w"));
    }

    /** The same kind of numbers on the heap. */
    static float[] floats(int count) {
        SplittableRandom random = new SplittableRandom(count);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = Float.intBitsToFloat(bits(random.nextInt(), 127, MANTISSA_BITS) << 16);
        }
        return values;
    }

    private static void put(ByteBuffer row, DType dtype, int random) {
        switch (dtype) {
            case FLOAT32 -> row.putInt(bits(random, 127, MANTISSA_BITS) << 16);
            case BFLOAT16 -> row.putShort((short) bits(random, 127, MANTISSA_BITS));
            case FLOAT16 -> row.putShort((short) bits(random, 15, 10));
            default -> throw new IllegalArgumentException(dtype + " is no type of weights");
        }
    }

    /** Sign, exponent and mantissa, in the 16 bits of a type. */
    private static int bits(int random, int bias, int mantissaBits) {
        int sign = random & 0x8000;
        int exponent = bias + SMALLEST_EXPONENT + (random >>> 16) % EXPONENTS;
        int mantissa = (random & 0x7F) << (mantissaBits - MANTISSA_BITS);
        return sign | exponent << mantissaBits | mantissa;
    }

    private static String name(DType dtype) {
        return switch (dtype) {
            case FLOAT32 -> "F32";
            case FLOAT16 -> "F16";
            case BFLOAT16 -> "BF16";
            default -> throw new IllegalArgumentException(dtype + " is no type of weights");
        };
    }

    private static ByteBuffer buffer(int bytes) {
        return ByteBuffer.allocateDirect(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static void write(FileChannel channel, ByteBuffer buffer) throws IOException {
        buffer.flip();
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
        buffer.clear();
    }
}
