package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.cuda.CudaDevice.Properties;
import java.util.List;
import org.junit.jupiter.api.Test;

class DeviceChoiceTest {

    @Test
    void ampereWithADriverOfCuda11IsEnough() {
        assertThat(DeviceChoice.usable(KernelImagesTest.device(8, 0, 11_000)).problem()).isNull();
    }

    /** A small one for the screen often has the first number. */
    @Test
    void theFirstThatHoldsTheModelIsTaken() {
        List<Properties> devices = List.of(device(0, 8), device(1, 80), device(2, 141));
        DeviceChoice choice = new DeviceChoice(devices, null);

        assertThat(choice.device(5L << 30).ordinal()).isZero();
        assertThat(choice.device(30L << 30).ordinal()).isEqualTo(1);
        assertThat(choice.device(100L << 30).ordinal()).isEqualTo(2);
        assertThat(choice.device(200L << 30).ordinal()).as("the largest").isEqualTo(2);
    }

    @Test
    void anotherThatHoldsTheModelIsKnown() {
        List<Properties> devices = List.of(device(0, 80), device(1, 8), device(2, 24));
        DeviceChoice choice = new DeviceChoice(devices, null);

        assertThat(choice.otherThan(devices.get(0), 20L << 30)).isEqualTo(devices.get(2));
        assertThat(choice.otherThan(devices.get(0), 30L << 30)).isNull();
    }

    private static Properties device(int ordinal, long gib) {
        return new Properties(ordinal, "Test GPU", 9, 0, gib << 30, 13_000);
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
