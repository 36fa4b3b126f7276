package io.github.baichuanreward.kernels;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A run of a test program: its cases, and whether it ended as they say.
 *
 * @param cases in the order of their lines
 * @param problem what is wrong beside failed cases: a crash, no case at all, or an exit status that
 *     does not say whether a case failed
 */
record ProgramRun(List<Case> cases, Optional<String> problem) {

    private static final Pattern CASE = Pattern.compile("(ok|FAILED|skipped) (.*?): (.*)");

    /** What a line says of a case; {@code text} is figures, what failed, or why it was skipped. */
    record Case(Outcome outcome, String name, String text) {}

    enum Outcome {
        OK,
        FAILED,
        SKIPPED
    }

    static ProgramRun of(List<String> command, Map<String, String> environment, Duration limit)
            throws Exception {
        return of(CommandRun.of(command, environment, limit), limit);
    }

    static ProgramRun of(CommandRun run, Duration limit) {
        List<Case> cases = run.output().lines().flatMap(ProgramRun::parse).toList();
        return new ProgramRun(
                cases, problem(cases, run, limit).map(problem -> problem + everything(run)));
    }

    /** Whether a case failed. */
    boolean failed() {
        return failed(cases);
    }

    private static boolean failed(List<Case> cases) {
        return cases.stream().anyMatch(line -> line.outcome() == Outcome.FAILED);
    }

    private static Stream<Case> parse(String line) {
        Matcher match = CASE.matcher(line);
        if (!match.matches()) {
            return Stream.empty();
        }
        Outcome outcome =
                switch (match.group(1)) {
                    case "ok" -> Outcome.OK;
                    case "skipped" -> Outcome.SKIPPED;
                    default -> Outcome.FAILED;
                };
        return Stream.of(new Case(outcome, match.group(2), match.group(3)));
    }

    private static Optional<String> problem(List<Case> cases, CommandRun run, Duration limit) {
        if (run.timedOut()) {
            return Optional.of("took longer than " + limit.toSeconds() + " s and was killed");
        }
        if (run.status() > 128) {
            return Optional.of("crashed with signal " + (run.status() - 128));
        }
        if (run.status() > 1) {
            return Optional.of("ended with status " + run.status());
        }
        if (cases.isEmpty()) {
            return Optional.of("printed no case");
        }
        if (failed(cases) != (run.status() == 1)) {
            return Optional.of(
                    failed(cases)
                            ? "ended with status 0 although a case failed"
                            : "ended with status 1 although no case failed");
        }
        return Optional.empty();
    }

    private static String everything(CommandRun run) {
        return "; it printed:\n" + run.output() + run.errors();
    }
}
