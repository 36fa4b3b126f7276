package io.github.baichuanreward;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * The number of threads is settled when a process starts, so each number gets a process of its own.
 */
class ThreadsTest {

    @Test
    void everyNumberOfThreadsGivesTheSameBits() throws Exception {
        String one = bits(1);

        assertThat(one.lines()).hasSize(30);
        assertThat(bits(2)).isEqualTo(one);
        assertThat(bits(3)).isEqualTo(one);
    }

    private static String bits(int threads) throws IOException, InterruptedException {
        ProcessBuilder builder =
                JavaProcess.of(
                        List.of("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"),
                        ThreadsTest.class,
                        TestData.demoModel().resolve("model").toString(),
                        Integer.toString(threads));
        builder.environment().put("OMP_NUM_THREADS", Integer.toString(threads));
        builder.redirectError(ProcessBuilder.Redirect.INHERIT);
        Process process = builder.start();
        byte[] output = process.getInputStream().readAllBytes();
        assertThat(process.waitFor()).isZero();
        return new String(output, StandardCharsets.UTF_8);
    }

    /** Prints the bits of thirty rewards: directory, number of threads. */
    public static void main(String[] args) throws IOException {
        LoadOptions options = LoadOptions.defaults().withThreads(Integer.parseInt(args[1]));
        try (RewardModel model = RewardModel.load(Path.of(args[0]), options)) {
            List<PromptAnswer> items = new ArrayList<>();
            for (int i = 0; i < 30; i++) {
                items.add(new PromptAnswer("问题" + i, "这是一个回答。".repeat(1 + i)));
            }
            for (Score score : model.score(items)) {
                System.out.println(Integer.toHexString(Float.floatToIntBits(score.reward())));
            }
        }
    }
}
