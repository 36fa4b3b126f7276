package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
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

    @Test
    void numbersCountWithinTheDevicesThatAreVisible() {
        assertThat(DeviceChoice.missing(2, 2, Map.of()))
                .isEqualTo("there is no device 2, but 2, numbered from 0; see nvidia-smi");
        assertThat(DeviceChoice.missing(2, 2, Map.of("CUDA_VISIBLE_DEVICES", "2,3")))
                .isEqualTo(
                        "there is no device 2, but 2, numbered from 0; CUDA_VISIBLE_DEVICES is"
                                + " \"2,3\", and numbers count within it");
    }

    @Test
    void numbersMayBeThoseOfNvidiaSmi() {
        assertThat(DeviceChoice.remedy(1, Map.of()))
                .isEqualTo("use a newer GPU, or --backend cpu without --devices");
        assertThat(DeviceChoice.remedy(2, Map.of("CUDA_VISIBLE_DEVICES", "1,0")))
                .isEqualTo(
                        "use a newer GPU, or --backend cpu without --devices; CUDA_VISIBLE_DEVICES is"
                                + " \"1,0\", and numbers count within it; devices are numbered as"
                                + " nvidia-smi does if CUDA_DEVICE_ORDER=PCI_BUS_ID is set");
        assertThat(DeviceChoice.remedy(2, Map.of("CUDA_DEVICE_ORDER", "PCI_BUS_ID")))
                .isEqualTo("use a newer GPU, or --backend cpu without --devices");
    }

    @Test
    void devicesThatAreHiddenAreNotFound() {
        assertThat(DeviceChoice.driverProblem(100, Map.of()))
                .isEqualTo("the NVIDIA driver finds no GPU; see nvidia-smi");
        assertThat(DeviceChoice.driverProblem(100, Map.of("CUDA_VISIBLE_DEVICES", "")))
                .isEqualTo(
                        "the NVIDIA driver finds no GPU; CUDA_VISIBLE_DEVICES is \"\", and hides all"
                                + " others; see nvidia-smi");
    }
}
