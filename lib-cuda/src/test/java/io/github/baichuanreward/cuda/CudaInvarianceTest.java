package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.Golden;
import io.github.baichuanreward.backend.Backend;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.batch.PackedBatch;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * That fixed blocks are what keeps a reward's bits: on a cuBLAS whose sums depend on the number of
 * rows, as on a real one.
 */
@ExtendWith(FakeGpu.class)
class CudaInvarianceTest {

    @BeforeEach
    void requireFakeGpu() {
        FakeGpu.require();
        FakeGpu.productOrder(1);
    }

    @Test
    void blocksOfAnySizeKeepTheBits() throws IOException {
        assertThat(differences(new GemmChoice(true, 64, 64))).isZero();
        assertThat(differences(new GemmChoice(true, 256, 128))).isZero();
    }

    @Test
    void ownProductsKeepTheBits() throws IOException {
        assertThat(differences(GemmChoice.kernels())).isZero();
    }

    @Test
    void asManyRowsAsThereAreDoNot() throws IOException {
        assertThat(differences(new GemmChoice(true, 0, 0))).isPositive();
    }

    /** Without fixed blocks for the last rows alone. */
    @Test
    void norDoesASingleProductThatHasNone() throws IOException {
        assertThat(differences(new GemmChoice(true, 128, 0))).isPositive();
    }

    /** No block helps there: the backend finds out when it loads, and takes its own products. */
    @Test
    void aCublasThatSumsByPlaceIsNotUsed() throws IOException {
        BackendRequest request =
                new BackendRequest(
                        Golden.read("tiny-odd").open(), Precision.BFLOAT16, List.of(), 0, 0);
        GemmChoice choice = new GemmChoice(true, 256, 128);
        try (Backend backend = CudaBackend.open(request, choice)) {
            assertThat(backend.description()).contains("cuBLAS");
        }
        FakeGpu.productOrder(2);
        try (Backend backend = CudaBackend.open(request, choice)) {
            assertThat(backend.description()).contains("own products");
        }
        assertThat(differences(choice)).isZero();
    }

    /** The place where weights of 8 bits are made halves is there already. */
    @Test
    void takingItsOwnProductsInsteadTakesNoMoreMemory() throws IOException {
        BackendRequest request =
                new BackendRequest(Golden.read("tiny-odd").open(), Precision.INT8, List.of(), 0, 0);
        GemmChoice choice = new GemmChoice(true, 256, 128);
        long[] allocated = new long[2];
        for (int refused = 0; refused < 2; refused++) {
            FakeGpu.productOrder(1 + refused);
            long before = FakeGpu.allocatedBytes();
            try (Backend backend = CudaBackend.open(request, choice)) {
                assertThat(backend.description())
                        .contains(refused == 0 ? "cuBLAS" : "own products");
            }
            allocated[refused] = FakeGpu.allocatedBytes() - before;
        }
        assertThat(allocated[1]).isPositive().isLessThanOrEqualTo(allocated[0]);
    }

    /** How many rewards have other bits in a batch, in some order, than alone. */
    private static int differences(GemmChoice gemm) throws IOException {
        Golden golden = Golden.read("tiny-odd");
        BackendRequest request =
                new BackendRequest(golden.open(), Precision.BFLOAT16, List.of(), 0, 0);
        List<int[]> sequences = new ArrayList<>();
        golden.cases().forEach(single -> sequences.add(single.ids()));
        golden.padded().forEach(single -> sequences.add(single.ids()));
        int different = 0;
        try (Backend backend = CudaBackend.open(request, gemm)) {
            float[] alone = new float[sequences.size()];
            for (int s = 0; s < alone.length; s++) {
                alone[s] = backend.score(batch(List.of(sequences.get(s))))[0];
            }
            for (int seed = 0; seed < 3; seed++) {
                List<Integer> order = new ArrayList<>();
                for (int s = 0; s < alone.length; s++) {
                    order.add(s);
                }
                Collections.shuffle(order, new Random(seed));
                float[] packed = backend.score(batch(order.stream().map(sequences::get).toList()));
                for (int i = 0; i < packed.length; i++) {
                    int expected = Float.floatToIntBits(alone[order.get(i)]);
                    different += Float.floatToIntBits(packed[i]) == expected ? 0 : 1;
                }
            }
        }
        return different;
    }

    private static PackedBatch batch(List<int[]> sequences) {
        return PackedBatch.pack(sequences, Integer.MAX_VALUE).get(0);
    }
}
