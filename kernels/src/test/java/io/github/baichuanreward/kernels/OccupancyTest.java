package io.github.baichuanreward.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.baichuanreward.kernels.AssemblerLog.Use;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Blocks of a multiprocessor, by each of what limits them. */
class OccupancyTest {

    private static final String HEADER =
            """
            constexpr int RMS_NORM_THREADS = 128, RMS_NORM_SHARED_BYTES = 16;
            constexpr int EMBEDDING_THREADS = 256;
            constexpr int GEMM_THREADS = 128;
            constexpr int GEMM_SHARED_BYTES = 64 * 1024;
            """;

    private final Occupancy occupancy = new Occupancy(HEADER);

    @Test
    void sharedMemoryLimitsBlocks() {
        assertThat(occupancy.blocks("sm_80", "gemm_f16", registers(100))).isEqualTo(2);
        assertThat(occupancy.blocks("sm_90", "gemm_f16", registers(100))).isEqualTo(3);
        assertThat(occupancy.blocks("ptx_sm_86", "gemm_f16", registers(100))).isEqualTo(1);
        Occupancy large = new Occupancy(HEADER.replace("64 * 1024", "96 * 1024"));
        assertThat(large.blocks("sm_80", "gemm_f16", registers(100))).isEqualTo(1);
        assertThat(large.problems(Map.of("sm_80", Map.of("gemm_f16", registers(100)))))
                .containsExactly("sm_80: 1 blocks of gemm_f16 fit on a multiprocessor, not 2");
    }

    @Test
    void staticSharedMemoryCounts() {
        assertThat(occupancy.blocks("sm_80", "gemm_f16", new Use(100, 16 << 10, 0, 0, 0)))
                .isEqualTo(2);
        assertThat(occupancy.blocks("sm_80", "gemm_f16", new Use(100, 17 << 10, 0, 0, 0)))
                .isEqualTo(2);
        assertThat(occupancy.blocks("sm_80", "gemm_f16", new Use(100, 18 << 10, 0, 0, 0)))
                .isEqualTo(1);
    }

    @Test
    void registersLimitBlocks() {
        assertThat(occupancy.blocks("sm_90", "gemm_f16", registers(255))).isEqualTo(2);
        assertThat(occupancy.blocks("sm_90", "rms_norm_f16", registers(77))).isEqualTo(6);
        assertThat(occupancy.blocks("sm_90", "rms_norm_f16", registers(80))).isEqualTo(6);
        assertThat(occupancy.blocks("sm_90", "rms_norm_f16", registers(81))).isEqualTo(5);
        assertThat(occupancy.problems(Map.of("sm_90", Map.of("rms_norm_f16", registers(80)))))
                .isEmpty();
        assertThat(occupancy.problems(Map.of("sm_90", Map.of("rms_norm_f16", registers(81)))))
                .hasSize(1);
    }

    @Test
    void warpsAndBlocksLimitBlocks() {
        assertThat(occupancy.blocks("sm_90", "embedding_bf16", registers(32))).isEqualTo(8);
        assertThat(occupancy.blocks("sm_120", "embedding_bf16", registers(32))).isEqualTo(6);
        Occupancy small = new Occupancy("EMBEDDING_THREADS = 32;");
        assertThat(small.blocks("sm_90", "embedding_bf16", registers(32))).isEqualTo(32);
        assertThat(small.blocks("sm_86", "embedding_bf16", registers(32))).isEqualTo(16);
    }

    @Test
    void saysWhatItDoesNotKnow() {
        assertThatThrownBy(() -> occupancy.blocks("sm_90", "copy_f16", registers(32)))
                .hasMessage("how many blocks of copy_f16 fit?");
        assertThatThrownBy(() -> occupancy.blocks("sm_75", "gemm_f16", registers(32)))
                .hasMessage("what does a multiprocessor of sm_75 have?");
        assertThatThrownBy(() -> new Occupancy("").blocks("sm_90", "gemm_f16", registers(32)))
                .hasMessage("kernels.h has no GEMM_THREADS");
    }

    private static Use registers(int registers) {
        return new Use(registers, 0, 0, 0, 0);
    }
}
