package io.github.baichuanreward.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.baichuanreward.Golden;
import io.github.baichuanreward.TinyModel;
import io.github.baichuanreward.checkpoint.CheckpointException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class BaichuanWeightsTest {

    @TempDir Path directory;

    @ParameterizedTest
    @MethodSource("io.github.baichuanreward.Golden#names")
    void opensEveryGolden(String name) throws IOException {
        BaichuanWeights weights = Golden.read(name).open();

        assertThat(weights.layers()).hasSize(weights.config().layers());
        assertThat(weights.valueHead().weight()).hasSize(weights.config().hidden());
        assertThat(weights.bytes()).isPositive();
    }

    @Test
    void tellsEveryMissingAndMisshapenTensorAtOnce() throws IOException {
        new TinyModel(1)
                .without("model.norm.weight")
                .without("model.layers.1.mlp.up_proj.weight")
                .tensor("model.layers.0.self_attn.W_pack.weight", 71, 24)
                .write(directory);

        assertThatThrownBy(() -> BaichuanWeights.open(directory))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining(directory.toString())
                .hasMessageContaining("3 of the model's tensors are wrong")
                .hasMessageContaining("missing model.norm.weight [24]")
                .hasMessageContaining("missing model.layers.1.mlp.up_proj.weight [40, 24]")
                .hasMessageContaining(
                        "model.layers.0.self_attn.W_pack.weight has shape [71, 24], config.json"
                                + " says [72, 24]");
    }

    @Test
    void refusesTensorsOfALayerThatItWouldLeaveOut() throws IOException {
        new TinyModel(1)
                .tensor("model.layers.0.self_attn.W_pack.bias", 72)
                .tensor("model.layers.2.input_layernorm.weight", 24)
                .write(directory);

        assertThatThrownBy(() -> BaichuanWeights.open(directory))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("unexpected model.layers.0.self_attn.W_pack.bias")
                .hasMessageContaining("unexpected model.layers.2.input_layernorm.weight");
    }

    @Test
    void listsAFewProblemsAndCountsTheOthers() throws IOException {
        new TinyModel(1).config("num_hidden_layers", 12).write(directory);

        assertThatThrownBy(() -> BaichuanWeights.open(directory))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("70 of the model's tensors are wrong")
                .hasMessageEndingWith("; and 58 more");
    }

    @Test
    void refusesMoreLayersThanThereAreTensors() throws IOException {
        new TinyModel(1).config("num_hidden_layers", 2_000_000_000).write(directory);

        assertThatThrownBy(() -> BaichuanWeights.open(directory))
                .isInstanceOf(CheckpointException.class)
                .hasMessage(
                        directory.resolve("model.safetensors")
                                + ": holds 18 tensors, but config.json says num_hidden_layers is"
                                + " 2000000000");
    }

    @Test
    void doesNotLookAtTheLanguageModelHead() throws IOException {
        new TinyModel(1).tensor("lm_head.weight", 3).write(directory);
        long with = BaichuanWeights.open(directory).bytes();

        new TinyModel(1).write(directory);
        assertThat(BaichuanWeights.open(directory).bytes()).isEqualTo(with);
    }

    /**
     * The second generation's 13B differs in the vocabulary and in a head that rewards do not use.
     */
    @Test
    void readsADirectoryOfTheSecondGeneration() throws IOException {
        TinyModel model =
                new TinyModel(1)
                        .config("vocab_size", 125_696)
                        .config("z_loss_weight", 0)
                        .config("tokenizer_class", "BaichuanTokenizer")
                        .tensor("model.embed_tokens.weight", 125_696, 24)
                        .tensor("lm_head.weight", 5, 24);
        BaichuanWeights weights = BaichuanWeights.open(model.write(directory));

        assertThat(weights.config().vocabulary()).isEqualTo(125_696);
        assertThat(weights.embedding().shape()).containsExactly(125_696, 24);
    }

    @Test
    void readsNamesThatDeepSpeedWrapped() throws IOException {
        TinyModel model = new TinyModel(1);
        model.rename("model.norm.weight", "pretrained_model.model.norm.weight");
        model.rename(
                "model.layers.0.mlp.up_proj.weight",
                "pretrained_model.model.layers.0.mlp.up_proj.weight");
        BaichuanWeights weights = BaichuanWeights.open(model.write(directory));

        assertThat(weights.finalNorm().name()).isEqualTo("pretrained_model.model.norm.weight");
    }

    @ParameterizedTest
    @CsvSource({
        "value_head.safetensors, summary.",
        "value_head.safetensors, v_head.summary.",
        "value_head.bin, summary.",
        "v_head.safetensors, v_head.summary.",
        "v_head.bin, v_head.summary.",
        "pytorch_model.bin, v_head.summary."
    })
    void findsTheValueHeadInAFileOfItsOwn(String file, String prefix) throws IOException {
        TinyModel model =
                new TinyModel(1)
                        .value("v_head.summary.bias", 0, 0.25f)
                        .move(
                                directory.resolve(file),
                                "v_head.summary.weight",
                                prefix + "weight",
                                "v_head.summary.bias",
                                prefix + "bias");
        ValueHead head = BaichuanWeights.open(model.write(directory)).valueHead();

        assertThat(head.bias()).isEqualTo(0.25f);
        assertThat(head.source()).isEqualTo(file + ": " + prefix + "weight");
    }

    @Test
    void readsAClassifiersHeadThatHasNoBias() throws IOException {
        TinyModel model = new TinyModel(1);
        float first = model.values("v_head.summary.weight")[0];
        model.rename("v_head.summary.weight", "score.weight").without("v_head.summary.bias");
        ValueHead head = BaichuanWeights.open(model.write(directory)).valueHead();

        assertThat(head.bias()).isZero();
        assertThat(head.weight()[0]).isEqualTo(first);
        assertThat(head.source()).isEqualTo("model.safetensors: score.weight");
    }

    @Test
    void prefersAFileOfItsOwnToTheMainWeights() throws IOException {
        new TinyModel(2)
                .value("v_head.summary.bias", 0, 7f)
                .move(
                        directory.resolve("value_head.safetensors"),
                        "v_head.summary.weight",
                        "v_head.summary.weight",
                        "v_head.summary.bias",
                        "v_head.summary.bias");
        new TinyModel(1).write(directory);

        assertThat(BaichuanWeights.open(directory).valueHead().bias()).isEqualTo(7f);
    }

    @Test
    void refusesAModelWithoutValueHead() throws IOException {
        new TinyModel(1)
                .without("v_head.summary.weight")
                .without("v_head.summary.bias")
                .write(directory);

        assertThatThrownBy(() -> BaichuanWeights.open(directory))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining(directory + ": no value head")
                .hasMessageContaining("copy value_head.bin from the training checkpoint");
    }

    @Test
    void refusesAValueHeadWithoutBias() throws IOException {
        new TinyModel(1).without("v_head.summary.bias").write(directory);

        assertThatThrownBy(() -> BaichuanWeights.open(directory))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining(
                        "v_head.summary.weight is there but v_head.summary.bias is not");
    }

    @Test
    void refusesAValueHeadFileWithoutValueHead() throws IOException {
        new TinyModel(1)
                .tensor("something", 3)
                .move(directory.resolve("value_head.bin"), "something", "other")
                .write(directory);

        assertThatThrownBy(() -> BaichuanWeights.open(directory))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining(
                        "holds none of v_head.summary.weight, summary.weight, score.weight,"
                                + " base_model.model.score.weight but")
                .hasMessageContaining("[other]");
    }

    @ParameterizedTest
    @ValueSource(longs = {23, 48})
    void refusesAValueHeadOfAnotherWidth(long width) throws IOException {
        new TinyModel(1).tensor("v_head.summary.weight", 1, width).write(directory);

        assertThatThrownBy(() -> BaichuanWeights.open(directory))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("v_head.summary.weight is FLOAT32 [1, " + width + "]")
                .hasMessageContaining("needs [1, 24]");
    }

    @Test
    void refusesAValueHeadThatIsNotFinite() throws IOException {
        new TinyModel(1).value("v_head.summary.weight", 5, Float.NaN).write(directory);

        assertThatThrownBy(() -> BaichuanWeights.open(directory))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("v_head.summary.weight[5] is NaN");
    }

    @Test
    void namesADirectoryWithoutWeights() throws IOException {
        new TinyModel(1).write(directory);
        Files.delete(directory.resolve("model.safetensors"));

        assertThatThrownBy(() -> BaichuanWeights.open(directory))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining(directory.toString());
    }

    @Test
    void theValueHeadCanBeRoundedToHalfPrecision() throws IOException {
        BaichuanWeights weights =
                BaichuanWeights.open(
                        new TinyModel(1)
                                .value("v_head.summary.weight", 3, 0.1f)
                                .value("v_head.summary.bias", 0, 1.0005f)
                                .write(directory));
        ValueHead half = weights.withHalfValueHead().valueHead();

        assertThat(half.weight()[3]).isEqualTo(0.099975586f);
        assertThat(half.bias()).isEqualTo(1.0009766f);
        assertThat(half.source()).endsWith(", rounded to float16");
        assertThat(weights.valueHead().weight()[3]).isEqualTo(0.1f);
    }
}
