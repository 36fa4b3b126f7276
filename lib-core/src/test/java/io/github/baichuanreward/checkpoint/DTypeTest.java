package io.github.baichuanreward.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class DTypeTest {

    /** A half by the definition of IEEE 754, in doubles. */
    private static double half(int bits) {
        int exponent = (bits >> 10) & 31;
        int mantissa = bits & 1023;
        double magnitude;
        if (exponent == 31) {
            magnitude = mantissa == 0 ? Double.POSITIVE_INFINITY : Double.NaN;
        } else if (exponent == 0) {
            magnitude = mantissa * Math.pow(2, -24);
        } else {
            magnitude = (1 + mantissa / 1024.0) * Math.pow(2, exponent - 15);
        }
        return bits >> 15 == 0 ? magnitude : -magnitude;
    }

    /** A bfloat16 by its definition, in doubles. */
    private static double bfloat16(int bits) {
        int exponent = (bits >> 7) & 255;
        int mantissa = bits & 127;
        double magnitude;
        if (exponent == 255) {
            magnitude = mantissa == 0 ? Double.POSITIVE_INFINITY : Double.NaN;
        } else if (exponent == 0) {
            magnitude = mantissa * Math.pow(2, -133);
        } else {
            magnitude = (1 + mantissa / 128.0) * Math.pow(2, exponent - 127);
        }
        return bits >> 15 == 0 ? magnitude : -magnitude;
    }

    @Test
    void everyHalfHasItsExactValue() {
        for (int bits = 0; bits < 65_536; bits++) {
            // Double.compare tells -0 from 0 and takes all NaN as equal.
            assertThat(Double.compare(DType.halfToFloat((short) bits), half(bits)))
                    .as("half %04x", bits)
                    .isZero();
        }
    }

    @Test
    void everyBfloat16HasItsExactValue() {
        for (int bits = 0; bits < 65_536; bits++) {
            assertThat(Double.compare(DType.bfloat16ToFloat((short) bits), bfloat16(bits)))
                    .as("bfloat16 %04x", bits)
                    .isZero();
        }
    }

    @Test
    void bulkConversionOfAllBitPatternsEqualsTheSingleOnes() {
        ByteBuffer all = ByteBuffer.allocateDirect(2 * 65_536).order(ByteOrder.LITTLE_ENDIAN);
        for (int bits = 0; bits < 65_536; bits++) {
            all.putShort((short) bits);
        }
        float[] halves = new float[65_536];
        float[] bfloat16s = new float[65_536];
        DType.FLOAT16.toFloats(halves, 0, all.flip(), 0, 65_536);
        DType.BFLOAT16.toFloats(bfloat16s, 0, all, 0, 65_536);
        for (int bits = 0; bits < 65_536; bits++) {
            assertThat(Float.compare(halves[bits], DType.halfToFloat((short) bits)))
                    .as("half %04x", bits)
                    .isZero();
            assertThat(Float.compare(bfloat16s[bits], DType.bfloat16ToFloat((short) bits)))
                    .as("bfloat16 %04x", bits)
                    .isZero();
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FLOAT32", "FLOAT16", "BFLOAT16"})
    void bulkConversionTakesElementsByAbsoluteIndexAndTouchesNothingElse(DType type) {
        // 1, 2, 3, 4, 5 in each of the types; the position and a big-endian order must not matter.
        ByteBuffer source = ByteBuffer.allocate(5 * type.bytes()).order(ByteOrder.LITTLE_ENDIAN);
        for (float value = 1; value <= 5; value++) {
            switch (type) {
                case FLOAT32 -> source.putFloat(value);
                case FLOAT16 ->
                        source.putShort(
                                new short[] {0, 0x3c00, 0x4000, 0x4200, 0x4400, 0x4500}
                                        [(int) value]);
                default -> source.putShort((short) (Float.floatToRawIntBits(value) >> 16));
            }
        }
        source.order(ByteOrder.BIG_ENDIAN).position(3);
        float[] destination = new float[6];
        Arrays.fill(destination, -1);
        type.toFloats(destination, 2, source.asReadOnlyBuffer(), 1, 3);
        assertThat(destination).containsExactly(-1, -1, 2, 3, 4, -1);
        assertThat(source.position()).isEqualTo(3);
    }

    @Test
    void bulkConversionOfNothingIsAllowedAtTheVeryEnd() {
        DType.BFLOAT16.toFloats(new float[0], 0, ByteBuffer.allocate(6), 3, 0);
    }

    @Test
    void bulkConversionBeyondTheSourceIsRefused() {
        assertThatThrownBy(
                        () -> DType.FLOAT16.toFloats(new float[9], 0, ByteBuffer.allocate(7), 1, 3))
                .isInstanceOf(IndexOutOfBoundsException.class);
    }

    @Test
    void bulkConversionBeyondTheDestinationIsRefused() {
        assertThatThrownBy(
                        () ->
                                DType.FLOAT32.toFloats(
                                        new float[2], 1, ByteBuffer.allocate(64), 0, 2))
                .isInstanceOf(IndexOutOfBoundsException.class);
    }

    @ParameterizedTest
    @EnumSource(
            names = {"FLOAT32", "FLOAT16", "BFLOAT16"},
            mode = EnumSource.Mode.EXCLUDE)
    void otherTypesHaveNoFloats(DType type) {
        assertThat(type.isFloat()).isFalse();
        assertThatThrownBy(() -> type.toFloats(new float[1], 0, ByteBuffer.allocate(8), 0, 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(type.name());
    }

    @Test
    void theFloatTypesSayHowWideTheyAre() {
        assertThat(DType.FLOAT32.bytes()).isEqualTo(4);
        assertThat(DType.FLOAT16.bytes()).isEqualTo(2);
        assertThat(DType.BFLOAT16.bytes()).isEqualTo(2);
        assertThat(DType.FLOAT32.isFloat() && DType.FLOAT16.isFloat() && DType.BFLOAT16.isFloat())
                .isTrue();
    }
}
