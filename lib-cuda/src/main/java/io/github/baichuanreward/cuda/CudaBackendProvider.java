package io.github.baichuanreward.cuda;

import io.github.baichuanreward.backend.Backend;
import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.backend.BackendProvider;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.checkpoint.CheckpointException;
import io.github.baichuanreward.cuda.LayerPlan.Device;
import java.util.List;

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
        Fit no = request.gpus().isWish() ? Fit.REFUSED : Fit.ABSENT;
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
        DeviceChoice choice = DeviceChoice.of(request.gpus().devices());
        if (choice.problem() != null) {
            return new Suitability(no, choice.problem());
        }
        GemmChoice gemm;
        try {
            gemm = GemmChoice.choose(request.gpus().libraries());
        } catch (BackendException e) {
            return new Suitability(Fit.REFUSED, Cuda.reason(e));
        }
        Placement placement = new Placement(request, gemm);
        List<Device> devices =
                choice.devices().stream().map(p -> DeviceChoice.device(p, p.bytes())).toList();
        Placement.Placed placed = placement.on(devices);
        LayerPlan plan = placed.plan();
        return plan.problem() == null
                ? new Suitability(
                        Fit.USABLE,
                        "%s; %s".formatted(plan.summary(), placed.memory().numbers()),
                        plan.lines(placed.memory()))
                : new Suitability(
                        plan.isWrong() ? Fit.REFUSED : Fit.TOO_SMALL,
                        plan.isWrong()
                                ? String.valueOf(plan.problem())
                                : plan.problem() + "; " + placement.remedy(devices));
    }
}
