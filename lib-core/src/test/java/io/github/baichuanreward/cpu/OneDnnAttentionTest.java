package io.github.baichuanreward.cpu;

import io.github.baichuanreward.checkpoint.DType;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Attention with oneDNN's products keeps all that is promised with plain Java's. */
class OneDnnAttentionTest extends TiledAttentionTest {

    private final Map<OneDnn.Shape, OneDnn.Product> compiled = new ConcurrentHashMap<>();

    @Override
    AttentionProducts products(int headDim, int hidden) {
        OneDnn oneDnn = OneDnn.get();
        return new OneDnnAttention(
                oneDnn,
                shape -> compiled.computeIfAbsent(shape, oneDnn::product),
                DType.FLOAT32,
                headDim,
                hidden);
    }
}
