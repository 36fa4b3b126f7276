package io.github.baichuanreward.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.baichuanreward.backend.BackendException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class NativeFloatsTest {

    @BeforeEach
    void load() {
        OneDnn.get();
    }

    @Test
    void growsAndNeverShrinks() {
        try (NativeFloats floats = new NativeFloats()) {
            assertThat(floats.buffer().capacity()).isZero();
            floats.reserve(10);
            floats.buffer().put(3, 7);
            long address = floats.address();
            floats.reserve(5);
            assertThat(floats.address()).isEqualTo(address);
            assertThat(floats.buffer().get(3)).isEqualTo(7);

            floats.reserve(1000);
            assertThat(floats.buffer().capacity()).isEqualTo(1000);
            for (int i = 0; i < 1000; i++) {
                assertThat(floats.buffer().get(i)).isZero();
            }
        }
    }

    @Test
    void mayBeUsedAgainAfterClose() {
        NativeFloats floats = new NativeFloats();
        floats.reserve(10);
        floats.close();
        floats.close();
        assertThat(floats.buffer().capacity()).isZero();
        floats.reserve(4);
        floats.buffer().put(3, 7);
        assertThat(floats.buffer().get(3)).isEqualTo(7);
        floats.close();
    }

    /** Or what comes next would write to memory that is no longer there. */
    @Test
    void holdsNothingAfterItCouldNotGrow() {
        try (NativeFloats floats = new NativeFloats()) {
            floats.reserve(10);
            assertThatThrownBy(() -> floats.reserve(1L << 40))
                    .isInstanceOf(BackendException.class)
                    .hasMessageContaining("lower batchTokens");
            assertThat(floats.address()).isZero();
            assertThat(floats.buffer().capacity()).isZero();

            floats.reserve(8);
            assertThat(floats.address()).isNotZero();
            assertThat(floats.buffer().capacity()).isEqualTo(8);
        }
    }
}
