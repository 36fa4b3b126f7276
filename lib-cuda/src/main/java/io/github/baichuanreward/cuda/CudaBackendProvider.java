package io.github.baichuanreward.cuda;

import io.github.baichuanreward.backend.Backend;
import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.backend.BackendProvider;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.checkpoint.CheckpointException;
import io.github.baichuanreward.cuda.CudaDevice.Properties;

/**
 * Offers an NVIDIA GPU. Nothing of JCuda is touched before {@link #check} is asked, and a library
 * that is missing is an answer, never an error.
 */
public final class CudaBackendProvider implements BackendProvider {

    /** For {@link java.util.ServiceLoader}. */
    public CudaBackendProvider() {}

    @Override
    public String name() {
        return "cuda";
    }

    @Override
    public int preference() {
        return 100;
    }

    @Override
    public Suitability check(BackendRequest request) {
        // Whoever names GPUs wants no CPU instead.
        Fit no = request.devices().isEmpty() ? Fit.ABSENT : Fit.REFUSED;
        try {
            return suitability(request, no);
        } catch (BackendException e) {
            return new Suitability(no, Cuda.reason(e));
        }
    }

    @Override
    public Backend open(BackendRequest request) throws CheckpointException {
        return CudaBackend.open(request);
    }

    private static Suitability suitability(BackendRequest request, Fit no) {
        DeviceChoice choice = DeviceChoice.of(request.devices());
        if (choice.problem() != null) {
            return new Suitability(no, choice.problem());
        }
        CudaBackend.half(request);
        GemmChoice gemm;
        try {
            gemm = GemmChoice.choose(request.cudaLibraries());
        } catch (BackendException e) {
            return new Suitability(Fit.REFUSED, Cuda.reason(e));
        }
        MemoryPlan plan = CudaBackend.plan(request, gemm);
        Properties device = choice.device(plan.total());
        String problem = plan.problem(device.bytes());
        return problem == null
                ? new Suitability(
                        Fit.USABLE,
                        "%s with %s: %s"
                                .formatted(
                                        device.label(),
                                        MemoryPlan.gib(device.bytes()),
                                        plan.numbers()))
                : new Suitability(
                        Fit.TOO_SMALL, "%s is too small: %s".formatted(device.label(), problem));
    }
}
