package io.github.baichuanreward.cpu;

import io.github.baichuanreward.Golden;
import io.github.baichuanreward.backend.Backend;
import io.github.baichuanreward.backend.BackendContract;
import io.github.baichuanreward.backend.BackendRequest;
import java.io.IOException;

/** The backend as it is where oneDNN is missing. */
class CpuPlainJavaTest extends BackendContract {

    @Override
    protected Backend open(BackendRequest request) throws IOException {
        return CpuBackend.open(request, (workers, weights, precision) -> new JavaMatMul(workers));
    }

    @Override
    protected double tolerance() {
        return Golden.FLOAT32_REWARD;
    }
}
