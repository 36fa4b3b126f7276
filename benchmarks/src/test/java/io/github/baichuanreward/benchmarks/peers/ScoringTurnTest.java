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
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ScoringTurnTest {

    private static final LoadOptions ON_CPU =
            LoadOptions.defaults().withBackend("cpu").withThreads(1);

    @TempDir Path model;

    @BeforeEach
    void write() throws IOException {
        RandomModel.write(model, new BaichuanConfig(3300, 12, 20, 2, 3, 64, 1e-6f), 1);
    }

    @Test
    void printsWhatRanThenRewardsThenEveryRate() throws IOException {
        List<String> lines = turn(ON_CPU);

        assertThat(lines).hasSize(1 + 2 + 6);
        assertThat(lines.get(0)).startsWith("about ").contains("cpu: ");
        assertThat(lines.subList(1, 3)).containsExactly(reward(3), reward(17));
        assertThat(lines.subList(3, 6)).allMatch(line -> line.matches("rate 3 \\d+\\.\\d\\d"));
        assertThat(lines.subList(6, 9)).allMatch(line -> line.matches("rate 17 \\d+\\.\\d\\d"));
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
            ScoringTurn.take(out, model, options, 3, List.of(3, 17));
        }
        return printed.toString(StandardCharsets.UTF_8).lines().toList();
    }

    private String reward(int length) throws IOException {
        try (RewardModel loaded = RewardModel.load(model, ON_CPU)) {
            float reward = loaded.scoreIds(List.of(ScoringTurn.ids(length))).get(0).reward();
            return String.format(Locale.ROOT, "reward %d %.6f", length, reward);
        }
    }
}
