package io.github.baichuanreward.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.Golden;
import io.github.baichuanreward.TinyModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InspectCommandTest {

    @TempDir Path directory;

    @Test
    void saysWhatTheDemoModelIs() {
        CommandLineRun run = CommandLineRun.of("inspect", "--model", CommandLineRun.MODEL);

        assertThat(run.err()).isEmpty();
        assertThat(run.status()).isZero();
        assertThat(run.outLines()).element(0).isEqualTo("directory     " + CommandLineRun.MODEL);
        assertThat(run.out())
                .contains("weights       safetensors, 1 file, bfloat16\n")
                .contains("parameters    3,115,200 in 6,230,400 bytes\n")
                .contains(
                        "config        vocab_size 7000, hidden_size 192, intermediate_size 512,"
                                + " num_hidden_layers 4, num_attention_heads 6,"
                                + " model_max_length 4096, rms_norm_eps 1.0E-6\n")
                .contains("value head    value_head.safetensors: v_head.summary.weight\n")
                .contains("tokenizer     7000 pieces\n")
                .containsPattern(
                        "backend       cpu \\(chosen\\): weights of 0\\.01 GiB, mapped from disk, and"
                                + " 0\\.01 GiB of heap for batches of 1024 tokens; this machine has"
                                + " [0-9.]+ GiB of memory")
                .doesNotContain("WARNING");
    }

    @Test
    void warnsOfAHeadThatWasNeverTrained() throws IOException {
        TinyModel model = new TinyModel(1).value("v_head.summary.bias", 0, 0.1f);
        Random random = new Random(2);
        float[] weight = model.values("v_head.summary.weight");
        for (int i = 0; i < weight.length; i++) {
            weight[i] = (float) ((2 * random.nextDouble() - 1) / Math.sqrt(weight.length));
        }
        CommandLineRun run =
                CommandLineRun.of("inspect", "--model", model.write(directory).toString());

        assertThat(run.status()).isZero();
        assertThat(run.out())
                .contains("WARNING: it looks as PyTorch draws a new layer")
                .contains("bias 0.1");
    }

    @Test
    void reportsAMissingTokenizerWithoutFailing() throws IOException {
        CommandLineRun run =
                CommandLineRun.of(
                        "inspect", "--model", new TinyModel(1).write(directory).toString());

        assertThat(run.status()).isZero();
        assertThat(run.out())
                .contains("tokenizer     texts cannot be scored, only token ids: ")
                .contains(directory.resolve("tokenizer.model").toString());
    }

    @Test
    void countsTheParametersOfAdapters() {
        Golden golden = Golden.read("tiny-a-lora");
        String base = golden.model().toString();
        CommandLineRun without = CommandLineRun.of("inspect", "--model", base);
        CommandLineRun with =
                CommandLineRun.of(
                        "inspect",
                        "--model",
                        base,
                        "--adapter",
                        golden.adapters().get(0).toString());

        assertThat(without.out()).contains("PyTorch zip, 1 file, float32");
        // Two layers of W_pack [192, 64], rank 8.
        assertThat(parameters(with) - parameters(without)).isEqualTo(2 * 8 * (192 + 64));
        assertThat(with.out()).contains("value head    value_head.bin: summary.weight");
    }

    @Test
    void saysWhyNoBackendWouldBeTaken() {
        CommandLineRun run =
                CommandLineRun.of("inspect", "--model", CommandLineRun.MODEL, "--backend", "cuda");

        assertThat(run.status()).isZero();
        assertThat(run.out())
                .contains("backend       cpu (not chosen): ")
                .contains(
                        "backend       none: no backend \"cuda\" on the class path, only cpu; use auto, or add the jar of the other\n");
    }

    @Test
    void refusesWhatLoadingRefuses() throws IOException {
        new TinyModel(1).without("model.norm.weight").write(directory);
        CommandLineRun run = CommandLineRun.of("inspect", "--model", directory.toString());

        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err())
                .startsWith("reward: " + directory)
                .contains("missing model.norm.weight [24]")
                .hasLineCount(1);
        Files.delete(directory.resolve("config.json"));
        assertThat(CommandLineRun.of("inspect", "--model", directory.toString()).err())
                .contains("config.json: no such file");
    }

    @Test
    void needsAModel() {
        CommandLineRun run = CommandLineRun.of("inspect");

        assertThat(run.status()).isEqualTo(2);
        assertThat(run.err()).startsWith("reward: --model_name_or_path is missing");
    }

    private static long parameters(CommandLineRun run) {
        String line =
                run.outLines().stream()
                        .filter(l -> l.startsWith("parameters"))
                        .findFirst()
                        .orElseThrow();
        return Long.parseLong(line.substring(14, line.indexOf(" in ")).replace(",", ""));
    }
}
