package io.github.baichuanreward.benchmarks.peers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

class PeersReportTest {

    private static final String RUN =
            """
            run date 2026-01-02
            run commit abcdef0
            run machine A processor, 2 cores, 24 GB of memory, Linux 6.1 x86_64
            run command benchmarks/cpu-peers --rounds 3
            run model 40 layers
            run threads 2
            run rounds 3
            task load first 1 32 0 one sequence of 32 tokens
            task warm warm-up 3 400 0 to warm up
            task speed 128 1 128 0 one sequence
            task speed pairs 2 600 1 pairs of somebody
            task lone lone 1 128 0 one sequence of 128 tokens, 2 times in a turn
            """;

    private static final String OURS =
            """
            turn ours-float32 1 about Java 17; cpu: float32
            turn ours-float32 1 loaded 0.500
            turn ours-float32 1 reward first 0 0.643987
            turn ours-float32 1 seconds 128 1.28
            turn ours-float32 1 seconds 128 6.40
            turn ours-float32 1 seconds 128 0.64
            turn ours-float32 1 reward 128 0 -1.5
            turn ours-float32 1 seconds pairs 3
            turn ours-float32 1 reward pairs 0 0.25
            turn ours-float32 1 reward pairs 1 -0.75
            turn ours-float32 1 lone 500
            turn ours-float32 1 lone 540
            turn ours-float32 1 reward lone 0 1
            turn ours-float32 1 memory peak 2000000
            turn ours-float32 1 memory anonymous 500000
            turn ours-bfloat16 1 unavailable cpu: precision bfloat16 is not available
            turn ours-float32 2 about Java 17; cpu: float32
            turn ours-float32 2 loaded 0.700
            turn ours-float32 2 seconds 128 2
            turn ours-float32 2 seconds pairs 4
            turn ours-float32 2 lone 610
            turn ours-float32 2 lone 600
            turn ours-float32 2 memory peak 3000000
            turn ours-float32 2 memory anonymous 500000
            turn ours-float32 3 loaded 0.550
            turn ours-float32 3 seconds 128 0.64
            turn ours-float32 3 seconds pairs 2
            turn ours-float32 3 lone 505
            turn ours-float32 3 lone 501
            turn ours-float32 3 memory peak 2000000
            turn ours-float32 3 memory anonymous 500000
            """;

    private static final String LLAMA =
            """
            turn llama.cpp 1 about llama.cpp v0
            turn llama.cpp 1 loaded 1.25
            turn llama.cpp 1 reward first 0 0.644085
            turn llama.cpp 1 seconds 128 1.6
            turn llama.cpp 2 seconds 128 4
            turn llama.cpp 3 seconds 128 1
            turn llama.cpp 1 seconds pairs 5
            turn llama.cpp 2 seconds pairs 5
            turn llama.cpp 1 lone 1500
            turn llama.cpp 1 reward 128 0 -1.4
            turn llama.cpp 1 reward pairs 0 0.25
            turn llama.cpp 1 reward pairs 1 -0.7512
            turn llama.cpp 1 reward lone 0 1
            """;

    @Test
    void tellsWhatRanOnWhat() {
        assertThat(report(RUN + OURS + LLAMA))
                .startsWith(
                        "# Scoring on a CPU beside llama.cpp and PyTorch\n\n2026-01-02, commit abcdef0. A processor")
                .contains("Command: `benchmarks/cpu-peers --rounds 3`\n")
                .contains("2 threads, 3 rounds")
                .contains(
                        """
                        - this library, float32: Java 17; cpu: float32
                        - llama.cpp, bfloat16: llama.cpp v0
                        - this library, bfloat16: left out; cpu: precision bfloat16 is not available
                        """)
                .contains(
                        """
                        ## Workloads

                        | workload | sequences | tokens | what it is |
                        |---|---|---|---|
                        | 128 tokens | 1 | 128 | one sequence |
                        | pairs | 2 | 600 | pairs of somebody |
                        """)
                .endsWith(
                        """

                        ```json
                        {
                          "date": "2026-01-02",
                          "commit": "abcdef0",
                          "machine": "A processor, 2 cores, 24 GB of memory, Linux 6.1 x86_64",
                          "versions": [
                            "this library, float32: Java 17; cpu: float32",
                            "llama.cpp, bfloat16: llama.cpp v0"
                          ]
                        }
                        ```
                        """);
    }

    @Test
    void tellsMediansSpreadAndRatios() {
        assertThat(report(RUN + OURS + LLAMA))
                .contains(
                        """
                        | workload | | tokens/s | beside llama.cpp | within a round |
                        |---|---|---|---|---|
                        | 128 tokens | this library, float32 | 100.0 (64.0 to 200.0) | 1.25 | 1.56 (1.25 to 2.00) |
                        | 128 tokens | llama.cpp, bfloat16 | 80.0 (32.0 to 128.0) | 1.00 | 1.00 (1.00 to 1.00) |
                        | pairs | this library, float32 | 200.0 (150.0 to 300.0) | 1.67 | 1.46 (1.25 to 1.67) |
                        | pairs | llama.cpp, bfloat16 | 120.0 (120.0 to 120.0) | 1.00 | 1.00 (1.00 to 1.00) |
                        """)
                .contains(
                        """
                        | workload | pairs | | pairs/s |
                        |---|---|---|---|
                        | pairs | 1 | this library, float32 | 0.3333 (0.2500 to 0.5000) |
                        | pairs | 1 | llama.cpp, bfloat16 | 0.2000 (0.2000 to 0.2000) |
                        """);
    }

    @Test
    void tellsLatenciesOverAllRounds() {
        assertThat(report(RUN + OURS + LLAMA))
                .contains(
                        """
                        | | calls | p50, ms | p99, ms | longest, ms |
                        |---|---|---|---|---|
                        | this library, float32 | 6 | 505.0 (500.0 to 600.0) | 610.0 | 610.0 |
                        | llama.cpp, bfloat16 | 1 | 1500.0 (1500.0 to 1500.0) | 1500.0 | 1500.0 |
                        """);
    }

    @Test
    void tellsLoadingAndWhatIsKnownOfMemory() {
        assertThat(report(RUN + OURS + LLAMA))
                .contains(
                        """
                        | | first reward, s | peak, GB | not mapped from files, GB |
                        |---|---|---|---|
                        | this library, float32 | 0.55 (0.50 to 0.70) | 2.05 (2.05 to 3.07) | 0.51 (0.51 to 0.51) |
                        | llama.cpp, bfloat16 | 1.25 (1.25 to 1.25) |  |  |
                        """);
    }

    @Test
    void tellsTheLargestDifferencesOfRewards() {
        assertThat(report(RUN + OURS + LLAMA))
                .contains(
                        """
                        | workload | sequences | lowest | highest | llama.cpp, bfloat16 |
                        |---|---|---|---|---|
                        | first | 1 | 0.6440 | 0.6440 | 0.0001 |
                        | 128 tokens | 1 | -1.5000 | -1.5000 | 0.1000 |
                        | pairs | 2 | -0.7500 | 0.2500 | 0.0012 |
                        | lone | 1 | 1.0000 | 1.0000 | 0.0000 |
                        """);
    }

    @Test
    void leavesRatiosOutWithoutLlamaCpp() {
        assertThat(report(RUN + OURS))
                .contains("| 128 tokens | this library, float32 | 100.0 (64.0 to 200.0) |  |  |\n");
    }

    @Test
    void leavesOutWhatNobodyAskedFor() {
        String run = RUN.replaceAll("task speed .*\n", "");

        assertThat(report(run + OURS)).doesNotContain("## Speed", "## Pairs");
    }

    @Test
    void refusesRewardsOfDifferentModels() {
        String other = LLAMA.replace("0.644085", "-0.644085");

        assertThatThrownBy(() -> report(RUN + OURS + other))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("sequence 0 of \"first\"")
                .hasMessageContaining("0.643987")
                .hasMessageContaining("-0.644085");
    }

    @Test
    void comparesTheRewardsOfEverySequence() {
        String other = LLAMA.replace("-0.7512", "0.7512");

        assertThatThrownBy(() -> report(RUN + OURS + other))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("sequence 1 of \"pairs\"");
    }

    @Test
    void refusesRewardsThatChangeBetweenRounds() {
        String later = "turn llama.cpp 2 reward lone 0 1.3\n";

        assertThatThrownBy(() -> report(RUN + OURS + LLAMA + later))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("1.3");
    }

    @Test
    void refusesARewardThatIsNoNumber() {
        String other = LLAMA.replace("0.644085", "NaN");

        assertThatThrownBy(() -> report(RUN + OURS + other))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("NaN");
    }

    @Test
    void refusesAContestantWithoutAReward() {
        String silent = LLAMA.replace("turn llama.cpp 1 reward pairs 1 -0.7512\n", "");

        assertThatThrownBy(() -> report(RUN + OURS + silent))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("llama.cpp, bfloat16 has no reward of sequence 1 of \"pairs\"");
    }

    @Test
    void refusesARunWithoutItsFacts() {
        assertThatThrownBy(() -> report(RUN.replace("run commit abcdef0\n", "") + OURS))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("commit");
    }

    @Test
    void refusesAContestantWithoutATime() {
        for (String told : List.of("seconds 128", "lone", "loaded")) {
            String silent = LLAMA.replaceAll("turn llama.cpp . " + told + " .*\n", "");

            assertThatThrownBy(() -> report(RUN + OURS + silent))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("llama.cpp, bfloat16 did not tell \"" + told + "\"");
        }
    }

    @Test
    void quotesALineThatItDoesNotKnow() {
        for (String line : List.of("turn pytorch 1 Traceback", "task speed 128", "dance")) {
            assertThatThrownBy(() -> report(RUN + line + "\n"))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining(line);
        }
    }

    private static String report(String lines) {
        return PeersReport.of(PeersLog.parse(lines.lines().toList()));
    }
}
