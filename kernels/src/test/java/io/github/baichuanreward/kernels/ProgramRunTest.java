package io.github.baichuanreward.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.kernels.ProgramRun.Case;
import io.github.baichuanreward.kernels.ProgramRun.Outcome;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** What the lines and the end of a test program say. */
class ProgramRunTest {

    private static final Duration LIMIT = Duration.ofSeconds(30);

    @Test
    void readsCases() {
        ProgramRun run =
                ended(
                        1,
                        """
                        ok rms_norm 2 x 8, bf16: relative error 1e-3
                        some statistics: 3
                        FAILED swiglu: race: line 4
                        skipped golden: no GPU has run it
                        """);

        assertThat(run.cases())
                .containsExactly(
                        new Case(Outcome.OK, "rms_norm 2 x 8, bf16", "relative error 1e-3"),
                        new Case(Outcome.FAILED, "swiglu", "race: line 4"),
                        new Case(Outcome.SKIPPED, "golden", "no GPU has run it"));
        assertThat(run.failed()).isTrue();
        assertThat(run.problem()).isEmpty();
    }

    @Test
    void findsAProgramWithoutCases() {
        assertThat(ended(0, "").problem()).hasValueSatisfying(saying("printed no case"));
    }

    @Test
    void findsAnExitStatusThatHidesAFailure() {
        assertThat(ended(0, "FAILED a: b\n").problem())
                .hasValueSatisfying(saying("ended with status 0 although a case failed"));
    }

    @Test
    void findsAnExitStatusWithoutAFailure() {
        assertThat(ended(1, "ok a: b\n").problem())
                .hasValueSatisfying(saying("ended with status 1 although no case failed"));
    }

    @Test
    void findsOtherExitStatuses() {
        assertThat(ended(2, "ok a: b\n").problem())
                .hasValueSatisfying(saying("ended with status 2"));
    }

    @Test
    @DisabledOnOs(OS.WINDOWS)
    void findsACrash() throws Exception {
        ProgramRun run = shell("echo 'ok a: b'; echo why >&2; kill -SEGV $$", LIMIT);

        assertThat(run.cases()).hasSize(1);
        assertThat(run.problem()).hasValueSatisfying(saying("crashed with signal 11"));
        assertThat(run.problem()).hasValueSatisfying(saying("why"));
    }

    @Test
    @DisabledOnOs(OS.WINDOWS)
    void killsAProgramThatHangs() throws Exception {
        ProgramRun run = shell("echo 'ok a: b'; exec sleep 1000", Duration.ofSeconds(1));

        assertThat(run.cases()).hasSize(1);
        assertThat(run.problem()).hasValueSatisfying(saying("took longer than 1 s"));
    }

    private static Consumer<String> saying(String words) {
        return problem -> assertThat(problem).contains(words);
    }

    private static ProgramRun ended(int status, String output) {
        return ProgramRun.of(new CommandRun(status, output, "", false), LIMIT);
    }

    private static ProgramRun shell(String script, Duration limit) throws Exception {
        return ProgramRun.of(List.of("sh", "-c", script), Map.of(), limit);
    }
}
