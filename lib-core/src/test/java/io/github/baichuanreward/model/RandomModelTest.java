package io.github.baichuanreward.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.baichuanreward.LoadOptions;
import io.github.baichuanreward.ModelInspection;
import io.github.baichuanreward.checkpoint.Tensor;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RandomModelTest {

    /** Ten heads: not a power of two. Odd sizes, and an embedding of more than one block. */
    private static final BaichuanConfig SIZES =
            new BaichuanConfig(20_001, 130, 347, 9, 10, 4096, 1e-6f);

    private static final BaichuanConfig HUGE =
            new BaichuanConfig(64_000, 1 << 20, 1 << 20, 1000, 64, 4096, 1e-6f);

    @TempDir Path directory;

    @Test
    void writesTheSameWithAnyNumberOfThreads(@TempDir Path other) throws IOException {
        RandomModel.write(directory, SIZES, 1, Long.MAX_VALUE, 1);
        RandomModel.write(other, SIZES, 1, Long.MAX_VALUE, 7);

        assertThat(names(directory)).containsExactly("config.json", "model.safetensors");
        assertThat(other.resolve("model.safetensors"))
                .hasSameBinaryContentAs(directory.resolve("model.safetensors"));
    }

    @Test
    void isAnotherForAnotherSeed(@TempDir Path other) throws IOException {
        RandomModel.write(directory, SIZES, 1);
        RandomModel.write(other, SIZES, 2);

        assertThat(
                        Files.mismatch(
                                directory.resolve("model.safetensors"),
                                other.resolve("model.safetensors")))
                .isPositive();
    }

    @Test
    void writesShardsThatHoldTheSameTensors(@TempDir Path whole) throws IOException {
        RandomModel.write(directory, SIZES, 1, 3_000_000, 2);
        RandomModel.write(whole, SIZES, 1);

        ModelInspection inspection = ModelInspection.of(directory, onCpu());
        assertThat(inspection.weights()).isEqualTo("safetensors, 4 shards, bfloat16");
        assertSameWeights(BaichuanWeights.open(directory), BaichuanWeights.open(whole));
    }

    @Test
    void hasTheMeansAndDeviationsOfAHealthyModel() throws IOException {
        try (RandomModel model = RandomModel.make(SIZES, 1)) {
            double root = Math.sqrt(SIZES.hidden());
            BaichuanWeights.Layer layer = model.weights().layers().get(8);
            double share = 1 / Math.sqrt(18);

            assertMoments(model.weights().embedding(), 0, 1);
            assertMoments(layer.qkv().weight(), 0, 1 / root);
            assertMoments(layer.gate().weight(), 0, 1 / root);
            assertMoments(layer.up().weight(), 0, 1 / root);
            assertMoments(layer.outProj().weight(), 0, share / root);
            assertMoments(layer.down().weight(), 0, share / Math.sqrt(SIZES.intermediate()));
            for (float value : layer.postNorm().toFloats()) {
                assertThat(value).isBetween(0.8f, 1.2f);
            }
            assertThat(model.weights().valueHead().standardDeviation() * root)
                    .isCloseTo(1, within(0.2));
        }
    }

    @Test
    void letsEveryLayerSeeOtherNumbersOfOneSmallFile() throws IOException {
        try (RandomModel model = RandomModel.make(SIZES, 1)) {
            BaichuanWeights weights = model.weights();
            Set<ByteBuffer> qkv = new HashSet<>();
            Set<ByteBuffer> norms = new HashSet<>();
            for (BaichuanWeights.Layer layer : weights.layers()) {
                qkv.add(layer.qkv().weight().map());
                norms.add(layer.inputNorm().map());
                norms.add(layer.postNorm().map());
            }
            long size = Files.size(weights.embedding().file());
            long largest =
                    Stream.of(weights.embedding(), layerTensor(weights, 0), layerTensor(weights, 1))
                            .mapToLong(Tensor::bytes)
                            .sum();

            assertThat(qkv).hasSize(9);
            assertThat(norms).hasSize(18);
            assertThat(size).isLessThan(largest + 200_000).isLessThan(weights.bytes());
        }
    }

    @Test
    void hasTheWeightsOfTheDirectoryWrittenWithTheSameSeed() throws IOException {
        RandomModel.write(directory, SIZES, 5);
        try (RandomModel model = RandomModel.make(SIZES, 5)) {
            assertSameWeights(model.weights(), BaichuanWeights.open(directory));
        }
    }

    @Test
    void deletesItsFile() throws IOException {
        RandomModel model = RandomModel.make(SIZES, 1);
        Path file = model.weights().embedding().file();
        assertThat(file).exists();
        model.close();
        model.close();
        assertThat(file).doesNotExist();
    }

    @Test
    void saysHowMuchRoomIsMissing() throws IOException {
        assertThatThrownBy(() -> RandomModel.write(directory, HUGE, 1))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith(directory + ": random weights take ")
                .hasMessageContaining(" bytes, but only ")
                .hasMessageContaining(" are free");
        assertThat(names(directory)).isEmpty();
        assertThatThrownBy(() -> RandomModel.make(HUGE, 1))
                .hasMessageContaining(System.getProperty("java.io.tmpdir"))
                .hasMessageContaining(" are free");
    }

    @Test
    void leavesNoModelWhereAFileCannotBeWritten() throws IOException {
        RandomModel.write(directory, SIZES, 1);
        // Something in the way of the second shard.
        Path blocked = directory.resolve("model-00002-of-00004.safetensors.part");
        Files.createDirectories(blocked.resolve("in the way"));

        assertThatThrownBy(() -> RandomModel.write(directory, SIZES, 1, 3_000_000, 2))
                .isInstanceOf(IOException.class);
        assertThat(names(directory)).doesNotContain("config.json");
    }

    @Test
    void leavesNothingWhenItIsInterrupted() throws IOException {
        Thread.currentThread().interrupt();
        try {
            assertThatThrownBy(() -> RandomModel.write(directory, SIZES, 1))
                    .isInstanceOfAny(
                            InterruptedIOException.class, ClosedByInterruptException.class);
        } finally {
            assertThat(Thread.interrupted()).isTrue();
        }
        assertThat(names(directory)).isEmpty();
    }

    private static Tensor layerTensor(BaichuanWeights weights, int which) {
        BaichuanWeights.Layer layer = weights.layers().get(0);
        return which == 0 ? layer.qkv().weight() : layer.down().weight();
    }

    private static void assertMoments(Tensor tensor, double mean, double deviation)
            throws IOException {
        double sum = 0;
        double squares = 0;
        for (float value : tensor.toFloats()) {
            sum += value;
            squares += (double) value * value;
        }
        double found = sum / tensor.elements();
        double spread = Math.sqrt(squares / tensor.elements() - found * found);
        // Five standard errors.
        double error = 5 * deviation / Math.sqrt((double) tensor.elements());
        assertThat(found).as("mean of %s", tensor).isCloseTo(mean, within(error));
        assertThat(spread).as("deviation of %s", tensor).isCloseTo(deviation, within(error));
    }

    private static void assertSameWeights(BaichuanWeights some, BaichuanWeights others)
            throws IOException {
        List<Tensor> left = tensors(some);
        List<Tensor> right = tensors(others);
        for (int i = 0; i < left.size(); i++) {
            assertThat(left.get(i).map())
                    .as(left.get(i).name())
                    .isEqualByComparingTo(right.get(i).map());
        }
        assertThat(some.valueHead().weight()).isEqualTo(others.valueHead().weight());
        assertThat(some.valueHead().bias()).isEqualTo(others.valueHead().bias());
    }

    private static List<Tensor> tensors(BaichuanWeights weights) {
        List<Tensor> all = new ArrayList<>(List.of(weights.embedding(), weights.finalNorm()));
        weights.layers().forEach(layer -> all.addAll(layer.tensors().toList()));
        return all;
    }

    private static List<String> names(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> String.valueOf(file.getFileName())).sorted().toList();
        }
    }

    private static LoadOptions onCpu() {
        return LoadOptions.defaults().withBackend("cpu").withThreads(1);
    }
}
