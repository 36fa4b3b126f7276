package io.github.baichuanreward.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The script that runs a command on the fake GPU. */
class WithFakeGpuTest {

    private static final Duration LIMIT = Duration.ofMinutes(5); // it may have to build

    @BeforeEach
    void requireCompiler() throws Exception {
        Toolchain.requireCompiler();
    }

    @Test
    void runsTheCommandWithTheLibraries() throws Exception {
        CommandRun run =
                run(
                        "sh",
                        "-c",
                        "ls ${LD_LIBRARY_PATH%%:*}; echo words: \"$@\"",
                        "sh",
                        "a b",
                        "--c");

        assertThat(run.output().lines())
                .contains("libcuda.so.1", "libcublas.so.12", "libcudnn.so.9", "words: a b --c");
        assertThat(run.status()).isZero();
    }

    @Test
    void setsDevicesAndMemory() throws Exception {
        CommandRun run = run("--devices", "3", "--memory", "12M", "env");

        assertThat(run.output().lines()).contains("FAKE_GPU_DEVICES=3", "FAKE_GPU_MEMORY=12582912");
    }

    @Test
    void givesEachDeviceItsMemory() throws Exception {
        CommandRun run = run("--memory", "2G,300M,1000", "env");

        assertThat(run.output().lines()).contains("FAKE_GPU_MEMORY=2147483648,314572800,1000");
    }

    @Test
    void endsAsTheCommandDoes() throws Exception {
        assertThat(run("sh", "-c", "exit 7").status()).isEqualTo(7);
    }

    @Test
    void refusesWrongUsage() throws Exception {
        assertRefused("no command");
        assertRefused("unknown option --device", "--device", "1", "true");
        assertRefused("--devices wants a number, not two", "--devices", "two", "true");
        assertRefused("--memory wants a number of bytes, or some", "--memory", "1T", "true");
        assertRefused("with commas, not 1G,", "--memory", "1G,", "true");
        assertRefused("--memory wants a value", "--memory");
    }

    private static void assertRefused(String message, String... arguments) throws Exception {
        CommandRun run = run(arguments);

        assertThat(run.errors()).contains(message);
        assertThat(run.status()).isEqualTo(2);
    }

    private static CommandRun run(String... arguments) throws Exception {
        List<String> command =
                new ArrayList<>(List.of(Sources.MODULE.resolve("with-fake-gpu").toString()));
        command.addAll(List.of(arguments));
        return CommandRun.of(command, Map.of(), LIMIT);
    }
}
