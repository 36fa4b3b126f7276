package io.github.baichuanreward.model;

import io.github.baichuanreward.checkpoint.LoraCheckpoint;
import io.github.baichuanreward.checkpoint.Tensor;
import java.util.List;
import java.util.stream.Stream;

/**
 * A linear map {@code y = x W^T} whose {@code W} is a stored weight and what LoRA adapters add to
 * it.
 *
 * @param weight {@code [out, in]}
 * @param deltas each adds {@code scale * b a} to the weight; empty without adapters
 */
public record Projection(Tensor weight, List<LoraCheckpoint.Delta> deltas) {

    /** The weight, then both matrices of each adapter: all that rows are multiplied with. */
    public Stream<Tensor> tensors() {
        return Stream.concat(
                Stream.of(weight),
                deltas.stream().flatMap(delta -> Stream.of(delta.a(), delta.b())));
    }
}
