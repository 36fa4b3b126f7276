package io.github.baichuanreward.benchmarks.peers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.baichuanreward.LoadOptions;
import io.github.baichuanreward.RewardModel;
import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.model.BaichuanConfig;
import io.github.baichuanreward.model.RandomModel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class ScoringTurnTest {

    private static final LoadOptions ON_CPU =
            LoadOptions.defaults().withBackend("cpu").withThreads(1);

    @TempDir Path folder;
    private Path model;
    private Path tasks;

    @BeforeEach
    void write() throws IOException {
        model = folder.resolve("model");
        RandomModel.write(model, new BaichuanConfig(3300, 12, 20, 2, 3, 64, 1e-6f), 1);
        tasks = Files.createDirectory(folder.resolve("some tasks"));
        Files.writeString(
                tasks.resolve("tasks"), "load first 1\nwarm up 1\nspeed both 2\nlone lone 3\n");
        Files.writeString(tasks.resolve("first.ids"), "300 301\n");
        Files.writeString(tasks.resolve("up.ids"), "5\n");
        Files.writeString(tasks.resolve("both.ids"), "3299 7 8\n300 9\n");
        Files.writeString(tasks.resolve("lone.ids"), "400 500 600 700\n");
    }

    @Test
    void printsWhatRanAndWhatItFound() throws IOException {
        List<String> lines =
                turn(ON_CPU).stream().filter(line -> !line.startsWith("memory ")).toList();

        assertThat(lines).hasSize(11);
        assertThat(lines.get(0)).startsWith("about ").contains("cpu: ");
        assertThat(lines.get(1)).matches("loaded \\d+\\.\\d{3}");
        assertThat(lines.get(2)).isEqualTo(reward("first", 0, 300, 301));
        assertThat(lines.subList(3, 5)).allMatch(line -> line.matches("seconds both \\d\\.\\d{6}"));
        assertThat(lines.subList(5, 7))
                .containsExactly(reward("both", 0, 3299, 7, 8), reward("both", 1, 300, 9));
        assertThat(lines.subList(7, 10)).allMatch(line -> line.matches("lone \\d+\\.\\d{3}"));
        assertThat(lines.get(10)).isEqualTo(reward("lone", 0, 400, 500, 600, 700));
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void tellsItsMemoryAtTheEnd() throws IOException {
        List<String> lines = turn(ON_CPU);

        assertThat(lines.get(11)).matches("memory peak [1-9]\\d+");
        assertThat(lines.get(12)).matches("memory anonymous [1-9]\\d+");
    }

    @Test
    void saysThatAPrecisionIsNotThere() throws IOException {
        // No CPU backend computes in int8.
        List<String> lines = turn(ON_CPU.withPrecision(Precision.INT8));

        assertThat(lines).hasSize(1);
        assertThat(lines.get(0)).startsWith("unavailable ").contains("int8");
    }

    @Test
    void failsWhereFloat32IsNotThere() {
        LoadOptions onNothing = ON_CPU.withBackend("nowhere").withPrecision(Precision.FLOAT32);

        assertThatThrownBy(() -> turn(onNothing)).isInstanceOf(BackendException.class);
    }

    private List<String> turn(LoadOptions options) throws IOException {
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        try (PrintStream out = new PrintStream(printed, true, StandardCharsets.UTF_8)) {
            ScoringTurn.take(out, model, options, tasks);
        }
        return printed.toString(StandardCharsets.UTF_8).lines().toList();
    }

    private String reward(String task, int index, int... ids) throws IOException {
        try (RewardModel loaded = RewardModel.load(model, ON_CPU)) {
            float reward = loaded.scoreIds(List.of(ids)).get(0).reward();
            return String.format(Locale.ROOT, "reward %s %d %.6f", task, index, reward);
        }
    }
}
