package io.github.baichuanreward.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.baichuanreward.TinyModel;
import io.github.baichuanreward.checkpoint.CheckpointException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BaichuanConfigTest {

    @TempDir Path directory;

    @Test
    void readsTheSizes() throws IOException {
        BaichuanConfig config = BaichuanConfig.read(new TinyModel(1).write(directory));

        assertThat(config).isEqualTo(new BaichuanConfig(50, 24, 40, 2, 3, 64, 1e-6f));
        assertThat(config.headDim()).isEqualTo(8);
    }

    /** The values that the original's forty heads have, to the digits its description gives. */
    @Test
    void hasTheSlopesOfFortyHeads() {
        float[] slopes = config(40).slopes();

        for (int k = 0; k < 32; k++) {
            assertThat((double) slopes[k]).isCloseTo(Math.pow(2, -(k + 1) / 4.0), within(1e-7));
        }
        float[] last = {
            .917004f, .771105f, .648420f, .545254f, .458502f, .385553f, .324210f, .272627f
        };
        for (int k = 0; k < 8; k++) {
            assertThat(slopes[32 + k]).isCloseTo(last[k], within(1e-6f));
        }
    }

    @Test
    void hasTheSlopesOfFiveHeads() {
        assertThat(config(5).slopes())
                .containsExactly(
                        new float[] {0.25f, 0.0625f, 0.015625f, 0.00390625f, 0.5f}, within(0f));
    }

    @Test
    void hasTheSlopeOfOneHead() {
        assertThat(config(1).slopes()).containsExactly(new float[] {0.00390625f}, within(0f));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "vocab_size",
                "hidden_size",
                "intermediate_size",
                "num_hidden_layers",
                "num_attention_heads",
                "model_max_length"
            })
    void namesAMissingOrSenselessSize(String field) throws IOException {
        new TinyModel(1).withoutConfig(field).write(directory);
        assertRefused(field + " is missing; a positive integer is needed");

        new TinyModel(1).config(field, 0).write(directory);
        assertRefused(field + " is 0; a positive integer is needed");

        new TinyModel(1).config(field, "24").write(directory);
        assertRefused(field + " is \"24\"; a positive integer is needed");
    }

    @Test
    void refusesAnEpsilonThatIsNone() throws IOException {
        new TinyModel(1).config("rms_norm_eps", 0).write(directory);
        assertRefused("rms_norm_eps is 0; a number between 0 and 1 is needed");
    }

    @Test
    void refusesHeadsThatDoNotDivideHidden() throws IOException {
        new TinyModel(1).config("num_attention_heads", 5).write(directory);
        assertRefused("hidden_size 24 is not divisible by num_attention_heads 5");
    }

    @Test
    void refusesAnotherModelType() throws IOException {
        new TinyModel(1).config("model_type", "llama").write(directory);
        assertRefused("model_type is \"llama\"");
    }

    @Test
    void refusesAnotherActivation() throws IOException {
        new TinyModel(1).config("hidden_act", "gelu").write(directory);
        assertRefused("hidden_act is \"gelu\"");
    }

    @Test
    void refusesTheRotaryModelsByTheirShape() throws IOException {
        new TinyModel(1)
                .config("hidden_size", 4096)
                .config("num_attention_heads", 32)
                .config("num_hidden_layers", 32)
                .write(directory);
        assertRefused("rotary position embedding is not supported");
    }

    @Test
    void refusesTheFirstRotaryModelByItsClass() throws IOException {
        TinyModel model = new TinyModel(1);
        model.config().putArray("architectures").add("BaiChuanForCausalLM");
        model.write(directory);
        assertRefused("rotary position embedding is not supported");
    }

    @Test
    void namesAMissingFile() {
        assertRefused("config.json: no such file");
    }

    @Test
    void namesAFileThatIsNotJson() throws IOException {
        Files.writeString(directory.resolve("config.json"), "{\"vocab_size\": 5,");
        assertRefused("config.json: not JSON");

        Files.writeString(directory.resolve("config.json"), "[]");
        assertRefused("config.json: not a JSON object");
    }

    private void assertRefused(String message) {
        assertThatThrownBy(() -> BaichuanConfig.read(directory))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining(directory.resolve("config.json").toString())
                .hasMessageContaining(message);
    }

    private static BaichuanConfig config(int heads) {
        return new BaichuanConfig(10, heads * 8, 16, 1, heads, 32, 1e-6f);
    }
}
