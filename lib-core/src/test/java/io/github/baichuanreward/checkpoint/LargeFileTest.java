package io.github.baichuanreward.checkpoint;

import static io.github.baichuanreward.checkpoint.Fixtures.tensor;
import static io.github.baichuanreward.checkpoint.PickleBuilder.protocol2;
import static io.github.baichuanreward.checkpoint.SafetensorsBuilder.entry;
import static io.github.baichuanreward.checkpoint.SafetensorsBuilder.floats;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files above 4 GiB and tensors above 2 GiB. They are sparse: a few pages on the disk. */
class LargeFileTest {
    private static final long GIB = 1L << 30;

    @TempDir private Path directory;

    @Test
    void safetensorsAbove4GibIsMappedAtItsFarEnd() throws IOException {
        long bulk = 5 * GIB / 4;
        String header =
                "{"
                        + entry("bulk", "F32", "[" + bulk / 256 + ",256]", 0, 4 * bulk)
                        + ","
                        + entry("last", "F32", "[3]", 4 * bulk, 4 * bulk + 12)
                        + "}";
        byte[] start = SafetensorsBuilder.file(header, new byte[0]);
        Path path = directory.resolve("large.safetensors");
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            file.write(start);
            file.seek(start.length + 4 * bulk - 4);
            file.write(floats(42, 1, 2, 3));
        }
        Checkpoint checkpoint = Checkpoint.openFile(path);
        assertThat(tensor(checkpoint, "last").toFloats()).containsExactly(1, 2, 3);

        Tensor above2Gib = tensor(checkpoint, "bulk");
        assertThat(above2Gib.bytes()).isEqualTo(5 * GIB);
        assertThatThrownBy(above2Gib::map)
                .isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll("\"bulk\"", "5368709120 bytes", "mapRows");
        assertThatThrownBy(() -> above2Gib.mapRows(0, (int) (bulk / 256)))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll("\"bulk\"", "5242880 rows of 1024 bytes");
        ByteBuffer tail = above2Gib.mapRows(bulk / 256 - 3, 3);
        assertThat(tail.getFloat(2 * 1024 + 1020)).isEqualTo(42);
        assertThat(tail.getFloat(2 * 1024 + 1016)).isZero();
    }

    @Test
    void pyTorchZipAbove4GibIsMappedAtItsFarEnd() throws IOException {
        long elements = 9 * GIB / 8;
        PickleBuilder pickle = protocol2().orderedDict().op('(');
        pickle.text("big")
                .tensor("0", elements, 0, new long[] {elements / 128, 128}, new long[] {128, 1});
        pickle.text("far").tensor("0", elements, elements - 2, new long[] {2}, new long[] {1});
        pickle.text("sparse")
                .tensor("0", elements, 0, new long[] {2, 3}, new long[] {elements - 3, 1});
        pickle.text("columns")
                .tensor("0", elements, elements - 6, new long[] {2, 3}, new long[] {1, 2});
        // Copied from windows of 1 GiB: here a row lies in two of them.
        long border = GIB / 4 - 2;
        pickle.text("border").tensor("0", elements, 0, new long[] {2, 4}, new long[] {border, 1});
        pickle.text("steps").tensor("0", elements, 0, new long[] {2, 2}, new long[] {border, 2});
        pickle.text("last").tensor("1", 2, 0, new long[] {2}, new long[] {1}).op('u');
        Path path =
                ZipBuilder.torch(pickle.stop())
                        .sparse(
                                "data/0",
                                4 * elements,
                                Map.of(
                                        0L,
                                        floats(1, 2, 3),
                                        4 * border,
                                        floats(12, 13, 14, 15),
                                        4 * elements - 24,
                                        floats(4, 5, 6, 7, 8, 9)))
                        .entry("data/1", floats(10, 11))
                        .write(directory.resolve("large.bin"));
        Checkpoint checkpoint = Checkpoint.openFile(path);
        assertThat(tensor(checkpoint, "last").toFloats()).containsExactly(10, 11);
        assertThat(tensor(checkpoint, "far").toFloats()).containsExactly(8, 9);
        assertThat(tensor(checkpoint, "sparse").toFloats()).containsExactly(1, 2, 3, 7, 8, 9);
        assertThat(tensor(checkpoint, "columns").toFloats()).containsExactly(4, 6, 8, 5, 7, 9);
        assertThat(tensor(checkpoint, "border").toFloats())
                .containsExactly(1, 2, 3, 0, 12, 13, 14, 15);
        assertThat(tensor(checkpoint, "steps").toFloats()).containsExactly(1, 3, 12, 14);
        assertThat(tensor(checkpoint, "big").mapRows(elements / 128 - 1, 1).getFloat(127 * 4))
                .isEqualTo(9);
    }
}
