package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.baichuanreward.TinyModel;
import io.github.baichuanreward.backend.Backend;
import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.batch.PackedBatch;
import io.github.baichuanreward.model.BaichuanWeights;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** A GPU whose memory others hold, and one that is used over and over. */
@ExtendWith(Gpu.class)
class MemoryGpuTest {

    /** After so many loads everything has been loaded that is loaded once. */
    private static final int WARM = 20;

    private static final long GROWTH = 8L << 20;

    private static final PackedBatch SHORT = batch(3);

    @TempDir Path directory;

    private CudaDevice other;
    private BackendRequest request;

    @BeforeEach
    void useTheDevice() throws IOException {
        BaichuanWeights weights = BaichuanWeights.open(new TinyModel(1).write(directory));
        request = new BackendRequest(weights, Precision.AUTO, List.of(), 0, 1);
        other = CudaDevice.open(Gpu.properties());
    }

    @AfterEach
    void giveTheDeviceBack() {
        other.close();
    }

    @Test
    void saysHowMuchIsFreeWhereOthersHoldTheMemory() throws IOException {
        try (Resources held = new Resources()) {
            holdAllBut(held, 100L << 20);
            // Batches that would fit into the whole of it.
            BackendRequest large =
                    new BackendRequest(request.weights(), Precision.AUTO, List.of(), 200_000, 1);
            assertThatThrownBy(() -> CudaBackend.open(large))
                    .isInstanceOf(BackendException.class)
                    .hasMessageContaining("are free now; end what else uses it");
        }
        try (Backend backend = CudaBackend.open(request)) {
            assertThat(backend.score(SHORT)[0]).isFinite();
        }
    }

    @Test
    void goesOnAfterASequenceForWhichThereIsNoMemory() throws IOException {
        try (Backend backend = CudaBackend.open(request)) {
            float expected = backend.score(SHORT)[0];
            PackedBatch large = batch(60_000);
            try (Resources held = new Resources()) {
                holdAllBut(held, 8L << 20);
                assertThatThrownBy(() -> backend.score(large))
                        .isInstanceOf(BackendException.class)
                        .hasMessageContaining("CUDA_ERROR_OUT_OF_MEMORY");
                assertThat(backend.score(SHORT)).containsExactly(expected);
            }
            if (!Gpu.isFake()) { // whose attention takes minutes for so many tokens
                assertThat(backend.score(large)[0]).isFinite();
            }
            assertThat(backend.score(SHORT)).containsExactly(expected);
        }
    }

    @Test
    void manyLoadsTakeNoMoreMemoryThanAFew() throws IOException {
        int loads = Gpu.isFake() ? 60 : 1000;
        float expected = Float.NaN;
        long free = 0;
        long resident = 0;
        for (int n = 0; n < loads; n++) {
            if (n == WARM) {
                free = other.within(other::freeBytes);
                resident = residentBytes();
            }
            try (Backend backend = CudaBackend.open(request)) {
                float reward = backend.score(SHORT)[0];
                assertThat(reward).as("load %d", n).isEqualTo(n == 0 ? reward : expected);
                expected = reward;
            }
        }
        assertThat(free - other.within(other::freeBytes))
                .as("bytes of the GPU that %d loads have kept", loads - WARM)
                .isLessThan(GROWTH);
        System.out.printf(
                "%d loads: %d MiB more of the process resident%n",
                loads - WARM, (residentBytes() - resident) >> 20);
        // The heap grows and shrinks as it likes; a pinned buffer or module that stays would not.
        assertThat(residentBytes() - resident)
                .as("bytes of the process")
                .isLessThan(Runtime.getRuntime().maxMemory() / 2);
    }

    /** Takes it in pieces, as memory that others use is never one. */
    private void holdAllBut(Resources held, long bytes) {
        other.within(
                () -> {
                    for (long piece = 1L << 36; piece >= 1L << 20; piece /= 2) {
                        while (other.freeBytes() - bytes >= piece) {
                            if (!take(held, piece)) {
                                break;
                            }
                        }
                    }
                    return true;
                });
    }

    private boolean take(Resources held, long bytes) {
        Resources own = new Resources();
        try {
            DeviceBuffer.allocate(other.cuda(), own, bytes, "others");
        } catch (BackendException e) {
            return false; // free, but in pieces
        }
        held.add(
                () ->
                        other.within(
                                () -> {
                                    own.close();
                                    return true;
                                }));
        return true;
    }

    private static PackedBatch batch(int tokens) {
        return PackedBatch.pack(List.of(new int[tokens]), Integer.MAX_VALUE).get(0);
    }

    private static long residentBytes() throws IOException {
        return Files.readAllLines(Path.of("/proc/self/status")).stream()
                .filter(line -> line.startsWith("VmRSS:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
                .findFirst()
                .orElseThrow();
    }
}
