package io.github.baichuanreward.cpu;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.checkpoint.DType;
import io.github.baichuanreward.checkpoint.Tensor;
import java.util.List;
import org.junit.jupiter.api.Assumptions;

/** Products whose rows are rounded to bfloat16 where the weights are. */
class OneDnnBfloat16Test extends MatMulContract {

    @Override
    MatMul open(Workers workers, List<Tensor> weights) {
        try {
            return new OneDnnMatMul(workers, OneDnn.get(), DType.BFLOAT16, weights, 64);
        } catch (BackendException e) {
            return Assumptions.abort("no bfloat16 here: " + e.getMessage());
        }
    }

    /** Half a unit in the last of eight bits, for each value of a row. */
    @Override
    double rounding(DType weights) {
        return weights == DType.BFLOAT16 ? 0x1p-8 + 1e-6 : 1e-6;
    }
}
