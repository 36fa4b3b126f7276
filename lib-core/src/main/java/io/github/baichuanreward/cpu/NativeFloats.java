package io.github.baichuanreward.cpu;

import io.github.baichuanreward.backend.BackendException;
import java.nio.FloatBuffer;
import org.bytedeco.javacpp.FloatPointer;

/**
 * Native memory for floats, which grows and never shrinks. What it held is lost when it grows.
 *
 * <p>Owned by whoever made it; without {@link #close} it is given back when it is garbage.
 */
final class NativeFloats implements AutoCloseable {

    /** A buffer counts its bytes in an int. */
    private static final long MOST = Integer.MAX_VALUE / Float.BYTES;

    private FloatPointer memory = new FloatPointer();
    private FloatBuffer buffer = FloatBuffer.allocate(0);

    /**
     * Makes room for so many floats; those that are new are zero.
     *
     * @throws BackendException if they cannot be had; there is then room for none
     */
    void reserve(long floats) {
        if (memory.capacity() >= floats) {
            return;
        }
        close(); // or both would have to fit, and a failure would leave what is freed
        if (floats > MOST) {
            throw new BackendException(
                    "%d floats in one piece of native memory; at most %d can be had; lower batchTokens or the lengths of the texts"
                            .formatted(floats, MOST));
        }
        try {
            memory = new FloatPointer(floats);
        } catch (OutOfMemoryError e) {
            throw JavaCppLimits.exceeded(e);
        }
        memory.zero();
        buffer = memory.asBuffer();
    }

    long address() {
        return memory.address();
    }

    /** The floats, for bulk copies at absolute places; several threads may use it at once. */
    FloatBuffer buffer() {
        return buffer;
    }

    @Override
    public void close() {
        memory.deallocate();
        memory = new FloatPointer();
        buffer = FloatBuffer.allocate(0);
    }
}
