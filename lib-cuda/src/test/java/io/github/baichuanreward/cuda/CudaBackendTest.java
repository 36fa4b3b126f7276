package io.github.baichuanreward.cuda;

import io.github.baichuanreward.backend.Backend;
import io.github.baichuanreward.backend.BackendContract;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.Precision;
import java.io.IOException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** What every backend promises, as this one runs by default: bfloat16, cuBLAS. */
class CudaBackendTest extends BackendContract {

    @BeforeEach
    void requireFakeGpu() {
        FakeGpu.require();
    }

    @AfterEach
    void nothingLives() {
        FakeGpu.assertNothingLives();
    }

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
