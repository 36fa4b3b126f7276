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

    /** Every value goes to itself; between neighbours the nearer is taken, halfway the even one. */
    @ParameterizedTest
    @EnumSource(names = {"FLOAT16", "BFLOAT16"})
    void floatsAreRoundedToTheNearestAndHalfwayToTheEven(DType type) {
        int infinity = type == DType.FLOAT16 ? 0x7c00 : 0x7f80;
        for (int bits = 0; bits < infinity; bits++) {
            double value = type == DType.FLOAT16 ? half(bits) : bfloat16(bits);
            double next = type == DType.FLOAT16 ? half(bits + 1) : bfloat16(bits + 1);
            if (bits + 1 == infinity) {
                next = type == DType.FLOAT16 ? 65_536 : 0x1p128;
            }
            float middle = (float) ((value + next) / 2); // exact: a float has more bits
            int even = bits + (bits & 1);
            for (int sign : new int[] {1, -1}) {
                int mark = sign < 0 ? 0x8000 : 0;
                assertRounded(type, sign * (float) value, bits | mark);
                assertRounded(type, sign * Math.nextDown(middle), bits | mark);
                assertRounded(type, sign * middle, even | mark);
                assertRounded(type, sign * Math.nextUp(middle), (bits + 1) | mark);
            }
        }
    }

    private static void assertRounded(DType type, float value, int bits) {
        short rounded =
                type == DType.FLOAT16 ? DType.floatToHalf(value) : DType.floatToBfloat16(value);
        if (rounded != (short) bits) { // a million assertions would take their time
            assertThat(rounded & 0xffff).as("%s of %s", type, value).isEqualTo(bits);
        }
    }

    @Test
    void infinityAndNanStayWhatTheyAre() {
        float[] nans = {Float.NaN, Float.intBitsToFloat(0x7f80_0001), Float.intBitsToFloat(-1)};
        for (float nan : nans) {
            assertThat(DType.halfToFloat(DType.floatToHalf(nan))).isNaN();
            assertThat(DType.bfloat16ToFloat(DType.floatToBfloat16(nan))).isNaN();
        }
        assertThat(DType.floatToHalf(Float.NEGATIVE_INFINITY)).isEqualTo((short) 0xfc00);
        assertThat(DType.floatToBfloat16(Float.POSITIVE_INFINITY)).isEqualTo((short) 0x7f80);
        assertThat(DType.floatToHalf(Float.MAX_VALUE)).isEqualTo((short) 0x7c00);
    }

    @ParameterizedTest
    @EnumSource(names = {"FLOAT32", "FLOAT16", "BFLOAT16"})
    void bulkRoundingEqualsTheSingleOne(DType type) {
        int count = 10_001; // more than two pieces
        float[] values = new float[count + 3];
        for (int i = 0; i < values.length; i++) {
            values[i] = (i - 5000) * 1.2345e-3f;
        }
        int bytes = type.bytes();
        ByteBuffer target = ByteBuffer.allocateDirect((count + 7) * bytes);
        target.order(ByteOrder.LITTLE_ENDIAN);
        type.fromFloats(target, 5, values, 3, count);
        for (int i = 0; i < count; i++) {
            int at = (5 + i) * bytes;
            float value = values[3 + i];
            switch (type) {
                case FLOAT16 -> assertThat(target.getShort(at)).isEqualTo(DType.floatToHalf(value));
                case BFLOAT16 ->
                        assertThat(target.getShort(at)).isEqualTo(DType.floatToBfloat16(value));
                default -> assertThat(target.getFloat(at)).isEqualTo(value);
            }
        }
        assertThat(target.get(5 * bytes - 1)).isZero();
        assertThat(target.get((5 + count) * bytes)).isZero();
    }

    @Test
    void roundingBeyondTheDestinationIsRefused() {
        assertThatThrownBy(
                        () ->
                                DType.FLOAT16.fromFloats(
                                        ByteBuffer.allocate(6), 2, new float[2], 0, 2))
                .isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(
                        () -> DType.INT8.fromFloats(ByteBuffer.allocate(6), 2, new float[2], 0, 2))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("INT8");
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
