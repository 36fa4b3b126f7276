package io.github.baichuanreward.cpu;

import io.github.baichuanreward.checkpoint.CheckpointException;
import io.github.baichuanreward.checkpoint.LoraCheckpoint;
import io.github.baichuanreward.model.Projection;
import java.util.ArrayList;
import java.util.List;

/**
 * A mapped weight and the low-rank matrices that adapters add to it. The sum is never formed: a
 * merged copy would need the memory of the model once more, and rounding it to the weight's type
 * would not be exact.
 *
 * @param weight {@code [out, in]}
 * @param deltas empty without adapters
 */
record AdaptedMatrix(Matrix weight, List<Delta> deltas) {

    /**
     * Adds {@code scale * b a}.
     *
     * @param a {@code [rank, in]}
     * @param b {@code [out, rank]}
     */
    record Delta(Matrix a, Matrix b, float scale) {}

    static AdaptedMatrix map(Projection projection) throws CheckpointException {
        List<Delta> deltas = new ArrayList<>();
        for (LoraCheckpoint.Delta delta : projection.deltas()) {
            deltas.add(new Delta(Matrix.map(delta.a()), Matrix.map(delta.b()), delta.scale()));
        }
        return new AdaptedMatrix(Matrix.map(projection.weight()), List.copyOf(deltas));
    }
}
