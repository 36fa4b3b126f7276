package io.github.baichuanreward.cpu;

import io.github.baichuanreward.backend.BackendException;
import java.util.List;

/**
 * How much native memory JavaCPP, which oneDNN's bindings allocate with, lets a process have.
 *
 * <p>By default it counts what it has allocated, up to the largest heap, and refuses to allocate
 * anything, be it one object, while the whole process has more physical memory (but for mapped
 * files) than four times that. The first is plenty here: oneDNN needs less than the activations on
 * the heap. The second is met by an application that has little heap and much native memory of its
 * own, and would end a run in the middle, when a batch of a new size needs a product of its own.
 */
final class JavaCppLimits {

    /** The limit on physical memory, in both of its spellings. */
    private static final List<String> PHYSICAL =
            List.of(
                    "org.bytedeco.javacpp.maxphysicalbytes",
                    "org.bytedeco.javacpp.maxPhysicalBytes");

    private JavaCppLimits() {}

    /**
     * Initialises JavaCPP without its limit on physical memory, unless somebody has set one.
     *
     * <p>The limit is read when the first class of JavaCPP is initialised, so an application that
     * has used it before keeps the one it had; {@link #exceeded} then says what to do.
     *
     * @param load initialises it
     */
    static void without(Runnable load) {
        if (PHYSICAL.stream().anyMatch(name -> System.getProperty(name) != null)) {
            load.run();
            return;
        }
        System.setProperty(PHYSICAL.get(0), "0");
        try {
            load.run();
        } finally {
            System.clearProperty(PHYSICAL.get(0));
        }
    }

    /** What to say where JavaCPP, or the system, has no more memory. */
    static BackendException exceeded(OutOfMemoryError e) {
        return new BackendException(
                ("no native memory for oneDNN (%s); lower batchTokens or the lengths of the"
                                + " texts, or raise JavaCPP's limits, which follow the heap's (-Xmx):"
                                + " -Dorg.bytedeco.javacpp.maxBytes=... and"
                                + " -Dorg.bytedeco.javacpp.maxPhysicalBytes=..., 0 for none")
                        .formatted(e.getMessage()),
                e);
    }
}
