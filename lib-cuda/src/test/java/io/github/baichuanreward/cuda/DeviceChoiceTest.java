package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class DeviceChoiceTest {

    @Test
    void ampereWithADriverOfCuda11IsEnough() {
        assertThat(DeviceChoice.usable(KernelImagesTest.device(8, 0, 11_000)).problem()).isNull();
    }

    @Test
    void olderDevicesAreRefusedWithTheRemedy() {
        assertThat(DeviceChoice.usable(KernelImagesTest.device(7, 5, 12_040)).problem())
                .isEqualTo(
                        "device 0 (Test GPU) has compute capability 7.5, and the kernels need 8.0"
                                + " (Ampere, 2020) or newer; use a newer GPU, or --backend cpu");
    }

    @Test
    void olderDriversAreRefusedWithTheRemedy() {
        assertThat(DeviceChoice.usable(KernelImagesTest.device(9, 0, 10_020)).problem())
                .isEqualTo(
                        "the NVIDIA driver is of CUDA 10.2; install driver 450 or newer, which is of"
                                + " CUDA 11");
    }
}
