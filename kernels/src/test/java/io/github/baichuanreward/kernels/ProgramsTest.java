package io.github.baichuanreward.kernels;

import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import io.github.baichuanreward.kernels.ProgramRun.Case;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;

/** Every case of every test program under src/test/cpp, in several builds and schedules. */
class ProgramsTest {

    /**
     * Kernels built in one way.
     *
     * @param folder below target, that holds the programs
     * @param target of the Makefile
     * @param programs their names, without the end
     */
    private record Build(String folder, String target, List<String> programs) {

        static final Build PLAIN = new Build("cpp", "tests", Sources.programs());
        static final Build UBSAN = new Build("ubsan", "tests-ubsan", Sources.programs());
        static final Build ASAN = new Build("asan", "tests-asan", Sources.programs());

        /** The libraries that stand for a driver and its GPUs. */
        static final Build FAKE_GPU = new Build("fake-gpu", "fake-gpu-test", List.of("fake_gpu"));
    }

    /** The program of one op, started with options that {@code title} tells. */
    private record Started(String title, Future<ProgramRun> run) {}

    /** Programs that run at a time. */
    static final int PROCESSES = 2;

    private static final Duration LIMIT = Duration.ofMinutes(2);
    private static final Duration NIGHTLY_LIMIT = Duration.ofMinutes(20);

    /**
     * Leaks are not looked for: the emulator keeps its memory. CUDA threads run on stacks of the
     * emulator, so ASan must not move their variables elsewhere.
     */
    private static final Map<String, String> SANITIZER_OPTIONS =
            Map.of(
                    "ASAN_OPTIONS", "detect_leaks=0:detect_stack_use_after_return=0:exitcode=99",
                    "UBSAN_OPTIONS", "print_stacktrace=1:exitcode=99");

    private final ExecutorService processes = Executors.newFixedThreadPool(PROCESSES);
    private final List<Started> runs = new ArrayList<>();

    @TestFactory
    Stream<DynamicTest> cases() throws Exception {
        if (Toolchain.missingCompiler().isPresent()) {
            // A test that is skipped is counted, a factory is not.
            return Stream.of(dynamicTest("all programs", Toolchain::requireCompiler));
        }
        Toolchain.make(
                Build.PLAIN.target(),
                Build.UBSAN.target(),
                Build.ASAN.target(),
                Build.FAKE_GPU.target());
        for (int seed = 0; seed <= 3; seed++) { // 0 is lane order
            start(Build.PLAIN, LIMIT, "--seed", Integer.toString(seed));
            start(Build.FAKE_GPU, LIMIT, "--seed", Integer.toString(seed));
        }
        start(Build.UBSAN, LIMIT, "--seed", "0");
        start(Build.ASAN, LIMIT, "--seed", "4");
        return results();
    }

    @Tag("nightly")
    @TestFactory
    Stream<DynamicTest> casesAtRealWidth() throws Exception {
        if (Toolchain.missingCompiler().isPresent()) {
            // A test that is skipped is counted, a factory is not.
            return Stream.of(dynamicTest("all programs", Toolchain::requireCompiler));
        }
        Toolchain.make(Build.PLAIN.target());
        start(Build.PLAIN, NIGHTLY_LIMIT, "--nightly");
        return results();
    }

    private void start(Build build, Duration limit, String... options) {
        for (String name : build.programs()) {
            Path program = Sources.TARGET.resolve(build.folder()).resolve(name + "_test");
            List<String> command = new ArrayList<>(List.of(program.toString()));
            command.addAll(List.of(options));
            String title =
                    "%s_test, %s, %s".formatted(name, build.folder(), String.join(" ", options));
            runs.add(
                    new Started(
                            title,
                            processes.submit(
                                    () -> ProgramRun.of(command, SANITIZER_OPTIONS, limit))));
        }
    }

    private Stream<DynamicTest> results() {
        processes.shutdown();
        return runs.stream().flatMap(ProgramsTest::tests);
    }

    /** A test for each case, and one for the program's end. */
    private static Stream<DynamicTest> tests(Started started) {
        ProgramRun run;
        try {
            run = started.run().get();
        } catch (Exception e) {
            return Stream.of(dynamicTest(started.title(), () -> fail(started.title(), e)));
        }
        DynamicTest end =
                dynamicTest(
                        "end of " + started.title(),
                        () -> run.problem().ifPresent(what -> fail(started.title() + " " + what)));
        return Stream.concat(
                run.cases().stream().map(line -> test(line, started.title())), Stream.of(end));
    }

    private static DynamicTest test(Case line, String title) {
        String name = line.name() + " (" + title + ")";
        return dynamicTest(
                name,
                () -> {
                    switch (line.outcome()) {
                        case OK -> {}
                        case FAILED -> fail(name + ": " + line.text());
                        case SKIPPED -> abort(line.text());
                    }
                });
    }
}
