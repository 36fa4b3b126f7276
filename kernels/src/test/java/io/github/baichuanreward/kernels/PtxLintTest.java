package io.github.baichuanreward.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The lint finds each kind of thing that it looks for, and nothing in PTX as it should be. */
class PtxLintTest {

    private static final String HEADER =
            """
            // Made by make -C kernels; not edited.
            .version 7.0
            .target sm_80
            .address_size 64
            """;

    private static final List<String> GOOD =
            List.of(
                    "ld.param.u64 %rd1, [copy_bf16_param_0];",
                    "ld.global.v4.u32 {%r1,%r2,%r3,%r4}, [%rd1];",
                    "ld.global.nc.v4.b32 {%r1, %r2, %r3, %r4}, [%rd1+16];",
                    "ld.global.v2.f64 {%fd1, %fd2}, [%rd1];",
                    "$L__BB0_1: @%p1 st.global.v4.f32 [%rd2], {%f1,%f2,%f3,%f4};",
                    "ld.shared.u16 %rs1, [%r1];",
                    "ld.const.f32 %f1, [%rd1];",
                    "{ .reg .b16 low; mov.b32 {low, high}, %r1; }",
                    "cp.async.cg.shared.global [%r1], [%rd1], 16, %r2;",
                    "cp.async.commit_group;",
                    "cp.async.wait_group 0;",
                    "bar.sync 0; // local calls / atom",
                    "ret;");

    @Test
    void findsNothingInGoodPtx() {
        assertThat(problems(HEADER + kernel("copy_bf16", GOOD), Map.of())).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                ".local .align 16 .b8 __local_depot0[32] | local memory",
                "ld.local.u32 %r1, [%rd1]                | local memory",
                "@!%p1 st.local.v4.u32 [%rd1], {%r1}     | local memory",
                "call.uni (retval0), other, (param0)     | a call",
                "atom.global.add.f32 %f1, [%rd1], %f2    | an atomic",
                "red.global.add.f32 [%rd1], %f2          | an atomic",
                "ld.u32 %r1, [%rd1]                      | does not say which memory",
                "st.v4.u32 [%rd1], {%r1,%r2,%r3,%r4}     | does not say which memory",
                "ld.global.nc.u8 %rs1, [%rd1]            | of 1 bytes",
                "$L__BB0_2: ld.global.b16 %rs1, [%rd1]   | of 2 bytes",
                "st.global.u16 [%rd1], %rs1              | of 2 bytes",
                "st.global.u32 [%rd1], %r1               | 1 accesses to global memory as narrow as st 4",
                "ld.global.f32 %f1, [%rd1]               | 1 accesses to global memory as narrow as ld 4",
                "cp.async.ca.shared.global [%r1], [%rd1], 4 | an unknown kind of copy",
                "cp.async.cg.shared.global [%r1], [%rd1], 8, %r2 | a copy of few bytes",
                "cp.async.bulk.shared.global [%r1], [%rd1], 16, [%r2] | an unknown kind of copy",
            })
    void findsABadStatement(String statement, String problem) {
        String ptx = HEADER + kernel("copy_bf16", List.of(statement + ";", "ret;"));

        assertThat(problems(ptx, Map.of())).singleElement().asString().contains(problem);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                ".version 7.0       | .version 9.0          | .version is 9.0, not 7.0",
                ".target sm_80      | .target sm_90a        | .target is sm_90a, not sm_80",
                ".address_size 64   | .address_size 32      | .address_size is 32, not 64",
                ".address_size 64   | .pragma \"\"          | .address_size is nothing, not 64",
                "not edited         | of /home/me/a.cu      | a path",
                "ret                | trap /* C:*/ // /tmp/x | a path",
                "// Made            | .b8 _INTERNAL_1_x; // | depends on the path",
                "// Made            | .b8 _ZN_GLOBAL__N_1x; // | depends on the path",
                "// Made            | .func f; //           | not inlined",
                "copy_bf16(         | copy_f16(             | kernel copy_f16 is not in kernels.h",
            })
    void findsWhatIsWrongAround(String found, String wrong, String problem) {
        String ptx = (HEADER + kernel("copy_bf16", GOOD)).replace(found, wrong);

        assertThat(problems(ptx, Map.of())).anyMatch(line -> line.contains(problem));
    }

    @Test
    void findsAMissingKernel() {
        assertThat(problems(HEADER, Map.of())).containsExactly("no kernel copy_bf16");
    }

    @Test
    void allowsWhatIsListedAndNoMore() {
        Map<String, Map<String, Integer>> scalars = Map.of("copy", Map.of("ld 4", 1, "st 4", 1));
        String load = "ld.global.nc.f32 %f1, [%rd1];";
        String store = "st.global.b32 [%rd1], %r1;";

        assertThat(problems(HEADER + kernel("copy_bf16", List.of(load, store)), scalars)).isEmpty();
        assertThat(problems(HEADER + kernel("copy_bf16", List.of(load, load, store)), scalars))
                .containsExactly(
                        "copy_bf16: 2 accesses to global memory as narrow as ld 4; 1 allowed");
        assertThat(problems(HEADER + kernel("copy_bf16", List.of(load)), scalars))
                .containsExactly("copy_bf16: st 4 is allowed, but there is none");
    }

    @Test
    void readsTheKernelsOfTheHeader() {
        String header =
                """
                #define KERNELS_OF(E, dtype)                                              \\
                    extern "C" __global__ void copy_##dtype(E* y, const E* x, int hidden); \\
                    extern "C" __global__ void gemm_add_##dtype(float* y,                  \\
                            const E* x);
                KERNELS_OF(Bf16, bf16)
                KERNELS_OF(Fp16, f16)
                #undef KERNELS_OF

                extern "C" __global__ void gather_rows(void* y, const void* x);
                """;

        assertThat(Sources.kernels(header))
                .containsExactlyInAnyOrder(
                        "copy_bf16", "copy_f16", "gemm_add_bf16", "gemm_add_f16", "gather_rows");
    }

    private static String kernel(String name, List<String> statements) {
        return """
            .visible .entry %1$s(
                .param .u64 %1$s_param_0
            )
            .maxntid 256, 1, 1
            {
                .reg .b32 %%r<4>;
            %2$s
            }
            """
                .formatted(name, String.join("\n", statements));
    }

    private static List<String> problems(String ptx, Map<String, Map<String, Integer>> scalars) {
        return PtxLint.problems(Ptx.parse(ptx), List.of("copy_bf16"), scalars);
    }
}
