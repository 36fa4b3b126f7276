package io.github.baichuanreward.cpu;

import io.github.baichuanreward.checkpoint.DType;
import io.github.baichuanreward.checkpoint.Tensor;
import java.util.List;

class OneDnnMatMulTest extends MatMulContract {

    @Override
    MatMul open(Workers workers, Tensor weight) {
        return new OneDnnMatMul(workers, OneDnn.get(), DType.FLOAT32, List.of(weight));
    }
}
