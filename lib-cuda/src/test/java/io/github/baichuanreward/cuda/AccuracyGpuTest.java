package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.Golden;
import io.github.baichuanreward.backend.Backend;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.batch.PackedBatch;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * How far rewards are from the reference, over all models, in both half types, with both products.
 */
@ExtendWith(Gpu.class)
class AccuracyGpuTest {

    private static Stream<Arguments> ways() {
        List<Arguments> ways = new ArrayList<>();
        for (List<String> goldens : List.of(Golden.INSIDE, Golden.OUTSIDE)) {
            for (Precision precision : List.of(Precision.BFLOAT16, Precision.FLOAT16)) {
                ways.add(Arguments.of(goldens, precision, GemmChoice.cublasInBlocks()));
                ways.add(Arguments.of(goldens, precision, GemmChoice.kernels()));
            }
        }
        return ways.stream();
    }

    @ParameterizedTest
    @MethodSource("ways")
    void rewardsAreTheReferences(List<String> goldens, Precision precision, GemmChoice gemm)
            throws IOException {
        Errors all = new Errors();
        for (String name : goldens) {
            Golden golden = Golden.read(name);
            Errors errors = errors(golden, precision, gemm);
            System.out.printf("%s, %s, %s: %s%n", name, precision, gemm, errors);
            if (precision == Precision.BFLOAT16 && errors.originalBfloat16 > 0) {
                assertThat(errors.largest).as(name).isLessThan(errors.originalBfloat16 / 2);
            }
            all.add(errors);
        }
        System.out.printf("all of them: %s%n", all);
        if (precision == Precision.BFLOAT16) {
            assertThat(all.largest).isLessThan(Tolerances.BFLOAT16);
            assertThat(all.rootMeanSquare()).isLessThan(Tolerances.BFLOAT16_RMS);
        } else {
            assertThat(all.largest).isLessThan(Tolerances.FLOAT16);
        }
    }

    private static Errors errors(Golden golden, Precision precision, GemmChoice gemm)
            throws IOException {
        BackendRequest request = new BackendRequest(golden.open(), precision, List.of(), 0, 0);
        Errors errors = new Errors();
        try (Backend backend = CudaBackend.open(request, gemm)) {
            List<Golden.Case> cases = golden.cases();
            List<int[]> sequences = cases.stream().map(Golden.Case::ids).toList();
            float[] rewards = backend.score(PackedBatch.pack(sequences, 1 << 20).get(0));
            for (int i = 0; i < rewards.length; i++) {
                errors.add(rewards[i], cases.get(i));
            }
        }
        return errors;
    }

    private static final class Errors {

        private int count;
        private double squares;
        private double largest;
        private double originalBfloat16;

        void add(float reward, Golden.Case single) {
            double error = Math.abs(reward - single.reward());
            count++;
            squares += error * error;
            largest = Math.max(largest, error);
            if (!Double.isNaN(single.originalBfloat16())) {
                originalBfloat16 =
                        Math.max(
                                originalBfloat16,
                                Math.abs(single.originalBfloat16() - single.reward()));
            }
        }

        void add(Errors other) {
            count += other.count;
            squares += other.squares;
            largest = Math.max(largest, other.largest);
        }

        double rootMeanSquare() {
            return Math.sqrt(squares / count);
        }

        @Override
        public String toString() {
            return "largest distance from float64 %.4f, root mean square %.4f"
                    .formatted(largest, rootMeanSquare());
        }
    }
}
