package io.github.baichuanreward.checkpoint;

import static io.github.baichuanreward.checkpoint.Fixtures.tensor;
import static io.github.baichuanreward.checkpoint.PickleBuilder.protocol2;
import static io.github.baichuanreward.checkpoint.SafetensorsBuilder.floats;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TensorTest {
    @TempDir private Path directory;

    /** "w" [3, 2] behind one byte, so that it is not aligned. */
    private Tensor unaligned() throws IOException {
        Path path =
                new SafetensorsBuilder()
                        .tensor("byte", "U8", "[1]", new byte[1])
                        .tensor("w", "F32", "[3,2]", floats(1, 2, 3, 4, 5, 6))
                        .write(directory.resolve("x.safetensors"));
        return tensor(Checkpoint.openFile(path), "w");
    }

    @Test
    void mapsAtAnyOffsetReadOnlyLittleEndianAndDirect() throws IOException {
        ByteBuffer mapped = unaligned().map();
        assertThat(mapped.isReadOnly()).isTrue();
        assertThat(mapped.isDirect()).isTrue();
        assertThat(mapped.order()).isEqualTo(ByteOrder.LITTLE_ENDIAN);
        assertThat(mapped.position()).isZero();
        assertThat(mapped.remaining()).isEqualTo(24);
        assertThat(mapped.getFloat(20)).isEqualTo(6);
    }

    @Test
    void mapsRows() throws IOException {
        ByteBuffer rows = unaligned().mapRows(1, 2);
        assertThat(rows.remaining()).isEqualTo(16);
        assertThat(rows.getFloat(0)).isEqualTo(3);
        assertThat(rows.getFloat(12)).isEqualTo(6);
        assertThat(unaligned().mapRows(3, 0).remaining()).isZero();
    }

    @ParameterizedTest
    @CsvSource({"0, 4", "3, 1", "-1, 1", "0, -1", "9223372036854775807, 1"})
    void rowsThatAreNotThereAreTheCallersMistake(long first, int rows) throws IOException {
        Tensor w = unaligned();
        assertThatThrownBy(() -> w.mapRows(first, rows))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("w has 3 rows; asked for " + rows + " from row " + first);
    }

    @Test
    void aScalarHasNoRows() throws IOException {
        Path path =
                new SafetensorsBuilder()
                        .tensor("s", "F32", "[]", floats(1))
                        .write(directory.resolve("s"));
        Tensor scalar = tensor(Checkpoint.openFile(path), "s");
        assertThatThrownBy(() -> scalar.mapRows(0, 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("scalar");
    }

    @Test
    void shapeIsACopy() throws IOException {
        Tensor w = unaligned();
        w.shape()[0] = 99;
        assertThat(w.shape()).containsExactly(3, 2);
    }

    @Test
    void integersHaveNoFloats() throws IOException {
        Path path =
                new SafetensorsBuilder()
                        .tensor("i", "I32", "[1]", new byte[4])
                        .write(directory.resolve("i"));
        Tensor tensor = tensor(Checkpoint.openFile(path), "i");
        assertThatThrownBy(tensor::toFloats)
                .isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll(path.toString(), "\"i\"", "INT32", "BFLOAT16");
    }

    @Test
    void textNamesEverything() throws IOException {
        assertThat(unaligned().toString()).contains("w FLOAT32 [3, 2] in ", "x.safetensors");
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, 1, -24})
    void aFileThatChangedItsLengthIsNotMapped(int change) throws IOException {
        Tensor w = unaligned();
        try (RandomAccessFile file = new RandomAccessFile(w.file().toFile(), "rw")) {
            file.setLength(file.length() + change);
        }
        long was = Files.size(w.file()) - change;
        assertThatThrownBy(w::map)
                .isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll(
                        w.file().toString(), "\"w\"", was + " bytes", "has " + (was + change));
        assertThatThrownBy(() -> w.mapRows(0, 1)).isInstanceOf(CheckpointException.class);
        assertThatThrownBy(w::toFloats).isInstanceOf(CheckpointException.class);
    }

    @Test
    void aFileThatIsGoneIsNamed() throws IOException {
        Tensor w = unaligned();
        Files.delete(w.file());
        assertThatThrownBy(w::map)
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining(w.file().toString());
    }

    /**
     * Random views of up to four dimensions, in every width, against indices computed one by one.
     */
    @ParameterizedTest
    @CsvSource({"ByteStorage, 1", "BFloat16Storage, 2", "FloatStorage, 4", "DoubleStorage, 8"})
    void stridedViewsAreCopiedIntoRowMajorOrder(String storageClass, int width) throws IOException {
        Random random = new Random(7);
        byte[] storage = new byte[997 * width];
        random.nextBytes(storage);
        for (int round = 0; round < 60; round++) {
            long[] shape = new long[1 + random.nextInt(4)];
            long[] strides = new long[shape.length];
            long reach = 1;
            for (int d = 0; d < shape.length; d++) {
                shape[d] = 1L + random.nextInt(5);
                strides[d] = (long) random.nextInt(30) + (d == 0 ? 1 : 0);
                reach += (shape[d] - 1) * strides[d];
            }
            long offset = random.nextInt((int) (997 - reach));
            PickleBuilder pickle =
                    protocol2()
                            .orderedDict()
                            .text("w")
                            .tensor(storageClass, "k", 997, offset, shape, strides);
            Path path =
                    ZipBuilder.torch(pickle.op('s').stop())
                            .entry("data/k", storage)
                            .write(directory.resolve("v.bin"));
            Tensor view = tensor(Checkpoint.openFile(path), "w");
            ByteBuffer all = view.map();
            assertThat(all.remaining()).isEqualTo((int) view.elements() * width);
            assertThat(all.isDirect() && all.isReadOnly() && all.order() == ByteOrder.LITTLE_ENDIAN)
                    .isTrue();
            for (int flat = 0; flat < view.elements(); flat++) {
                assertThat(all.slice(flat * width, width))
                        .as("element %d of round %d", flat, round)
                        .isEqualTo(
                                ByteBuffer.wrap(
                                                storage,
                                                (int) place(flat, offset, shape, strides) * width,
                                                width)
                                        .slice());
            }
            int from = random.nextInt((int) shape[0]);
            int rows = random.nextInt((int) shape[0] - from + 1);
            int rowBytes = all.remaining() / (int) shape[0];
            assertThat(view.mapRows(from, rows))
                    .isEqualTo(all.slice(from * rowBytes, rows * rowBytes));
        }
    }

    /** Where element number {@code flat} of a view lies in its storage. */
    private static long place(long flat, long offset, long[] shape, long[] strides) {
        long place = offset;
        for (int d = shape.length - 1; d >= 0; d--) {
            place += flat % shape[d] * strides[d];
            flat /= shape[d];
        }
        return place;
    }
}
