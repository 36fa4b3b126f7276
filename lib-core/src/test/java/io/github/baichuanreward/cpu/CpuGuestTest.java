package io.github.baichuanreward.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.TinyModel;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.batch.PackedBatch;
import io.github.baichuanreward.checkpoint.DType;
import io.github.baichuanreward.model.BaichuanWeights;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Scanner;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The backend is a guest in an application: it leaves threads, memory and cores as they were. */
class CpuGuestTest {

    private static final String THREADS = "reward-cpu-";

    @TempDir Path directory;

    @Test
    void anIdleBackendBurnsNoTime() throws Exception {
        try (CpuBackend backend = open(1, DType.FLOAT32)) {
            backend.score(batch());
            Thread.sleep(50);
            long before = nanosOfWorkers();
            Thread.sleep(300);
            assertThat(nanosOfWorkers() - before).isLessThan(5_000_000);
        }
    }

    private static long nanosOfWorkers() {
        ThreadMXBean threads = ManagementFactory.getThreadMXBean();
        long nanos = 0;
        for (long id : threads.getAllThreadIds()) {
            var info = threads.getThreadInfo(id);
            if (info != null && info.getThreadName().startsWith(THREADS)) {
                nanos += Math.max(0, threads.getThreadCpuTime(id));
            }
        }
        return nanos;
    }

    @Test
    void anApplicationsThreadKeepsItsNumberOfOpenMpThreads() throws Exception {
        ExecutorService application = Executors.newSingleThreadExecutor();
        try {
            application
                    .submit(
                            () -> {
                                OneDnn.get();
                                OpenMpThreads.find().set(1);
                                long one = scratchBytes();
                                OpenMpThreads.find().set(3);
                                long three = scratchBytes();
                                assertThat(three).isGreaterThan(one);

                                CpuBackend backend = open(1, DType.BFLOAT16);
                                assertThat(scratchBytes()).as("after loading").isEqualTo(three);
                                backend.score(batch());
                                assertThat(scratchBytes()).as("after scoring").isEqualTo(three);
                                backend.close();
                                assertThat(scratchBytes()).as("after closing").isEqualTo(three);
                                return backend;
                            })
                    .get();
        } finally {
            application.shutdown();
        }
    }

    private static long scratchBytes() {
        OneDnn.Shape shape = OneDnn.Shape.of(64, 256, 1024, DType.FLOAT32, DType.FLOAT32);
        try (OneDnn.Product product = OneDnn.get().product(shape)) {
            return product.scratchBytes();
        }
    }

    @Test
    void twoModelsAreComputedAtOnce() throws Exception {
        ExecutorService application = Executors.newFixedThreadPool(2);
        try (CpuBackend first = open(1, DType.FLOAT32);
                CpuBackend second = open(2, DType.BFLOAT16)) {
            float[] ofFirst = first.score(batch());
            float[] ofSecond = second.score(batch());
            assertThat(ofFirst).isNotEqualTo(ofSecond);

            Future<?> a = application.submit(() -> requireAlways(first, ofFirst));
            Future<?> b = application.submit(() -> requireAlways(second, ofSecond));
            a.get();
            b.get();
        } finally {
            application.shutdown();
        }
    }

    private static void requireAlways(CpuBackend backend, float[] rewards) {
        for (int round = 0; round < 200; round++) {
            assertThat(backend.score(batch())).isEqualTo(rewards);
        }
    }

    @Test
    void loadingAndClosingLeavesNothing() throws Exception {
        loadAndClose(20);
        System.gc();
        long threads = threads();
        long resident = residentBytes();

        loadAndClose(100);

        requireAtMost(threads);
        System.gc();
        assertThat(residentBytes() - resident).isLessThan(100L << 20);
    }

    /** Not only when the collector comes, which knows nothing of native memory. */
    @Test
    void closingGivesNativeMemoryBackAtOnce() throws Exception {
        loadAndClose(1);
        for (int round = 0;
                round < 3;
                round++) { // what other tests have left must not go meanwhile
            System.gc();
            Thread.sleep(30);
        }
        long before = Pointer.totalBytes();
        try (CpuBackend backend = open(1, DType.FLOAT32)) {
            backend.score(batch());
            assertThat(Pointer.totalBytes() - before).isGreaterThan(100_000);
        }
        assertThat(Pointer.totalBytes() - before).isLessThan(20_000);
    }

    /** Or one that asks for what is not there, again and again, runs out of threads. */
    @Test
    void aRefusedModelLeavesNoThread() throws Exception {
        long threads = threads();
        BaichuanWeights weights = BaichuanWeights.open(new TinyModel(1).write(directory));
        BackendRequest request = new BackendRequest(weights, Precision.INT8, List.of(), 0, 2);
        BackendRequest vanished = new BackendRequest(weights, Precision.AUTO, List.of(), 0, 2);
        Files.delete(directory.resolve("model.safetensors"));
        for (int round = 0; round < 20; round++) {
            BackendRequest each = round % 2 == 0 ? request : vanished;
            try (CpuBackend backend = CpuBackend.open(each)) {
                throw new AssertionError(backend.description());
            } catch (IOException | RuntimeException e) {
                assertThat(e).hasMessageMatching("(?s).*(int8|model.safetensors).*");
            }
        }
        requireAtMost(threads);
    }

    private void loadAndClose(int times) throws IOException {
        for (int time = 0; time < times; time++) {
            try (CpuBackend backend = open(1, DType.FLOAT32)) {
                backend.score(batch());
            }
        }
    }

    /** Threads end a little later; those that other tests have left may end meanwhile, too. */
    private static void requireAtMost(long threads) throws InterruptedException {
        for (int look = 0; look < 100 && threads() > threads; look++) {
            Thread.sleep(20);
        }
        assertThat(threads()).isLessThanOrEqualTo(threads);
    }

    private static long threads() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().startsWith(THREADS))
                .count();
    }

    /** 0 where the system does not say. */
    private static long residentBytes() throws IOException {
        Path file = Path.of("/proc/self/statm");
        if (!Files.exists(file)) {
            return 0;
        }
        return 4096 * new Scanner(Files.readString(file)).skip("[0-9]+").nextLong();
    }

    private CpuBackend open(long seed, DType type) throws IOException {
        Path model = Files.createDirectories(directory.resolve(type + "-" + seed));
        if (!Files.exists(model.resolve("model.safetensors"))) {
            new TinyModel(seed).type(type).write(model);
        }
        BaichuanWeights weights = BaichuanWeights.open(model);
        return CpuBackend.open(new BackendRequest(weights, Precision.AUTO, List.of(), 0, 2));
    }

    private static PackedBatch batch() {
        List<int[]> sequences = new ArrayList<>();
        for (int s = 1; s <= 20; s++) {
            int[] ids = new int[s * 3];
            for (int t = 0; t < ids.length; t++) {
                ids[t] = (s * 7 + t) % 50;
            }
            sequences.add(ids);
        }
        return PackedBatch.pack(sequences, 1 << 20).get(0);
    }
}
