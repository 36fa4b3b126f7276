package io.github.baichuanreward;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * Threads change speed, never a reward. The number is an option, not a matter of the environment
 * that oneDNN's own threads would look at.
 */
class ThreadsTest {

    @Test
    void everyNumberOfThreadsGivesTheSameBits() throws Exception {
        Path directory = TestData.demoModel().resolve("model");
        List<String> one = bits(directory, 1);

        assertThat(one).hasSize(30);
        assertThat(bits(directory, 2)).isEqualTo(one);
        assertThat(bits(directory, 3)).isEqualTo(one);
    }

    /** The environment is read when a process starts, so this takes another one. */
    @Test
    void theEnvironmentOfOpenMpChangesNothing() throws Exception {
        Path directory = TestData.demoModel().resolve("model");
        ProcessBuilder builder =
                JavaProcess.of(
                        List.of("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"),
                        ThreadsTest.class,
                        directory.toString(),
                        "2");
        builder.environment().put("OMP_NUM_THREADS", "3");
        builder.environment().put("OMP_DYNAMIC", "true");
        builder.redirectError(ProcessBuilder.Redirect.INHERIT);
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

        assertThat(process.waitFor()).isZero();
        assertThat(output.lines()).containsExactlyElementsOf(bits(directory, 2));
    }

    /** Prints the bits of thirty rewards: directory, number of threads. */
    public static void main(String[] args) throws IOException {
        bits(Path.of(args[0]), Integer.parseInt(args[1])).forEach(System.out::println);
    }

    private static List<String> bits(Path directory, int threads) throws IOException {
        LoadOptions options = LoadOptions.defaults().withThreads(threads);
        try (RewardModel model = RewardModel.load(directory, options)) {
            List<PromptAnswer> items = new ArrayList<>();
            for (int i = 0; i < 30; i++) {
                items.add(new PromptAnswer("问题" + i, "这是一个回答。".repeat(1 + i)));
            }
            return model.score(items).stream()
                    .map(score -> Integer.toHexString(Float.floatToIntBits(score.reward())))
                    .toList();
        }
    }
}
