package io.github.baichuanreward.cpu;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.checkpoint.DType;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Assumptions;

/** Attention whose factors are rounded to bfloat16; skipped where no CPU has products of them. */
class OneDnnBfloat16AttentionTest extends TiledAttentionTest {

    private final Map<OneDnn.Shape, OneDnn.Product> compiled = new ConcurrentHashMap<>();

    /**
     * Of values up to 4: half a unit in the last of eight bits of a weight, and of each factor of
     * scores that spread by 1.
     */
    @Override
    double tolerance() {
        return 4 * (0x1p-9 + 4 * 0x1p-9);
    }

    @Override
    AttentionProducts products(int headDim, int hidden) {
        OneDnn oneDnn = OneDnn.get();
        try (Workers workers = new Workers(1)) {
            workers.lead(
                    () -> {
                        oneDnn.enter();
                        OneDnnAttention.shapes(headDim, DType.BFLOAT16)
                                .forEach(shape -> compiled.computeIfAbsent(shape, oneDnn::product));
                        return compiled;
                    });
        } catch (BackendException e) {
            return Assumptions.abort("no bfloat16 here: " + e.getMessage());
        }
        return new OneDnnAttention(
                oneDnn,
                shape -> compiled.computeIfAbsent(shape, oneDnn::product),
                DType.BFLOAT16,
                headDim,
                hidden);
    }
}
