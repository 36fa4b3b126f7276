package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class KernelImagesTest {

    @Test
    void machineCodeOfTheSameMajorAndNotAboveTheMinorComesFirst() {
        assertThat(KernelImages.candidates(device(8, 0, 13_000)))
                .containsExactly("sm_80.cubin", KernelImages.PTX);
        assertThat(KernelImages.candidates(device(8, 9, 13_010)))
                .containsExactly("sm_80.cubin", KernelImages.PTX);
        assertThat(KernelImages.candidates(device(9, 0, 13_000)))
                .containsExactly("sm_90.cubin", KernelImages.PTX);
        assertThat(KernelImages.candidates(device(10, 3, 13_000)))
                .containsExactly("sm_100.cubin", KernelImages.PTX);
        assertThat(KernelImages.candidates(device(12, 1, 13_000)))
                .containsExactly("sm_120.cubin", KernelImages.PTX);
    }

    @Test
    void unknownMajorsAndOlderDriversGetPtx() {
        assertThat(KernelImages.candidates(device(11, 0, 13_000)))
                .containsExactly(KernelImages.PTX);
        assertThat(KernelImages.candidates(device(9, 0, 12_090))).containsExactly(KernelImages.PTX);
    }

    @Test
    void ptxIsInTheJarAndEndsLikeAText() {
        byte[] ptx = KernelImages.read(KernelImages.PTX);

        assertThat(ptx).isNotNull().endsWith((byte) 0);
        assertThat(KernelImages.read("sm_70.cubin")).isNull();
    }

    static CudaDevice.Properties device(int major, int minor, int driver) {
        return new CudaDevice.Properties(0, "Test GPU", major, minor, 80L << 30, driver);
    }
}
