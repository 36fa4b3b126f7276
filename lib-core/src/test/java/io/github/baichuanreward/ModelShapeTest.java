package io.github.baichuanreward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelShapeTest {

    private static final ModelShape SHAPE = new ModelShape(3, 60, 100, 5, 301, 64);

    @TempDir Path directory;

    @Test
    void scoresAsTheDirectoryWrittenOfIt() throws IOException {
        SHAPE.write(directory);
        List<Score> rewards;
        try (RewardModel model = RewardModel.random(SHAPE, onCpu())) {
            rewards = model.scoreIds(rows());
        }
        for (int time = 0; time < 2; time++) {
            try (RewardModel model = RewardModel.load(directory, onCpu())) {
                assertThat(model.scoreIds(rows())).isEqualTo(rewards);
            }
        }
        assertThat(rewards).extracting(Score::reward).doesNotHaveDuplicates();
    }

    @Test
    void passesInspection() throws IOException {
        SHAPE.write(directory);
        ModelInspection inspection = ModelInspection.of(directory, onCpu());

        assertThat(inspection.sizes()).isEqualTo(SHAPE.sizes());
        assertThat(inspection.weights()).isEqualTo("safetensors, 1 file, bfloat16");
        assertThat(inspection.tokenizer().problem()).contains("tokenizer.model");
    }

    @Test
    void leavesNoTemporaryFile() throws IOException {
        List<Path> before = temporaryFiles();
        RewardModel.random(SHAPE, onCpu()).close();
        assertThatThrownBy(() -> RewardModel.random(SHAPE, onCpu().withDevices(List.of(1))))
                .hasMessageContaining("devices");
        assertThat(temporaryFiles()).isEqualTo(before);
    }

    @Test
    void saysThatRandomWeightsReadNoTexts() throws IOException {
        try (RewardModel model = RewardModel.random(SHAPE, onCpu())) {
            assertThatThrownBy(() -> model.score("q", "a"))
                    .isInstanceOf(UncheckedIOException.class)
                    .hasMessage(
                            "a model of random weights has no tokenizer; score token ids"
                                    + " (scoreIds)");
        }
    }

    @Test
    void refusesAdaptersAndImpossibleSizes() {
        assertThatThrownBy(
                        () -> RewardModel.random(SHAPE, onCpu().withAdapters(List.of(directory))))
                .hasMessage("a model of random weights takes no adapters");
        assertThatThrownBy(() -> new ModelShape(1, 60, 100, 7, 300, 64))
                .hasMessage("hidden 60 is not divisible by heads 7");
        assertThatThrownBy(() -> new ModelShape(0, 60, 100, 6, 300, 64))
                .hasMessage("a size is 0; all are at least 1");
    }

    @Test
    void hasTheSizesOfBaichuan() {
        assertThat(ModelShape.named().get("baichuan-13b"))
                .isEqualTo(new ModelShape(40, 5120, 13696, 40, 64000, 4096));
    }

    private static List<int[]> rows() {
        List<int[]> rows = new ArrayList<>();
        for (int first = 0; first < 20; first++) {
            rows.add(new int[] {first, 300 - first, 7});
        }
        return rows;
    }

    private static List<Path> temporaryFiles() throws IOException {
        try (Stream<Path> files = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
            return files.filter(file -> file.toString().contains("baichuan-reward-random-"))
                    .toList();
        }
    }

    private static LoadOptions onCpu() {
        return LoadOptions.defaults().withBackend("cpu").withThreads(1);
    }
}
