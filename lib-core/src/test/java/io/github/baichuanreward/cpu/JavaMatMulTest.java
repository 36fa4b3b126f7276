package io.github.baichuanreward.cpu;

import io.github.baichuanreward.checkpoint.DType;
import io.github.baichuanreward.checkpoint.Tensor;
import java.util.List;

class JavaMatMulTest extends MatMulContract {

    @Override
    MatMul open(Workers workers, List<Tensor> weights) {
        return new JavaMatMul(workers);
    }

    @Override
    double rounding(DType weights) {
        return 1e-6;
    }
}
