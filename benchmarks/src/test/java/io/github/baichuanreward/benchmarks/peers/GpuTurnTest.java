package io.github.baichuanreward.benchmarks.peers;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.LoadOptions;
import io.github.baichuanreward.RewardModel;
import io.github.baichuanreward.model.BaichuanConfig;
import io.github.baichuanreward.model.RandomModel;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GpuTurnTest {

    @TempDir Path folder;
    private Path model;
    private Path ids;

    @BeforeEach
    void write() throws IOException {
        model = folder.resolve("a model");
        RandomModel.write(model, new BaichuanConfig(50, 12, 20, 2, 3, 64, 1e-6f), 1);
        ids = Files.writeString(folder.resolve("some ids"), "7 8 9\n10\n");
    }

    @Test
    void scoresWithTheModelThatWasLoadedLast() throws IOException {
        List<String> lines =
                obey("load float32 cpu tiny", "load float32 cpu " + model, "score " + ids);

        assertThat(lines).hasSize(3);
        assertThat(lines.subList(0, 2)).allMatch(line -> line.startsWith("about cpu: float32"));
        assertThat(lines.get(2)).matches("scored \\d+\\.\\d{6} " + rewards());
    }

    @Test
    void goesOnAfterWhatFails() throws IOException {
        List<String> lines =
                obey(
                        "score " + ids,
                        "load float32 cpu " + folder.resolve("nothing"),
                        "load int8 cpu tiny",
                        "dance",
                        "load float32 cpu " + model,
                        "score " + folder.resolve("none"),
                        "score " + ids);

        assertThat(lines).hasSize(7);
        assertThat(lines.get(0)).isEqualTo("failed no model is loaded");
        assertThat(lines.get(1)).startsWith("failed ").contains("nothing");
        assertThat(lines.get(2)).startsWith("failed ").contains("int8");
        assertThat(lines.get(3)).isEqualTo("failed not a line to obey: dance");
        assertThat(lines.get(5)).startsWith("failed ").contains("none");
        assertThat(lines.get(6)).startsWith("scored ");
    }

    private static List<String> obey(String... lines) throws IOException {
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        try (PrintStream out = new PrintStream(printed, true, StandardCharsets.UTF_8)) {
            GpuTurn.take(out, new BufferedReader(new StringReader(String.join("\n", lines))));
        }
        return printed.toString(StandardCharsets.UTF_8).lines().toList();
    }

    private String rewards() throws IOException {
        LoadOptions onCpu = LoadOptions.defaults().withBackend("cpu");
        try (RewardModel loaded = RewardModel.load(model, onCpu)) {
            List<int[]> sequences = List.of(new int[] {7, 8, 9}, new int[] {10});
            return loaded.scoreIds(sequences).get(0).reward()
                    + " "
                    + loaded.scoreIds(sequences).get(1).reward();
        }
    }
}
