package io.github.baichuanreward.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.kernels.AssemblerLog.Use;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What a log of ptxas says, good or bad. */
class AssemblerLogTest {

    private static final String LOG =
            """
            ptxas info    : 0 bytes gmem
            ptxas info    : Compiling entry function 'gemm_f16' for 'sm_90'
            ptxas info    : Function properties for gemm_f16
                0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
            ptxas info    : Used 247 registers, used 1 barriers, 400 bytes cmem[0]
            ptxas info    : Compile time = 23.499 ms
            ptxas info    : Compiling entry function 'swiglu_f16' for 'sm_90'
            ptxas info    : Function properties for swiglu_f16
                0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
            ptxas info    : Used 32 registers, used 0 barriers, 128 bytes smem, 376 bytes cmem[0]
            """;

    @Test
    void readsRegistersAndMemory() {
        Map<String, Use> uses = AssemblerLog.parse(LOG);

        assertThat(uses)
                .containsExactly(
                        Map.entry("gemm_f16", new Use(247, 0, 0, 0, 0)),
                        Map.entry("swiglu_f16", new Use(32, 128, 0, 0, 0)));
        assertThat(problems(LOG)).isEmpty();
    }

    @Test
    void findsAStackFrame() {
        assertThat(problems(LOG.replaceFirst("0 bytes stack frame", "48 bytes stack frame")))
                .containsExactly(
                        "sm_90: gemm_f16 has a stack frame of 48 bytes, spills 0 and reloads 0");
    }

    @Test
    void findsSpills() {
        assertThat(problems(LOG.replaceFirst("0 bytes spill stores", "8 bytes spill stores")))
                .containsExactly(
                        "sm_90: gemm_f16 has a stack frame of 0 bytes, spills 8 and reloads 0");
        assertThat(problems(LOG.replaceFirst("0 bytes spill loads", "12 bytes spill loads")))
                .containsExactly(
                        "sm_90: gemm_f16 has a stack frame of 0 bytes, spills 0 and reloads 12");
    }

    @Test
    void findsAMissingKernelAndALogInOtherWords() {
        assertThat(problems(LOG.replace("entry function 'swiglu_f16'", "entry function 'copy'")))
                .containsExactly("sm_90: no swiglu_f16");
        assertThat(problems(LOG.replaceFirst("Used 247 registers", "Takes 247 registers")))
                .containsExactly("sm_90: no registers of gemm_f16");
        assertThat(problems("")).hasSize(2);
    }

    @Test
    void putsAllIntoATable() {
        Map<String, Use> uses = AssemblerLog.parse(LOG);
        Occupancy occupancy =
                new Occupancy(
                        "GEMM_THREADS = 128, GEMM_SHARED_BYTES = 64 * 1024; SWIGLU_THREADS = 128;");

        assertThat(AssemblerLog.table(Map.of("sm_90", uses), occupancy).lines())
                .containsExactly(
                        "registers / bytes of static shared memory / bytes spilled / blocks of a"
                                + " multiprocessor",
                        "kernel                                   sm_90",
                        "gemm_f16                       247 / 0 / 0 / 2",
                        "swiglu_f16                   32 / 128 / 0 / 16");
    }

    private static List<String> problems(String log) {
        return AssemblerLog.problems(
                Map.of("sm_90", AssemblerLog.parse(log)), List.of("gemm_f16", "swiglu_f16"));
    }
}
