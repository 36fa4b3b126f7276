// The fake GPU itself: each kind of misuse is found and said, and its correct twin is not.
#include "fake_gpu_case.h"

int main(int argc, char** argv) {
    check::Cases cases(argc, argv);
    fake_gpu::test_memory(cases);
    fake_gpu::test_copies(cases);
    fake_gpu::test_streams(cases);
    fake_gpu::test_devices(cases);
    fake_gpu::test_faults_of_devices(cases);
    fake_gpu::test_launches(cases);
    fake_gpu::test_products(cases);
    fake_gpu::test_softmax(cases);
    fake_gpu::test_control(cases);
    return cases.status();
}
