package io.github.baichuanreward.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.Golden;
import io.github.baichuanreward.backend.Backend;
import io.github.baichuanreward.backend.BackendContract;
import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.batch.PackedBatch;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Rows rounded to bfloat16, on the models whose weights are; skipped where no CPU has it. */
class CpuBfloat16Test extends BackendContract {

    /** What half precision may cost a reward; the original's own bfloat16 costs up to 0.11. */
    private static final double LARGEST = 0.06;

    private static final double ROOT_MEAN_SQUARE = 0.02;

    @Override
    protected Backend open(BackendRequest request) throws IOException {
        try {
            return CpuBackend.open(request);
        } catch (BackendException e) {
            return Assumptions.abort(e.getMessage());
        }
    }

    @Override
    protected double tolerance() {
        return LARGEST;
    }

    @Override
    protected Precision precision() {
        return Precision.BFLOAT16;
    }

    @Override
    protected List<String> goldens() {
        return List.of("tiny-odd", "small-128");
    }

    @ParameterizedTest
    @MethodSource("goldens")
    void isTwiceAsCloseAsTheOriginalInBfloat16(String name) throws IOException {
        Golden golden = Golden.read(name);
        double largest = 0;
        double original = 0;
        double squares = 0;
        int cases = 0;
        BackendRequest request = new BackendRequest(golden.open(), precision(), List.of(), 0, 2);
        try (Backend backend = open(request)) {
            for (Golden.Case single : golden.cases()) {
                PackedBatch batch = PackedBatch.pack(List.of(single.ids()), 1 << 20).get(0);
                double distance = backend.score(batch)[0] - single.reward();
                largest = Math.max(largest, Math.abs(distance));
                original =
                        Math.max(original, Math.abs(single.originalBfloat16() - single.reward()));
                squares += distance * distance;
                cases++;
            }
        }
        assertThat(largest).isGreaterThan(1e-4).isLessThanOrEqualTo(original / 2);
        assertThat(Math.sqrt(squares / cases)).isLessThan(ROOT_MEAN_SQUARE);
    }
}
