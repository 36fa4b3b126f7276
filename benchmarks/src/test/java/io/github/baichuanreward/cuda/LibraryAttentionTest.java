package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.checkpoint.DType;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

@ExtendWith(FakeGpu.class)
final class LibraryAttentionTest {

    @ParameterizedTest
    @CsvSource({
        "KERNEL, BFLOAT16, 3, 40",
        "KERNEL, FLOAT16, 1, 72",
        "LIBRARIES, BFLOAT16, 3, 40",
        "LIBRARIES, FLOAT16, 3, 40",
        "LIBRARIES, BFLOAT16, 1, 136",
        "LIBRARIES, FLOAT16, 1, 8"
    })
    void givesTheAttentionOfFloat64(AttentionWay way, DType half, int sequences, int tokens) {
        LibraryAttentionBenchmark benchmark = benchmark(way, half, sequences, tokens);
        benchmark.open(); // compares
        try {
            assertThat(benchmark.error()).isGreaterThan(0).isLessThan(way.tolerance(half));
            benchmark.attend();
        } finally {
            benchmark.close();
        }
    }

    @Test
    void saysWhichLibrariesComputed() {
        LibraryAttentionBenchmark benchmark =
                benchmark(AttentionWay.LIBRARIES, DType.BFLOAT16, 1, 8);
        benchmark.open();
        try {
            assertThat(benchmark.description()).isEqualTo("cuBLAS 12.6, cuDNN 9.5.0");
        } finally {
            benchmark.close();
        }
    }

    @Test
    void refusesLengthsThatMatricesOfCublasCannotHave() {
        LibraryAttentionBenchmark benchmark =
                benchmark(AttentionWay.LIBRARIES, DType.BFLOAT16, 1, 33);

        assertThatThrownBy(benchmark::open)
                .isInstanceOf(BackendException.class)
                .hasMessage("sequences of 33 tokens: attention of libraries wants a multiple of 8");
    }

    @ParameterizedTest
    @EnumSource
    void findsAResultThatIsWrong(AttentionWay way) {
        CudaDevice device = CudaDevice.open(DeviceChoice.of(List.of(0)).devices().get(0));
        try {
            device.within(
                    () -> {
                        AttentionTask task =
                                new AttentionTask(
                                        device,
                                        new AttentionTask.Shape(DType.BFLOAT16, 2, 16, 2, 64));
                        way.open(task).enqueue();
                        AttentionReference reference = new AttentionReference(task);
                        double tolerance = way.tolerance(DType.BFLOAT16);
                        float[] context = task.read();
                        reference.require(context, tolerance);

                        context[context.length - 1] += 1;
                        assertThatThrownBy(() -> reference.require(context, tolerance))
                                .isInstanceOf(IllegalStateException.class)
                                .hasMessageStartingWith("sequence 1, query 15, head 1: ");
                        return task;
                    });
        } finally {
            device.close();
        }
    }

    private static LibraryAttentionBenchmark benchmark(
            AttentionWay way, DType half, int sequences, int tokens) {
        LibraryAttentionBenchmark benchmark = new LibraryAttentionBenchmark();
        benchmark.way = way;
        benchmark.half = half;
        benchmark.tokens = tokens;
        benchmark.batchTokens = sequences * tokens;
        benchmark.heads = 5;
        benchmark.headDim = 128;
        return benchmark;
    }
}
