package io.github.baichuanreward.cuda;

import io.github.baichuanreward.backend.Backend;
import io.github.baichuanreward.backend.BackendContract;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.Precision;
import java.io.IOException;
import org.junit.jupiter.api.extension.ExtendWith;

/** What every backend promises, as this one runs by default: bfloat16, cuBLAS. */
@ExtendWith(Gpu.class)
class BackendGpuTest extends BackendContract {

    @Override
    protected Backend open(BackendRequest request) throws IOException {
        return CudaBackend.open(request, GemmChoice.cublasInBlocks());
    }

    @Override
    protected Precision precision() {
        return Precision.BFLOAT16;
    }

    @Override
    protected double tolerance() {
        return Tolerances.BFLOAT16;
    }
}
