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
            run repeats 3
            """;

    private static final String OURS =
            """
            turn ours-float32 1 about Java 17; cpu: float32
            turn ours-float32 1 reward 32 0.643987
            turn ours-float32 1 rate 32 90.00
            turn ours-float32 1 rate 32 110.00
            turn ours-float32 1 rate 32 100.00
            turn ours-bfloat16 1 unavailable cpu: precision bfloat16 is not available
            turn ours-float32 2 about Java 17; cpu: float32
            turn ours-float32 2 reward 32 0.643987
            turn ours-float32 2 rate 32 60.00
            turn ours-float32 3 about Java 17; cpu: float32
            turn ours-float32 3 reward 32 0.643987
            turn ours-float32 3 rate 32 120.00
            """;

    private static final String LLAMA =
            """
            turn llama.cpp 1 about llama.cpp v0
            turn llama.cpp 1 reward 32 0.644085
            turn llama.cpp 1 rate 32 80.00
            turn llama.cpp 2 rate 32 40.00
            turn llama.cpp 3 rate 32 75.00
            """;

    @Test
    void tellsMediansSpreadAndRatios() {
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
                        | tokens | | tokens/s | beside llama.cpp | within a round |
                        |---|---|---|---|---|
                        | 32 | this library, float32 | 100.0 (60.0 to 120.0) | 1.33 | 1.50 (1.25 to 1.60) |
                        | 32 | llama.cpp, bfloat16 | 75.0 (40.0 to 80.0) | 1.00 | 1.00 (1.00 to 1.00) |
                        """)
                .endsWith(
                        """
                        | tokens | this library, float32 | llama.cpp, bfloat16 |
                        |---|---|---|
                        | 32 | 0.6440 | 0.6441 |

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
    void leavesRatiosOutWithoutLlamaCpp() {
        assertThat(report(RUN + OURS))
                .contains("| 32 | this library, float32 | 100.0 (60.0 to 120.0) |  |  |\n");
    }

    @Test
    void takesTheMeanOfTheTwoInTheMiddle() {
        assertThat(PeersLog.median(List.of(4.0, 1.0, 3.0, 100.0))).isEqualTo(3.5);
    }

    @Test
    void refusesRewardsOfDifferentModels() {
        String other = LLAMA.replace("0.644085", "-0.644085");

        assertThatThrownBy(() -> report(RUN + OURS + other))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("32 tokens")
                .hasMessageContaining("0.643987")
                .hasMessageContaining("-0.644085");
    }

    @Test
    void refusesARewardThatIsNoNumber() {
        String other = LLAMA.replace("0.644085", "NaN");

        assertThatThrownBy(() -> report(RUN + OURS + other))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("NaN");
    }

    @Test
    void refusesARunWithoutItsFacts() {
        assertThatThrownBy(() -> report(RUN.replace("run commit abcdef0\n", "") + OURS))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("commit");
    }

    @Test
    void refusesAContestantWithoutARate() {
        String silent = "turn pytorch 1 about PyTorch\nturn pytorch 1 reward 32 0.64\n";

        assertThatThrownBy(() -> report(RUN + OURS + silent))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("PyTorch, bfloat16 has no rate at 32 tokens");
    }

    @Test
    void quotesALineThatItDoesNotKnow() {
        assertThatThrownBy(() -> report(RUN + "turn pytorch 1 Traceback\n"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("turn pytorch 1 Traceback");
    }

    private static String report(String lines) {
        return PeersReport.of(PeersLog.parse(lines.lines().toList()));
    }
}
