package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.Golden;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.batch.PackedBatch;
import java.io.IOException;
import java.util.List;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Compares the forward pass with the reference stage by stage, so that the first wrong stage is the
 * message; in float16, which tells more than bfloat16.
 */
@ExtendWith(Gpu.class)
class StagesGpuTest {

    /** Of an embedding: half a unit in the last of 11 bits, where float32 weights are rounded. */
    private static final double EMBEDDING = 0x1p-11;

    /**
     * Of a layer's largest value. A layer rounds the inputs and outputs of four products and their
     * weights to 11 bits; errors of single roundings add like random steps.
     */
    private static final double LAYER = 0x1p-9;

    @ParameterizedTest
    @MethodSource("io.github.baichuanreward.Golden#names")
    void everyStageIsTheReferences(String name) throws IOException {
        Golden golden = Golden.read(name);
        BackendRequest request =
                new BackendRequest(golden.open(), Precision.FLOAT16, List.of(), 0, 0);
        try (CudaBackend backend = CudaBackend.open(request, GemmChoice.cublasInBlocks())) {
            Shard shard = backend.copies().get(0).shards().get(0);
            shard.device().within(() -> compare(shard, golden.trace()));
        }
    }

    private static int compare(Shard shard, Golden.Trace trace) {
        PackedBatch batch = PackedBatch.pack(List.of(trace.ids()), 1 << 20).get(0);
        int tokens = trace.ids().length;
        Activations a = shard.roomFor(tokens).streams.get(0);
        try (Resources own = new Resources()) {
            HostBuffer host =
                    HostBuffer.allocate(shard.device().cuda(), own, (int) a.input.bytes());
            BatchInput in = shard.input(a, host, BatchInput.write(host.bytes(), batch));
            shard.embed(a, in);
            Golden.requireClose(
                    "embeddings", hidden(shard, a, trace), trace.embeddings(), EMBEDDING);
            for (int n = 0; n < trace.layerOutputs().length; n++) {
                shard.layers().get(n).forward(a, in);
                Golden.requireClose(
                        "output of layer " + n,
                        hidden(shard, a, trace),
                        trace.layerOutputs()[n],
                        LAYER * (n + 1));
            }
            HostBuffer rewards =
                    HostBuffer.allocate(shard.device().cuda(), own, tokens * Float.BYTES);
            shard.rewards(a, tokens, rewards);
            shard.device().awaitCompute();
            for (int t = 0; t < tokens; t++) {
                assertThat((double) rewards.bytes().getFloat(t * Float.BYTES))
                        .as("reward at token %d", t)
                        .isCloseTo(trace.rewards()[t], Offset.offset(Tolerances.FLOAT16));
            }
        }
        return tokens;
    }

    private static float[] hidden(Shard shard, Activations a, Golden.Trace trace) {
        float[] hidden = new float[trace.ids().length * trace.embeddings()[0].length];
        try (Resources own = new Resources()) {
            int bytes = hidden.length * Float.BYTES;
            HostBuffer host = HostBuffer.allocate(shard.device().cuda(), own, bytes);
            shard.device().download(host, a.hidden, bytes);
            shard.device().awaitCompute();
            host.bytes().asFloatBuffer().get(hidden);
        }
        return hidden;
    }
}
