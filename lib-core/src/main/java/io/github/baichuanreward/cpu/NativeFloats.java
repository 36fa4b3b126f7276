package io.github.baichuanreward.cpu;

import java.nio.FloatBuffer;
import org.bytedeco.javacpp.FloatPointer;

/**
 * Native memory for floats, which grows and never shrinks. What it held is lost when it grows.
 *
 * <p>Owned by whoever made it; without {@link #close} it is given back when it is garbage.
 */
final class NativeFloats implements AutoCloseable {

    private FloatPointer memory = new FloatPointer();
    private FloatBuffer buffer = FloatBuffer.allocate(0);

    /** Makes room for so many floats; those that are new are zero. */
    void reserve(long floats) {
        if (memory.capacity() >= floats) {
            return;
        }
        memory.deallocate();
        memory = new FloatPointer(floats);
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
