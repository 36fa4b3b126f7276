package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.GpuOptions;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.batch.PackedBatch;
import io.github.baichuanreward.model.BaichuanConfig;
import io.github.baichuanreward.model.RandomModel;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** The ends of a copy of the model: by a failure, and by closing. */
@ExtendWith(FakeGpu.class)
@Timeout(60)
class ReplicaTest {

    private static final BaichuanConfig CONFIG = new BaichuanConfig(300, 64, 88, 4, 4, 4096, 1e-6f);

    private static final int BATCH_TOKENS = 64;

    @Test
    void aCopyThatHasFailedTouchesNoDeviceForALongSequence()
            throws IOException, InterruptedException {
        try (RandomModel model = RandomModel.make(CONFIG, 5);
                CudaBackend backend = open(model, List.of(2, 2))) {
            Replica copy = backend.copies().get(0);
            FakeGpu.failCall(4);
            assertThatThrownBy(() -> copy.score(batch(8))).isInstanceOf(BackendException.class);

            awaitShards();
            FakeGpu.failCall(Integer.MAX_VALUE); // only to count them
            assertThatThrownBy(() -> copy.score(batch(2 * BATCH_TOKENS)))
                    .isInstanceOf(BackendException.class);
            assertThat(FakeGpu.calls()).isZero();
        }
    }

    /** The failure is told before all shards have left their devices: each has calls to make. */
    private static void awaitShards() throws InterruptedException {
        for (Thread thread : Thread.getAllStackTraces().keySet()) {
            if (thread.getName().startsWith("reward-gpu-")) {
                thread.join();
            }
        }
    }

    /** So full that nothing can be made to say so. */
    private static final class FullHeap extends OutOfMemoryError {

        private static final long serialVersionUID = 1;

        @Override
        public String getMessage() {
            throw new OutOfMemoryError("again");
        }
    }

    @Test
    void whoWaitsIsToldAlsoWhereTheHeapIsFull() throws IOException {
        try (RandomModel model = RandomModel.make(CONFIG, 5);
                CudaBackend backend = open(model, List.of(2, 2))) {
            Replica copy = backend.copies().get(0);
            copy.fail(new FullHeap());

            assertThatThrownBy(() -> copy.score(batch(8)))
                    .isInstanceOf(BackendException.class)
                    .hasMessageContaining("-Xmx");
        }
    }

    /** Else one that closes could go on to end the process while a device is still given back. */
    @Test
    void everyoneWhoClosesWaitsUntilAllIsGivenBack() throws IOException {
        try (RandomModel model = RandomModel.make(CONFIG, 5)) {
            CudaBackend backend = open(model, List.of());
            long loaded = FakeGpu.launches();
            CompletableFuture<float[]> score =
                    CompletableFuture.supplyAsync(() -> backend.score(batch(1500)));
            while (FakeGpu.launches() == loaded) {
                Thread.onSpinWait();
            }
            List<CompletableFuture<Void>> closes = new ArrayList<>();
            for (int n = 0; n < 2; n++) {
                closes.add(
                        CompletableFuture.runAsync(
                                () -> {
                                    backend.close();
                                    FakeGpu.assertNothingLives();
                                }));
            }
            closes.forEach(CompletableFuture::join);
            assertThat(score.join()).hasSize(1);
        }
    }

    private static CudaBackend open(RandomModel model, List<Integer> layers) throws IOException {
        GpuOptions gpus =
                GpuOptions.defaults()
                        .withDevices(layers.isEmpty() ? List.of(0) : List.of(0, 0))
                        .withLayersPerDevice(layers);
        return CudaBackend.open(
                new BackendRequest(model.weights(), Precision.AUTO, gpus, BATCH_TOKENS, 1),
                new GemmChoice(true, 64, 64));
    }

    private static PackedBatch batch(int tokens) {
        return PackedBatch.pack(List.of(new int[tokens]), Integer.MAX_VALUE).get(0);
    }
}
