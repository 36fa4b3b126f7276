package io.github.baichuanreward.cuda;

import io.github.baichuanreward.backend.Backend;
import io.github.baichuanreward.backend.BackendContract;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.Precision;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * What every backend promises, with the own products in float16; models whose sizes are odd, whose
 * heads are five, and one with an adapter. {@link AccuracyGpuTest} has the rewards of all.
 */
@ExtendWith(Gpu.class)
class OwnGemmGpuTest extends BackendContract {

    @Override
    protected Backend open(BackendRequest request) throws IOException {
        return CudaBackend.open(request, GemmChoice.kernels());
    }

    @Override
    protected Precision precision() {
        return Precision.FLOAT16;
    }

    @Override
    protected double tolerance() {
        return Tolerances.FLOAT16;
    }

    @Override
    protected List<String> goldens() {
        return List.of("tiny-odd", "tiny-b-lora");
    }
}
