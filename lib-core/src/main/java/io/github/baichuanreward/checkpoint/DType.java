package io.github.baichuanreward.checkpoint;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.ShortBuffer;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The element types that may stand in a checkpoint.
 *
 * <p>Weights are {@link #FLOAT32}, {@link #FLOAT16} or {@link #BFLOAT16}. The others may stand
 * beside them (counters, masks, positions) and are never computed with.
 */
public enum DType {
    /** IEEE 754 single precision. */
    FLOAT32(4, "F32", "FloatStorage"),
    /** IEEE 754 half precision: 5 bits of exponent, 10 of mantissa. */
    FLOAT16(2, "F16", "HalfStorage"),
    /** The upper half of a single: 8 bits of exponent, 7 of mantissa. */
    BFLOAT16(2, "BF16", "BFloat16Storage"),
    /** IEEE 754 double precision; never computed with. */
    FLOAT64(8, "F64", "DoubleStorage"),
    /** Signed integer of 64 bits; never computed with. */
    INT64(8, "I64", "LongStorage"),
    /** Signed integer of 32 bits; never computed with. */
    INT32(4, "I32", "IntStorage"),
    /** Signed integer of 16 bits; never computed with. */
    INT16(2, "I16", "ShortStorage"),
    /** Signed integer of 8 bits; never computed with. */
    INT8(1, "I8", "CharStorage"),
    /** Unsigned integer of 8 bits; never computed with. */
    UINT8(1, "U8", "ByteStorage"),
    /** One byte, 0 or 1; never computed with. */
    BOOL(1, "BOOL", "BoolStorage");

    /** Elements converted at a time: 8 KB, which stay in the nearest cache. */
    private static final int PIECE = 4096;

    private final int bytes;
    private final String safetensorsName;
    private final String storageClass;

    DType(int bytes, String safetensorsName, String storageClass) {
        this.bytes = bytes;
        this.safetensorsName = safetensorsName;
        this.storageClass = storageClass;
    }

    /** Bytes of one element. */
    public int bytes() {
        return bytes;
    }

    /**
     * Whether weights may have this type: {@link #FLOAT32}, {@link #FLOAT16}, {@link #BFLOAT16}.
     */
    public boolean isFloat() {
        return this == FLOAT32 || this == FLOAT16 || this == BFLOAT16;
    }

    /** The value of a half; exact, subnormals and infinities included. */
    public static float halfToFloat(short bits) {
        int magnitude = bits & 0x7fff;
        // Moved into a float's fields, a finite half is the same number with an exponent that is
        // 112 too small.
        float value =
                magnitude >= 0x7c00
                        ? Float.intBitsToFloat((magnitude << 13) | 0x7f800000)
                        : Float.intBitsToFloat(magnitude << 13) * 0x1p112f;
        return Float.intBitsToFloat(Float.floatToRawIntBits(value) | ((bits & 0x8000) << 16));
    }

    /** The value of a bfloat16; exact. */
    public static float bfloat16ToFloat(short bits) {
        return Float.intBitsToFloat(bits << 16);
    }

    /** The half nearest to a value, of two the even one; infinity from 65520 on. */
    public static short floatToHalf(float value) {
        int bits = Float.floatToRawIntBits(value);
        int magnitude = bits & 0x7fffffff;
        int half;
        if (magnitude >= 0x477f_f000) {
            half = magnitude > 0x7f80_0000 ? 0x7e00 : 0x7c00;
        } else if (magnitude >= 0x3880_0000) {
            half = ((magnitude + 0xfff + ((magnitude >> 13) & 1)) >> 13) - (112 << 10);
        } else {
            // Floats from 0.5 on are as far apart as subnormal halves, and have the same last bits.
            half = Float.floatToRawIntBits(Float.intBitsToFloat(magnitude) + 0.5f) - 0x3f00_0000;
        }
        return (short) (half | ((bits >> 16) & 0x8000));
    }

    /** The bfloat16 nearest to a value, of two the even one. */
    public static short floatToBfloat16(float value) {
        int bits = Float.floatToRawIntBits(value);
        if ((bits & 0x7fffffff) > 0x7f80_0000) {
            return (short) ((bits >> 16) | 0x0040); // else a NaN could round to infinity
        }
        return (short) ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    }

    /**
     * Converts elements to floats; exact for all three float types.
     *
     * @param destination receives {@code count} values from index {@code offset} on
     * @param source little-endian elements of this type; its position, limit and byte order are
     *     neither used nor changed except that nothing beyond the limit is read
     * @param first index of the first element, counted from the start of {@code source}
     * @throws IllegalArgumentException if this is not a float type
     * @throws IndexOutOfBoundsException if the elements do not lie inside {@code source} or {@code
     *     destination}
     */
    public void toFloats(float[] destination, int offset, ByteBuffer source, int first, int count) {
        Objects.checkFromIndexSize(offset, count, destination.length);
        Objects.checkFromIndexSize(first, count, source.limit() / bytes);
        ByteBuffer elements =
                source.slice(first * bytes, count * bytes).order(ByteOrder.LITTLE_ENDIAN);
        switch (this) {
            case FLOAT32 -> elements.asFloatBuffer().get(destination, offset, count);
            case FLOAT16, BFLOAT16 -> shortsToFloats(destination, offset, elements.asShortBuffer());
            default ->
                    throw new IllegalArgumentException(
                            this + " is not a float type; it cannot be computed with");
        }
    }

    /**
     * Converts floats to elements of this type, each rounded to the nearest, of two to the even
     * one.
     *
     * @param destination receives {@code count} little-endian elements; its position, limit and
     *     byte order are neither used nor changed except that nothing beyond the limit is written
     * @param first index of the first element, counted from the start of {@code destination}
     * @throws IllegalArgumentException if this is not a float type
     * @throws IndexOutOfBoundsException if the elements do not lie inside {@code destination} or
     *     {@code source}
     */
    public void fromFloats(
            ByteBuffer destination, int first, float[] source, int offset, int count) {
        Objects.checkFromIndexSize(offset, count, source.length);
        Objects.checkFromIndexSize(first, count, destination.limit() / bytes);
        ByteBuffer elements =
                destination.slice(first * bytes, count * bytes).order(ByteOrder.LITTLE_ENDIAN);
        switch (this) {
            case FLOAT32 -> elements.asFloatBuffer().put(source, offset, count);
            case FLOAT16, BFLOAT16 -> floatsToShorts(elements.asShortBuffer(), source, offset);
            default ->
                    throw new IllegalArgumentException(
                            this + " is not a float type; it cannot be computed with");
        }
    }

    /** The type that a safetensors header calls {@code name}, or null. */
    static @Nullable DType ofSafetensors(String name) {
        for (DType type : values()) {
            if (type.safetensorsName.equals(name)) {
                return type;
            }
        }
        return null;
    }

    /** The type of PyTorch's class {@code torch.<name>}, or null. */
    static @Nullable DType ofStorageClass(String name) {
        for (DType type : values()) {
            if (type.storageClass.equals(name)) {
                return type;
            }
        }
        return null;
    }

    /**
     * Copies a piece at a time into an array before converting it. A loop over the buffer itself is
     * as fast where the JIT has seen one kind of buffer only, and several times slower once it has
     * met heap, direct and mapped ones.
     */
    private void shortsToFloats(float[] destination, int offset, ShortBuffer source) {
        short[] piece = new short[Math.min(PIECE, source.remaining())];
        int at = offset;
        while (source.hasRemaining()) {
            int count = Math.min(piece.length, source.remaining());
            source.get(piece, 0, count);
            if (this == FLOAT16) {
                halvesToFloats(destination, at, piece, count);
            } else {
                bfloat16sToFloats(destination, at, piece, count);
            }
            at += count;
        }
    }

    /** By pieces, for the reason given above. */
    private void floatsToShorts(ShortBuffer destination, float[] source, int offset) {
        short[] piece = new short[Math.min(PIECE, destination.remaining())];
        int at = offset;
        while (destination.hasRemaining()) {
            int count = Math.min(piece.length, destination.remaining());
            if (this == FLOAT16) {
                floatsToHalves(piece, source, at, count);
            } else {
                floatsToBfloat16s(piece, source, at, count);
            }
            destination.put(piece, 0, count);
            at += count;
        }
    }

    private static void floatsToHalves(short[] destination, float[] source, int offset, int count) {
        for (int i = 0; i < count; i++) {
            destination[i] = floatToHalf(source[offset + i]);
        }
    }

    private static void floatsToBfloat16s(
            short[] destination, float[] source, int offset, int count) {
        for (int i = 0; i < count; i++) {
            destination[i] = floatToBfloat16(source[offset + i]);
        }
    }

    private static void halvesToFloats(float[] destination, int offset, short[] source, int count) {
        for (int i = 0; i < count; i++) {
            destination[offset + i] = halfToFloat(source[i]);
        }
    }

    private static void bfloat16sToFloats(
            float[] destination, int offset, short[] source, int count) {
        for (int i = 0; i < count; i++) {
            destination[offset + i] = bfloat16ToFloat(source[i]);
        }
    }
}
