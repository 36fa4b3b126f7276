package io.github.baichuanreward.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class LoraCheckpointTest {

    private static final String MODULE = "base_model.model.model.layers.0.self_attn.W_pack";
    private static final String CONFIG =
            "{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 8, \"bias\": \"none\","
                    + " \"fan_in_fan_out\": false, \"layers_to_transform\": null}";

    @TempDir Path directory;

    @BeforeEach
    void writeAdapter() throws IOException {
        Files.writeString(directory.resolve("adapter_config.json"), CONFIG);
        weights(matrix(MODULE + ".lora_A.weight", 2, 3), matrix(MODULE + ".lora_B.weight", 9, 2));
    }

    @Test
    void readsTheMatricesOfEachModule() throws IOException {
        LoraCheckpoint adapter = LoraCheckpoint.open(directory);

        assertThat(adapter.deltas()).containsOnlyKeys("model.layers.0.self_attn.W_pack");
        LoraCheckpoint.Delta delta =
                Objects.requireNonNull(adapter.deltas().get("model.layers.0.self_attn.W_pack"));
        assertThat(delta.a().shape()).containsExactly(2, 3);
        assertThat(delta.b().shape()).containsExactly(9, 2);
        assertThat(delta.scale()).isEqualTo(4f);
        assertThat(delta.rank()).isEqualTo(2);
        assertThat(adapter.everyLayer()).isTrue();
    }

    @Test
    void readsTheGoldenAdapterOfAllFiveProjections() throws IOException {
        Path golden = Fixtures.golden("tiny-b-lora");
        LoraCheckpoint adapter = LoraCheckpoint.open(golden);

        assertThat(adapter.deltas()).hasSize(15);
        assertThat(adapter.deltas().values())
                .allMatch(delta -> delta.rank() == 4 && delta.scale() == 8f);
    }

    @Test
    void readsKeysThatKeepTheNameOfTheAdapter() throws IOException {
        weights(
                matrix(MODULE + ".lora_A.default.weight", 2, 3),
                matrix(MODULE + ".lora_B.default.weight", 9, 2));

        assertThat(LoraCheckpoint.open(directory).deltas())
                .containsOnlyKeys("model.layers.0.self_attn.W_pack");
    }

    @Test
    void leavesAValueHeadAmongTheMatricesAlone() throws IOException {
        weights(
                matrix(MODULE + ".lora_A.weight", 2, 3),
                matrix(MODULE + ".lora_B.weight", 9, 2),
                matrix("v_head.summary.weight", 1, 3));

        assertThat(LoraCheckpoint.open(directory).deltas()).hasSize(1);
    }

    @Test
    void dividesByTheRootOfTheRankWhereTheConfigSaysSo() throws IOException {
        config("\"r\": 2", "\"use_rslora\": true, \"r\": 2");

        assertThat(LoraCheckpoint.open(directory).deltas().values())
                .allMatch(delta -> Math.abs(delta.scale() - 8 / Math.sqrt(2)) < 1e-6);
    }

    @Test
    void knowsThatSomeLayersWereMeant() throws IOException {
        config("\"layers_to_transform\": null", "\"layers_to_transform\": [0]");

        assertThat(LoraCheckpoint.open(directory).everyLayer()).isFalse();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "[\"model.layers.0.self_attn.W_pack\"]",
                "[\"0.self_attn.W_pack\", \"0.mlp.up_proj\"]",
                "\".*layers\\\\.[0-3]\\\\.self_attn\\\\.W_pack\""
            })
    void knowsThatTheModulesAreThoseOfSomeLayers(String targets) throws IOException {
        config("\"bias\":", "\"target_modules\": " + targets + ", \"bias\":");

        assertThat(LoraCheckpoint.open(directory).everyLayer()).isFalse();
    }

    @Test
    void knowsThatSomeModulesWereExcluded() throws IOException {
        config("\"bias\":", "\"exclude_modules\": [\"3.self_attn.W_pack\"], \"bias\":");

        assertThat(LoraCheckpoint.open(directory).everyLayer()).isFalse();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "[\"W_pack\"]",
                "[\"self_attn.W_pack\", \"o_proj\"]",
                "\"all-linear\"",
                "null"
            })
    void knowsThatNamesOfModulesMeanEveryLayer(String targets) throws IOException {
        config(
                "\"bias\":",
                "\"exclude_modules\": null, \"target_modules\": " + targets + ", \"bias\":");

        assertThat(LoraCheckpoint.open(directory).everyLayer()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"true", "false", "null", "\"gaussian\"", "\"eva\"", "\"orthogonal\""})
    void takesStartingValuesThatLeaveTheModelAlone(String start) throws IOException {
        config("\"bias\":", "\"init_lora_weights\": " + start + ", \"bias\":");

        assertThat(LoraCheckpoint.open(directory).deltas()).hasSize(1);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "\"LORA\"      | \"IA3\"                        | peft_type is \"IA3\"; only adapters with LORA are read",
                "\"none\"      | \"lora_only\"                  | bias is \"lora_only\"; only adapters with none are read",
                "\"fan_in_fan_out\": false | \"fan_in_fan_out\": true | fan_in_fan_out is true",
                "\"bias\":     | \"use_dora\": true, \"bias\":  | use_dora is true",
                "\"bias\":     | \"rank_pattern\": {\"x\": 4}, \"bias\": | rank_pattern gives single modules numbers",
                "\"bias\":     | \"alpha_pattern\": {\"x\": 4}, \"bias\": | alpha_pattern gives single modules numbers",
                "\"bias\":     | \"init_lora_weights\": \"pissa_niter_16\", \"bias\": | init_lora_weights is \"pissa_niter_16\"",
                "\"bias\":     | \"init_lora_weights\": \"olora\", \"bias\": | init_lora_weights is \"olora\"",
                "\"bias\":     | \"layer_replication\": [[0, 1], [0, 1]], \"bias\": | layer_replication is [[0,1],[0,1]]",
                "\"bias\":     | \"alora_invocation_tokens\": [5], \"bias\": | alora_invocation_tokens is [5]",
                "\"r\": 2      | \"r\": 0                       | r is 0; a positive integer is needed",
                "\"r\": 2,     | ``                             | r is missing; a positive integer is needed",
                "8             | \"8\"                          | lora_alpha is \"8\"; a number is needed",
                "\"r\": 2      | \"r\": 3                       | lora_A [2, 3] and lora_B [9, 2]; r is 3",
                "\"r\": 2      | \"r\": 2, \"r\": 2             | is not valid JSON: Duplicate field 'r'",
                "{             | [{                             | is not valid JSON",
            })
    void refusesAConfigThatMeansAnotherSum(String from, String to, String message)
            throws IOException {
        config(from, to == null ? "" : to);

        assertThatThrownBy(() -> LoraCheckpoint.open(directory))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining(directory.toString())
                .hasMessageContaining(message);
    }

    @Test
    void namesAModuleThatLacksAMatrix() throws IOException {
        weights(matrix(MODULE + ".lora_A.weight", 2, 3));
        assertRefused("\"model.layers.0.self_attn.W_pack\" has lora_A but no lora_B");

        weights(matrix(MODULE + ".lora_B.weight", 9, 2));
        assertRefused("\"model.layers.0.self_attn.W_pack\" has lora_B but no lora_A");
    }

    @Test
    void namesMatricesThatDoNotFitEachOther() throws IOException {
        weights(matrix(MODULE + ".lora_A.weight", 2, 3), matrix(MODULE + ".lora_B.weight", 9, 4));
        assertRefused("has lora_A [2, 3] and lora_B [9, 4]; r is 2 in adapter_config.json");
    }

    @Test
    void namesTensorsThatItCannotApply() throws IOException {
        weights(
                matrix(MODULE + ".lora_A.weight", 2, 3),
                matrix(MODULE + ".lora_B.weight", 9, 2),
                matrix("base_model.model.lm_head.modules_to_save.weight", 9, 2));
        assertRefused(
                "\"base_model.model.lm_head.modules_to_save.weight\" is not a LoRA matrix of a"
                        + " linear layer");
    }

    @Test
    void namesAModuleThatIsThereTwice() throws IOException {
        weights(
                matrix(MODULE + ".lora_A.weight", 2, 3),
                matrix(MODULE + ".lora_A.default.weight", 2, 3),
                matrix(MODULE + ".lora_B.weight", 9, 2));
        assertRefused(".lora_A.default.weight\" is there under two names");
    }

    @Test
    void refusesAnAdapterOfNothing() throws IOException {
        weights(matrix("v_head.summary.weight", 1, 3));
        assertRefused("adapter_model.safetensors: holds no LoRA matrices");
    }

    @Test
    void namesMissingFiles() throws IOException {
        Files.delete(directory.resolve("adapter_model.safetensors"));
        assertRefused(
                "holds no adapter weights; looked for adapter_model.safetensors,"
                        + " adapter_model.bin");

        Files.delete(directory.resolve("adapter_config.json"));
        assertRefused("adapter_config.json: no such file");

        assertThatThrownBy(() -> LoraCheckpoint.open(directory.resolve("nowhere")))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("nowhere: no such directory");
    }

    private void config(String from, String to) throws IOException {
        assertThat(CONFIG).contains(from);
        Files.writeString(directory.resolve("adapter_config.json"), CONFIG.replace(from, to));
    }

    private record Matrix(String name, int rows, int columns) {}

    private static Matrix matrix(String name, int rows, int columns) {
        return new Matrix(name, rows, columns);
    }

    private void weights(Matrix... matrices) throws IOException {
        SafetensorsBuilder builder = new SafetensorsBuilder();
        for (Matrix matrix : matrices) {
            builder.tensor(
                    matrix.name,
                    "F32",
                    "[" + matrix.rows + "," + matrix.columns + "]",
                    new byte[4 * matrix.rows * matrix.columns]);
        }
        builder.write(directory.resolve("adapter_model.safetensors"));
    }

    private void assertRefused(String message) {
        assertThatThrownBy(() -> LoraCheckpoint.open(directory))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining(directory.toString())
                .hasMessageContaining(message);
    }
}
