package io.github.baichuanreward.cpu;

/** The stages as they are where oneDNN is missing. */
class CpuPlainJavaStagesTest extends CpuStagesTest {

    @Override
    CpuBackend.Products products() {
        return (workers, weights, precision) -> new JavaMatMul(workers);
    }
}
