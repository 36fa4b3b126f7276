package io.github.baichuanreward.cpu;

import io.github.baichuanreward.checkpoint.Tensor;

class JavaMatMulTest extends MatMulContract {

    @Override
    MatMul open(Workers workers, Tensor weight) {
        return new JavaMatMul(workers);
    }
}
