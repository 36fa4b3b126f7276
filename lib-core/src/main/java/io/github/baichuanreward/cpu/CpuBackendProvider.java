package io.github.baichuanreward.cpu;

import com.sun.management.OperatingSystemMXBean;
import io.github.baichuanreward.backend.Backend;
import io.github.baichuanreward.backend.BackendProvider;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.checkpoint.CheckpointException;
import java.lang.management.ManagementFactory;
import java.util.function.LongSupplier;

/** Offers the CPU, the backend that is always there. */
public final class CpuBackendProvider implements BackendProvider {

    private final LongSupplier physicalMemory;

    /** For {@link java.util.ServiceLoader}. */
    public CpuBackendProvider() {
        // Inside a container this is the container's limit.
        this(
                () ->
                        ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
                                .getTotalMemorySize());
    }

    CpuBackendProvider(LongSupplier physicalMemory) {
        this.physicalMemory = physicalMemory;
    }

    @Override
    public String name() {
        return "cpu";
    }

    @Override
    public int preference() {
        return 0;
    }

    @Override
    public Suitability check(BackendRequest request) {
        long weights = request.weights().bytes();
        long memory = physicalMemory.getAsLong();
        if (weights > memory) {
            return new Suitability(
                    Fit.TOO_SMALL,
                    ("the weights take %s but this machine has %s of memory, so every batch would"
                                    + " read them from disk again; use a larger machine, or backend cpu"
                                    + " to run here all the same")
                            .formatted(gib(weights), gib(memory)));
        }
        int batchTokens = CpuBackend.batchTokens(request);
        return new Suitability(
                Fit.USABLE,
                ("weights of %s, mapped from disk, and %s of heap for batches of %d tokens; this"
                                + " machine has %s of memory, and the heap may grow to %s")
                        .formatted(
                                gib(weights),
                                gib(Activations.bytes(request.weights().config(), batchTokens)),
                                batchTokens,
                                gib(memory),
                                gib(Runtime.getRuntime().maxMemory())));
    }

    @Override
    public Backend open(BackendRequest request) throws CheckpointException {
        return CpuBackend.open(request);
    }

    private static String gib(long bytes) {
        return "%.2f GiB".formatted((double) bytes / (1L << 30));
    }
}
