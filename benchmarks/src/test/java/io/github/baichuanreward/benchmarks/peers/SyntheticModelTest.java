package io.github.baichuanreward.benchmarks.peers;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.LoadOptions;
import io.github.baichuanreward.RewardModel;
import io.github.baichuanreward.Score;
import io.github.baichuanreward.model.BaichuanConfig;
import io.github.baichuanreward.model.BaichuanWeights;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SyntheticModelTest {

    /** Ten heads: not a power of two. */
    private static final BaichuanConfig SIZES =
            new BaichuanConfig(4100, 130, 347, 9, 10, 4096, 1e-6f);

    @TempDir Path directory;

    @BeforeEach
    void write() throws IOException {
        SyntheticModel.main(new String[] {directory.toString(), "9", "130", "347", "10", "4100"});
    }

    @Test
    void hasTheSizesAskedForInBfloat16() throws IOException {
        BaichuanWeights weights = BaichuanWeights.open(directory);

        assertThat(weights.config()).isEqualTo(SIZES);
        assertThat(weights.types()).containsExactly("bfloat16");
        assertThat(directory.resolve("model.safetensors.part")).doesNotExist();
    }

    @Test
    void isScoredWithRewardsThatSpreadByAboutOne() throws IOException {
        List<int[]> sequences = new ArrayList<>();
        for (int first = 0; first < 60; first++) {
            sequences.add(new int[] {first, 300 - first, 7});
        }
        List<Double> rewards = new ArrayList<>();
        try (RewardModel model = RewardModel.load(directory, onCpu())) {
            for (Score score : model.scoreIds(sequences)) {
                rewards.add((double) score.reward());
            }
        }
        double mean = rewards.stream().mapToDouble(r -> r).average().orElseThrow();
        double square =
                rewards.stream().mapToDouble(r -> (r - mean) * (r - mean)).average().orElseThrow();

        assertThat(Math.sqrt(square)).isBetween(0.3, 2.0);
    }

    private static LoadOptions onCpu() {
        return LoadOptions.defaults().withBackend("cpu").withThreads(1);
    }
}
