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
        Tensor tensor = tensor(10, 6);
        float[] whole = tensor.toFloats();
        Matrix w = Matrix.map(tensor, 3 * 6 * Float.BYTES);
        float[] row = new float[6];
        for (int r = 0; r < 10; r++) {
            w.toFloats(row, 0, r, 0, 6);
            assertThat(row).containsExactly(Arrays.copyOfRange(whole, r * 6, r * 6 + 6));
        }
        w.toFloats(row, 1, 7, 2, 3);
        assertThat(Arrays.copyOfRange(row, 1, 4))
                .containsExactly(Arrays.copyOfRange(whole, 44, 47));
    }

    private Tensor tensor(long n, long k) throws IOException {
        new TinyModel(n * 1000 + k).tensor("w", n, k).write(directory);
        Tensor tensor = Checkpoint.openFile(directory.resolve("model.safetensors")).find("w");
        return Objects.requireNonNull(tensor);
    }
}
