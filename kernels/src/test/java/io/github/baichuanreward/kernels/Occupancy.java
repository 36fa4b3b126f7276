package io.github.baichuanreward.kernels;

import io.github.baichuanreward.kernels.AssemblerLog.Use;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** How many blocks of a kernel a multiprocessor holds at once, and how many the sources say. */
final class Occupancy {

    private static final int QUARTER_REGISTERS = 16384;
    private static final int SHARED_OF_A_BLOCK = 1024; // that the driver keeps

    /**
     * What a multiprocessor has.
     *
     * @param shared bytes of shared memory
     */
    private record Machine(int shared, int warps, int blocks) {}

    private static final Map<String, Machine> MACHINES =
            Map.of(
                    "sm_80", new Machine(164 << 10, 64, 32),
                    "sm_86", new Machine(100 << 10, 48, 16),
                    "sm_89", new Machine(100 << 10, 48, 24),
                    "sm_90", new Machine(228 << 10, 64, 32),
                    "sm_100", new Machine(228 << 10, 64, 32),
                    "sm_120", new Machine(100 << 10, 48, 24));

    /**
     * How an operation is launched, by constants of kernels.h, and how many blocks its .cu file
     * says that there are at least on multiprocessors with 164, 228 and 100 KiB of shared memory.
     */
    private record Claim(
            String op, String threads, String shared, int at164, int at228, int at100) {

        private int of(Machine machine) {
            return switch (machine.shared >> 10) {
                case 164 -> at164;
                case 228 -> at228;
                default -> at100;
            };
        }
    }

    private static final List<Claim> CLAIMS =
            List.of(
                    claim("embedding", "EMBEDDING", "", 5, 5, 5),
                    claim("rms_norm", "RMS_NORM", "RMS_NORM_SHARED_BYTES", 6, 6, 6),
                    claim(
                            "alibi_attention_d128",
                            "ATTENTION",
                            "ATTENTION_SHARED_BYTES_D128",
                            2,
                            2,
                            1),
                    claim(
                            "alibi_attention_d64",
                            "ATTENTION",
                            "ATTENTION_SHARED_BYTES_D64",
                            2,
                            2,
                            2),
                    claim("swiglu", "SWIGLU", "", 12, 12, 12),
                    claim("value_head", "VALUE_HEAD", "VALUE_HEAD_SHARED_BYTES", 2, 2, 2),
                    claim("gather_rows", "GATHER_ROWS", "", 5, 5, 5),
                    claim("dequantize", "DEQUANTIZE", "", 12, 12, 12),
                    claim("gemm", "GEMM", "GEMM_SHARED_BYTES", 2, 2, 1),
                    claim("gemm_add", "GEMM", "GEMM_SHARED_BYTES", 2, 2, 1),
                    claim("gemm_swiglu", "GEMM", "GEMM_SHARED_BYTES", 2, 2, 1));

    private final String header;

    /**
     * Takes the constants from kernels.h.
     *
     * @param header its text
     */
    Occupancy(String header) {
        this.header = header;
    }

    /** Returns the blocks of a kernel that fit on a multiprocessor at once. */
    int blocks(String architecture, String kernel, Use use) {
        Machine machine = machine(architecture);
        Claim claim = claim(kernel);
        int warps = Sources.constant(header, claim.threads) / 32;
        int dynamic = claim.shared.isEmpty() ? 0 : Sources.constant(header, claim.shared);
        int shared = roundedUp(use.shared() + dynamic, 128) + SHARED_OF_A_BLOCK;
        // Each quarter of a multiprocessor has registers of its own, and whole warps.
        int registers = roundedUp(Math.max(use.registers(), 1), 8) * 32;
        int warpsOfRegisters = QUARTER_REGISTERS / registers * 4;
        int blocks = Math.min(warpsOfRegisters, machine.warps) / warps;
        return Math.min(Math.min(blocks, machine.shared / shared), machine.blocks);
    }

    /** Returns, in words, where fewer blocks fit than the sources say. */
    List<String> problems(Map<String, Map<String, Use>> logs) {
        List<String> problems = new ArrayList<>();
        logs.forEach(
                (architecture, uses) ->
                        uses.forEach(
                                (kernel, use) -> {
                                    int blocks = blocks(architecture, kernel, use);
                                    int said = claim(kernel).of(machine(architecture));
                                    if (blocks < said) {
                                        problems.add(
                                                "%s: %d blocks of %s fit on a multiprocessor, not %d"
                                                        .formatted(
                                                                architecture,
                                                                blocks,
                                                                kernel,
                                                                said));
                                    }
                                }));
        return problems;
    }

    private static Claim claim(
            String op, String threads, String shared, int at164, int at228, int at100) {
        return new Claim(op, threads + "_THREADS", shared, at164, at228, at100);
    }

    private static Claim claim(String kernel) {
        String op = kernel.replaceFirst("_(bf16|f16)$", "");
        return CLAIMS.stream()
                .filter(claim -> claim.op.equals(op))
                .findAny()
                .orElseThrow(() -> new AssertionError("how many blocks of " + kernel + " fit?"));
    }

    /** The machine of a log's name, which ends with its architecture. */
    private static Machine machine(String log) {
        Machine machine = MACHINES.get(log.substring(log.indexOf("sm_")));
        if (machine == null) {
            throw new AssertionError("what does a multiprocessor of " + log + " have?");
        }
        return machine;
    }

    private static int roundedUp(int n, int unit) {
        return (n + unit - 1) / unit * unit;
    }
}
