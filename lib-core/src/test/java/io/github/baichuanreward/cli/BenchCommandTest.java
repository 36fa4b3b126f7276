package io.github.baichuanreward.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.baichuanreward.TinyModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BenchCommandTest {

    @TempDir Path folder;

    @Test
    void printsATableOfARandomModel() {
        CommandLineRun run = bench("--shape", "tiny", "--lengths", "3,17");

        assertThat(run.status()).as(run.err()).isZero();
        assertThat(run.outLines()).hasSize(9);
        assertThat(run.outLines().get(0)).isEqualTo("model    tiny with random weights");
        assertThat(run.outLines().get(2)).startsWith("backend  cpu: float32, ");
        assertThat(run.outLines().get(3)).matches("loaded   in [\\d.]+ s, making .*");
        assertThat(run.outLines().get(7)).matches(" +3( +[\\d.]+){2} - ( *[\\d.]+){4}");
        assertThat(run.outLines().get(8)).startsWith("      17 ");
        assertThat(run.err()).contains("bench: 17 tokens: batches of 60");
    }

    @Test
    void writesADirectoryOnceAndMeasuresItsLoading() throws IOException {
        Path directory = folder.resolve("model");
        Path output = folder.resolve("result.json");
        String[] args = {
            "--shape",
            "tiny",
            "--lengths",
            "9",
            "--directory",
            directory.toString(),
            "--output",
            output.toString()
        };
        CommandLineRun first = bench(args);
        CommandLineRun second = bench(args);
        JsonNode json = new ObjectMapper().readTree(output.toFile());

        assertThat(first.err()).contains("bench: writing random weights to " + directory);
        assertThat(second.err()).doesNotContain("writing");
        assertThat(second.outLines().get(3))
                .matches("loaded   [\\d.]+ GB in [\\d.]+ s, mapped: .*");
        assertThat(json.path("loading").path("bytes").asLong()).isPositive();
        assertThat(json.path("loading").has("gb_per_second")).isFalse();
        assertThat(json.path("sizes").path("hidden_size").asInt()).isEqualTo(120);
        JsonNode entry = json.path("lengths").path(0);
        double rate = entry.path("tokens_per_second").asDouble();
        assertThat(rate)
                .isBetween(
                        entry.path("tokens_per_second_lowest").asDouble(),
                        entry.path("tokens_per_second_highest").asDouble());
        assertThat(entry.path("sequences_per_second").asDouble() * 9)
                .isBetween(0.999 * rate, 1.001 * rate);
        assertThat(entry.path("alone_p50_seconds").asDouble())
                .isPositive()
                .isLessThanOrEqualTo(entry.path("alone_p99_seconds").asDouble());
    }

    @Test
    void measuresAModelThatIsThereWithJsonAlone() throws IOException {
        Path model = new TinyModel(1).write(folder);
        CommandLineRun run =
                bench("--model", model.toString(), "--lengths", "5", "--output", "-", "--quiet");

        assertThat(run.err()).isEmpty();
        JsonNode json = new ObjectMapper().readTree(run.out());
        assertThat(json.path("model").asText()).isEqualTo(model.toString());
        assertThat(json.path("lengths")).hasSize(1);
    }

    @Test
    void refusesLengthsAboveTheModelsBeforeAnythingIsWritten() {
        Path directory = folder.resolve("model");
        CommandLineRun run =
                bench(
                        "--shape",
                        "tiny",
                        "--lengths",
                        "8,4097",
                        "--directory",
                        directory.toString());

        assertThat(run)
                .isEqualTo(
                        new CommandLineRun(
                                2,
                                "",
                                "reward: --lengths has 4097, but tiny with random weights allows"
                                        + " 4096 (model_max_length)\nSee ./reward bench --help\n"));
        assertThat(directory).doesNotExist();
    }

    @Test
    void leavesAnotherModelAsItIs() throws IOException {
        Path model = new TinyModel(1).write(folder);
        byte[] before = Files.readAllBytes(model.resolve("model.safetensors"));
        CommandLineRun run = bench("--shape", "tiny", "--directory", model.toString());

        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err()).contains(model + ": holds a model of other sizes than tiny");
        assertThat(model.resolve("model.safetensors")).hasBinaryContent(before);
    }

    @Test
    void saysWhatIsWrong() {
        assertThat(bench("--shape", "big").err())
                .startsWith("reward: 'big' is no shape; known are baichuan-13b, 788m, tiny\n");
        assertThat(bench("--shape", "tiny", "--model", "m").err())
                .startsWith("reward: give either --model_name_or_path, or --shape");
        assertThat(bench("--adapter", "a").err()).startsWith("reward: --adapter needs");
        assertThat(bench("--lengths", "0").err()).contains("is not a whole number from 1");
        assertThat(bench("--output", folder.resolve("no/where").toString()).err())
                .contains("cannot be a file there");
        assertThat(bench("--output", folder.toString()).status()).isEqualTo(2);
    }

    private static CommandLineRun bench(String... args) {
        String[] all = new String[args.length + 7];
        String[] fixed = {"bench", "--seconds", "1", "--backend", "cpu", "--threads", "1"};
        System.arraycopy(fixed, 0, all, 0, fixed.length);
        System.arraycopy(args, 0, all, fixed.length, args.length);
        return CommandLineRun.of(all);
    }
}
