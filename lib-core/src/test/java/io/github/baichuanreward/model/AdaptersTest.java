package io.github.baichuanreward.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.baichuanreward.LoadOptions;
import io.github.baichuanreward.RewardModel;
import io.github.baichuanreward.TinyModel;
import io.github.baichuanreward.checkpoint.Checkpoint;
import io.github.baichuanreward.checkpoint.CheckpointException;
import io.github.baichuanreward.checkpoint.SafetensorsBuilder;
import io.github.baichuanreward.checkpoint.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AdaptersTest {

    private static final String FIRST = "model.layers.0.self_attn.W_pack";
    private static final String SECOND = "model.layers.1.self_attn.W_pack";

    @TempDir Path directory;

    private final TinyModel base = new TinyModel(1);
    private Path model;
    private Path one;
    private Path two;

    @BeforeEach
    void write() throws IOException {
        model = base.write(Files.createDirectory(directory.resolve("model")));
        one = Files.createDirectory(directory.resolve("one"));
        two = Files.createDirectory(directory.resolve("two"));
    }

    @Test
    void addsAdaptersInTheirOrderAndTakesTheLastOnesHead() throws IOException {
        TinyModel.writeAdapter(one, 2, 2, 0.5f, base, FIRST, SECOND);
        TinyModel.writeAdapter(two, 3, 4, 0.75f, base, FIRST, SECOND);
        BaichuanWeights weights = BaichuanWeights.open(model, List.of(one, two));

        assertThat(weights.layers())
                .allSatisfy(
                        layer -> {
                            assertThat(layer.qkv().deltas())
                                    .extracting(delta -> delta.rank())
                                    .containsExactly(2, 4);
                            assertThat(layer.up().deltas()).isEmpty();
                        });
        assertThat(weights.valueHead().bias()).isEqualTo(0.75f);
    }

    /** Against a model whose weights were merged by hand, in double. */
    @Test
    void scoresAsTheMergedModelDoes() throws IOException {
        TinyModel.writeAdapter(one, 2, 2, 0.5f, base, FIRST, SECOND);
        TinyModel.writeAdapter(two, 3, 3, 0.75f, base, FIRST, SECOND);
        BaichuanWeights weights = BaichuanWeights.open(model, List.of(one, two));
        TinyModel merged = new TinyModel(1);
        for (int n = 0; n < 2; n++) {
            Projection qkv = weights.layers().get(n).qkv();
            float[] sum = merged.values("model.layers." + n + ".self_attn.W_pack.weight");
            for (int row = 0; row < 72; row++) {
                for (int column = 0; column < 24; column++) {
                    double added = 0;
                    for (var delta : qkv.deltas()) {
                        float[] a = delta.a().toFloats();
                        float[] b = delta.b().toFloats();
                        for (int r = 0; r < delta.rank(); r++) {
                            added += 2.0 * b[row * delta.rank() + r] * a[r * 24 + column];
                        }
                    }
                    sum[row * 24 + column] += (float) added;
                }
            }
        }
        float[] head = merged.values("v_head.summary.weight");
        System.arraycopy(weights.valueHead().weight(), 0, head, 0, 24);
        merged.value("v_head.summary.bias", 0, 0.75f);
        Path mergedModel = merged.write(Files.createDirectory(directory.resolve("merged")));

        List<int[]> ids = List.of(new int[] {1, 2, 3, 4, 5}, new int[] {49, 7}, new int[] {3});
        LoadOptions options = LoadOptions.defaults().withAdapters(List.of(one, two));
        try (RewardModel adapted = RewardModel.load(model, options);
                RewardModel whole = RewardModel.load(mergedModel)) {
            for (int i = 0; i < ids.size(); i++) {
                assertThat(adapted.scoreIds(ids).get(i).reward())
                        .isCloseTo(whole.scoreIds(ids).get(i).reward(), within(1e-5f));
            }
        }
    }

    /** As peft saves what TRL's reward trainer makes of a sequence classifier. */
    @Test
    void takesAClassifierThatWasSavedWithTheMatrices() throws IOException {
        TinyModel.writeAdapter(one, 2, 2, 0, base, FIRST, SECOND);
        Files.delete(one.resolve("value_head.bin"));
        SafetensorsBuilder builder = new SafetensorsBuilder();
        Checkpoint matrices = Checkpoint.openFile(one.resolve("adapter_model.safetensors"));
        for (String name : matrices.names()) {
            Tensor tensor = Objects.requireNonNull(matrices.find(name));
            builder.tensor(
                    name,
                    "F32",
                    Arrays.toString(tensor.shape()),
                    SafetensorsBuilder.floats(tensor.toFloats()));
        }
        float[] head = new float[24];
        head[3] = 0.5f;
        builder.tensor(
                "base_model.model.score.weight", "F32", "[1,24]", SafetensorsBuilder.floats(head));
        builder.write(one.resolve("adapter_model.safetensors"));

        ValueHead found = BaichuanWeights.open(model, List.of(one)).valueHead();

        assertThat(found.weight()).containsExactly(head);
        assertThat(found.bias()).isZero();
        assertThat(found.source())
                .isEqualTo("adapter_model.safetensors: base_model.model.score.weight");
    }

    @Test
    void refusesAnAdapterWithoutValueHead() throws IOException {
        TinyModel.writeAdapter(one, 2, 2, 0, base, FIRST, SECOND);
        Files.delete(one.resolve("value_head.bin"));

        assertRefused(one + ": no value head");
    }

    /** A download that is not complete leaves links to nothing. */
    @Test
    void looksForNoOtherValueHeadWhereAFileOfItsOwnIsALinkToNothing() throws IOException {
        TinyModel.writeAdapter(one, 2, 2, 0, base, FIRST, SECOND);
        Files.move(one.resolve("value_head.bin"), one.resolve("pytorch_model.bin"));
        Files.createSymbolicLink(one.resolve("value_head.bin"), one.resolve("nowhere"));

        assertRefused(one.resolve("value_head.bin") + ": ");
    }

    @Test
    void refusesAnAdapterOfAnotherWidth() throws IOException {
        TinyModel other = new TinyModel(1).tensor(FIRST + ".weight", 72, 32);
        TinyModel.writeAdapter(one, 2, 2, 0, other, FIRST, SECOND);

        assertRefused(
                one + ": " + FIRST + " is made for a weight [72, 32], the model's is [72, 24]");
    }

    @Test
    void refusesAnAdapterThatLacksALayer() throws IOException {
        TinyModel.writeAdapter(one, 2, 2, 0, base, FIRST);

        assertRefused("adapts self_attn.W_pack in other layers but not " + SECOND);
    }

    @Test
    void refusesAnAdapterOfModulesThatTheModelDoesNotHave() throws IOException {
        String third = "model.layers.2.self_attn.W_pack";
        TinyModel other = new TinyModel(1).tensor(third + ".weight", 72, 24);
        TinyModel.writeAdapter(one, 2, 2, 0, other, FIRST, SECOND, third);

        assertRefused("adapts " + third + ", which is none of this model's projections");
    }

    private void assertRefused(String message) {
        assertThatThrownBy(() -> BaichuanWeights.open(model, List.of(one)))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining(message);
    }
}
