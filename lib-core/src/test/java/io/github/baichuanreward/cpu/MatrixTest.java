package io.github.baichuanreward.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.TinyModel;
import io.github.baichuanreward.checkpoint.Checkpoint;
import io.github.baichuanreward.checkpoint.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MatrixTest {

    @TempDir Path directory;

    @Test
    void bandsOfAMappedMatrixAreOneMatrix() throws IOException {
        Tensor tensor = tensor(150, 6);
        float[] whole = tensor.toFloats();
        Matrix w = Matrix.map(tensor, 70 * 6 * Float.BYTES);
        assertThat(w.bands()).hasSize(3);
        float[] row = new float[6];
        for (int r = 0; r < 150; r++) {
            w.toFloats(row, 0, r, 0, 6);
            assertThat(row).containsExactly(Arrays.copyOfRange(whole, r * 6, r * 6 + 6));
        }
        w.toFloats(row, 1, 107, 2, 3);
        assertThat(Arrays.copyOfRange(row, 1, 4))
                .containsExactly(Arrays.copyOfRange(whole, 644, 647));
    }

    /** Products read a block at one address. */
    @Test
    void aBlockOfRowsLiesInOneBandHoweverSmallBandsAre() throws IOException {
        Matrix w = Matrix.map(tensor(150, 6), 1);
        for (int block = 0; block < 150; block += Matrix.BLOCK) {
            int last = Math.min(150, block + Matrix.BLOCK) - 1;
            assertThat(w.bandOf(last)).isEqualTo(w.bandOf(block));
            assertThat(w.offsetInBand(last) - w.offsetInBand(block))
                    .isEqualTo((last - block) * 6L * Float.BYTES);
        }
    }

    private Tensor tensor(long n, long k) throws IOException {
        new TinyModel(n * 1000 + k).tensor("w", n, k).write(directory);
        Tensor tensor = Checkpoint.openFile(directory.resolve("model.safetensors")).find("w");
        return Objects.requireNonNull(tensor);
    }
}
