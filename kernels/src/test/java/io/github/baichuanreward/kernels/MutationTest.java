package io.github.baichuanreward.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import io.github.baichuanreward.kernels.Mutants.Place;
import io.github.baichuanreward.kernels.ProgramRun.Outcome;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Leaves out each barrier, wait and bounds check of the kernels in turn: a test must fail then.
 *
 * <p>What changes nothing when it is left out is listed in src/test/cpp/equivalent_mutants.txt.
 */
class MutationTest {

    private static final Duration BASELINE_LIMIT = Duration.ofMinutes(2);

    /**
     * What a run may take that goes on although something is left out; more means that it hangs.
     */
    private static final Duration LEAST_LIMIT = Duration.ofSeconds(10);

    private static final int TIMES_BASELINE = 4;

    /** A program with nothing left out: which places it runs, and how long it takes. */
    private record Program(String name, ProgramRun run, Set<Integer> reached, Duration took) {}

    /** How a place that was left out was noticed, if it was. */
    private record Finding(Place place, Optional<String> noticed) {}

    private final Path folder = Sources.TARGET.resolve("mutants");
    private final ExecutorService processes = Executors.newFixedThreadPool(ProgramsTest.PROCESSES);

    @TestFactory
    Stream<DynamicTest> someTestNotices() throws Exception {
        if (Toolchain.missingCompiler().isPresent()) {
            // A test that is skipped is counted, a factory is not.
            return Stream.of(dynamicTest("all programs", Toolchain::requireCompiler));
        }
        List<Place> places = MutatedSources.write();
        Map<String, String> equivalent = MutatedSources.equivalent(places);
        Toolchain.make("mutants");
        List<Program> programs = baseline();
        List<Future<Finding>> findings = new ArrayList<>();
        for (Place place : places) {
            findings.add(processes.submit(() -> leaveOut(place, programs)));
        }
        processes.shutdown();
        Map<String, String> report = new LinkedHashMap<>();
        return Stream.of(
                        programs.stream().map(MutationTest::passes),
                        findings.stream().map(finding -> test(finding, equivalent, report)),
                        Stream.of(
                                dynamicTest(
                                        "every line of equivalent_mutants.txt names a place",
                                        () -> everyEntryIsAPlace(places, equivalent)),
                                dynamicTest("report", () -> write(report))))
                .flatMap(tests -> tests);
    }

    private List<Program> baseline() throws Exception {
        List<Future<Program>> runs = new ArrayList<>();
        for (String name : Sources.programs()) {
            runs.add(processes.submit(() -> baseline(name)));
        }
        List<Program> programs = new ArrayList<>();
        for (Future<Program> run : runs) {
            programs.add(run.get());
        }
        return programs;
    }

    private Program baseline(String name) throws Exception {
        Path reached = folder.resolve(name + ".reached");
        Files.deleteIfExists(reached);
        long start = System.nanoTime();
        ProgramRun run = run(name, "KERNEL_MUTANTS_REACHED", reached.toString(), BASELINE_LIMIT);
        Duration took = Duration.ofNanos(System.nanoTime() - start);
        Set<Integer> numbers = new HashSet<>();
        if (Files.exists(reached)) { // or it runs none of these kernels
            for (String line : Files.readAllLines(reached)) {
                numbers.add(Integer.valueOf(line));
            }
        }
        return new Program(name, run, numbers, took);
    }

    private ProgramRun run(String name, String variable, String value, Duration limit)
            throws Exception {
        List<String> command = List.of(folder.resolve(name + "_test").toString(), "--first");
        return ProgramRun.of(command, Map.of(variable, value), limit);
    }

    /** Runs the programs that come to a place, the one of its file first, then the shortest. */
    private Finding leaveOut(Place place, List<Program> programs) throws Exception {
        String own = place.file().replaceFirst("\\.cuh?$", "");
        List<Program> concerned =
                programs.stream()
                        .filter(program -> program.reached().contains(place.number()))
                        .sorted(
                                Comparator.<Program, Boolean>comparing(
                                                program -> !program.name().equals(own))
                                        .thenComparing(Program::took))
                        .toList();
        for (Program program : concerned) {
            Duration limit = program.took().multipliedBy(TIMES_BASELINE);
            ProgramRun run =
                    run(
                            program.name(),
                            "KERNEL_MUTANT",
                            Integer.toString(place.number()),
                            limit.compareTo(LEAST_LIMIT) > 0 ? limit : LEAST_LIMIT);
            Optional<String> noticed = noticed(run);
            if (noticed.isPresent()) {
                return new Finding(place, noticed);
            }
        }
        return new Finding(place, Optional.empty());
    }

    private static Optional<String> noticed(ProgramRun run) {
        Stream<String> failed =
                run.cases().stream()
                        .filter(line -> line.outcome() == Outcome.FAILED)
                        .map(line -> "FAILED " + line.name() + ": " + line.text());
        Stream<String> ended = run.problem().stream().map(what -> what.split(";", 2)[0]);
        return Stream.concat(failed, ended).findFirst();
    }

    private static DynamicTest passes(Program program) {
        return dynamicTest(
                program.name() + "_test with nothing left out",
                () -> assertThat(noticed(program.run())).isEmpty());
    }

    private static DynamicTest test(
            Future<Finding> future, Map<String, String> equivalent, Map<String, String> report) {
        Finding finding;
        try {
            finding = future.get();
        } catch (Exception e) {
            return dynamicTest("a place left out", () -> fail(e));
        }
        Place place = finding.place();
        return dynamicTest(
                place.title(),
                () -> {
                    String reason = equivalent.get(place.name());
                    report.put(
                            place.title(),
                            finding.noticed().orElse(reason == null ? "NOT NOTICED" : reason));
                    if (reason == null && finding.noticed().isEmpty()) {
                        fail(
                                "no test notices. If it has no effect, say so in equivalent_mutants.txt: "
                                        + place.name()
                                        + ": REASON");
                    }
                    if (reason != null && finding.noticed().isPresent()) {
                        fail(
                                "equivalent_mutants.txt says that this has no effect: "
                                        + finding.noticed().get());
                    }
                });
    }

    private static void everyEntryIsAPlace(List<Place> places, Map<String, String> equivalent) {
        Set<String> others = new HashSet<>(equivalent.keySet());
        places.forEach(place -> others.remove(place.name()));
        assertThat(others).as("lines that name no place, as places are named").isEmpty();
    }

    private void write(Map<String, String> report) throws Exception {
        List<String> lines = new ArrayList<>();
        report.forEach((title, noticed) -> lines.add(title + ": " + noticed));
        Files.write(folder.resolve("report.txt"), lines);
        long killed = lines.stream().filter(line -> line.contains(": took longer")).count();
        long crashed = lines.stream().filter(line -> line.contains(": crashed")).count();
        System.out.printf(
                "%d places left out, of which %d hang and %d crash; see %s%n",
                lines.size(), killed, crashed, folder.resolve("report.txt"));
    }
}
