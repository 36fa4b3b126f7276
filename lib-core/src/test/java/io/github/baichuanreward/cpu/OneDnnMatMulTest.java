package io.github.baichuanreward.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.checkpoint.DType;
import io.github.baichuanreward.checkpoint.Tensor;
import io.github.baichuanreward.cpu.OneDnn.Layout;
import io.github.baichuanreward.cpu.OneDnn.Product;
import io.github.baichuanreward.cpu.OneDnn.Shape;
import io.github.baichuanreward.cpu.OneDnn.Sum;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;

class OneDnnMatMulTest extends MatMulContract {

    @Override
    MatMul open(Workers workers, List<Tensor> weights) {
        return new OneDnnMatMul(workers, OneDnn.get(), DType.FLOAT32, weights, 64);
    }

    @Override
    double rounding(DType weights) {
        return 1e-6;
    }

    @Test
    void refusesReferenceCode() {
        Shape shape = Shape.of(2, 64, 320, DType.BFLOAT16, DType.FLOAT16);

        assertThatThrownBy(() -> OneDnn.get().product(shape))
                .isInstanceOf(BackendException.class)
                .hasMessageMatching(
                        "oneDNN [0-9.]+ has (only reference code \\(ref.*\\) for|no product of)"
                                + " Shape\\[rows=2, .*");
    }

    @Test
    void refusesAProductThatGivesOtherBits() {
        OneDnn oneDnn = OneDnn.get();
        Shape shape = Shape.of(16, 64, 64, DType.FLOAT32, DType.FLOAT32);
        Shape few = Shape.of(2, 64, 64, DType.FLOAT32, DType.FLOAT32);
        Shape transposed =
                new Shape(
                        2,
                        64,
                        64,
                        DType.FLOAT32,
                        DType.FLOAT32,
                        Layout.INNER_BY_COLUMNS,
                        Sum.STORE);
        try (Workers workers = new Workers(1);
                OneDnnLane lane = new OneDnnLane(oneDnn);
                NativeFloats input = new NativeFloats();
                NativeFloats weights = new NativeFloats()) {
            input.reserve(16 * 64);
            input.buffer().put(0, random(16 * 64));
            weights.reserve(64 * 64);
            weights.buffer().put(0, random(64 * 64));
            lead(
                    workers,
                    () -> {
                        lane.enter();
                        Product product = oneDnn.product(shape);
                        Product same = oneDnn.product(few);
                        Product other = oneDnn.product(transposed);

                        lane.requireSameBits(product, same, input.address(), weights.address());
                        assertThatThrownBy(
                                        () ->
                                                lane.requireSameBits(
                                                        product,
                                                        other,
                                                        input.address(),
                                                        weights.address()))
                                .isInstanceOf(BackendException.class)
                                .hasMessageContaining(
                                        "gives other bits to a row among 16 than alone")
                                .hasMessageContaining("take org.bytedeco:dnnl off the class path");
                    });
        }
    }

    @Test
    void roundsTheNumberOfRowsUpToFewShapes() {
        assertThat(OneDnnMatMul.rounded(1)).isEqualTo(2);
        assertThat(OneDnnMatMul.rounded(2)).isEqualTo(2);
        assertThat(OneDnnMatMul.rounded(3)).isEqualTo(4);
        assertThat(OneDnnMatMul.rounded(9)).isEqualTo(16);
        assertThat(OneDnnMatMul.rounded(17)).isEqualTo(32);
        assertThat(OneDnnMatMul.rounded(241)).isEqualTo(256);
    }

    @Test
    void isNotUsedAfterClose() throws IOException {
        Tensor tensor = tensor(DType.FLOAT32, 3, 5, 0);
        Matrix w = Matrix.map(tensor);
        try (Workers workers = new Workers(1)) {
            MatMul matMul = open(workers, List.of(tensor));
            matMul.close();
            matMul.close();
            assertThatThrownBy(() -> matMul.multiply(new float[3], new float[5], w, 1))
                    .isInstanceOf(IllegalStateException.class);
        }
    }
}
