package io.github.baichuanreward.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.Golden;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.batch.PackedBatch;
import io.github.baichuanreward.batch.Segment;
import io.github.baichuanreward.model.BaichuanWeights;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.assertj.core.data.Offset;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Compares the forward pass with the reference stage by stage, so that the first wrong stage is the
 * message.
 */
class CpuStagesTest {

    /** Chooses the products under test. */
    CpuBackend.Products products() {
        return MatMulChoice::choose;
    }

    /** Of a stage's largest value: float32 rounding over a few hundred products and some layers. */
    private static final double STAGE = 5e-6;

    @ParameterizedTest
    @MethodSource("io.github.baichuanreward.Golden#names")
    void everyStageIsTheReferences(String name) throws IOException {
        Golden golden = Golden.read(name);
        Golden.Trace trace = golden.trace();
        int[] starts = {0, trace.ids().length};
        List<Segment> segments = List.of(Segment.of(0, trace.ids().length));
        try (CpuBackend backend = open(golden)) {
            Activations a = backend.activationsFor(trace.ids().length);
            backend.embed(a.hidden, trace.ids());
            Golden.requireClose("embeddings", a.hidden, trace.embeddings(), 0);
            for (int n = 0; n < trace.layerOutputs().length; n++) {
                backend.layers().get(n).forward(a, segments, starts);
                Golden.requireClose(
                        "output of layer " + n, a.hidden, trace.layerOutputs()[n], STAGE);
            }
            float[] rewards = backend.rewards(a, trace.ids().length);
            Golden.requireClose("final norm", a.normed, trace.finalNorm(), STAGE);
            for (int t = 0; t < rewards.length; t++) {
                assertThat((double) rewards[t])
                        .as("reward at token %d", t)
                        .isCloseTo(trace.rewards()[t], offset(Golden.FLOAT32_REWARD));
            }
        }
    }

    /**
     * Attention is causal: every prefix, as a sequence of its own, ends where the whole one passes.
     */
    @ParameterizedTest
    @MethodSource("io.github.baichuanreward.Golden#names")
    void lastRowsAreTheRowsOfTheWholeSequence(String name) throws IOException {
        Golden golden = Golden.read(name);
        Golden.Trace trace = golden.trace();
        List<int[]> prefixes = new ArrayList<>();
        for (int t = 1; t <= trace.ids().length; t++) {
            prefixes.add(Arrays.copyOf(trace.ids(), t));
        }
        try (CpuBackend backend = open(golden)) {
            float[] rewards = backend.score(PackedBatch.pack(prefixes, 1 << 20).get(0));
            Activations a = backend.activationsFor(trace.ids().length);
            int[] starts = {0, trace.ids().length};
            List<Segment> segments = List.of(Segment.of(0, trace.ids().length));
            backend.embed(a.hidden, trace.ids());
            for (DecoderLayer layer : backend.layers()) {
                layer.forward(a, segments, starts);
            }
            assertThat(rewards).containsExactly(backend.rewards(a, trace.ids().length));
        }
    }

    @ParameterizedTest
    @MethodSource("io.github.baichuanreward.Golden#names")
    void lastHiddenStatesAreTheReferences(String name) throws IOException {
        Golden golden = Golden.read(name);
        try (CpuBackend backend = open(golden)) {
            for (Golden.Case single : golden.cases()) {
                backend.score(PackedBatch.pack(List.of(single.ids()), 1 << 20).get(0));
                float[] normed = backend.activationsFor(1).normed;
                Golden.requireClose(
                        single.id(), normed, new double[][] {single.lastHidden()}, STAGE);
            }
        }
    }

    private CpuBackend open(Golden golden) throws IOException {
        BaichuanWeights weights = golden.open();
        return CpuBackend.open(
                new BackendRequest(weights, Precision.AUTO, List.of(), 0, 2), products());
    }

    private static Offset<Double> offset(double value) {
        return Offset.offset(value);
    }
}
