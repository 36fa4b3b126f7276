package io.github.baichuanreward.cpu;

import static org.bytedeco.dnnl.global.dnnl.DNNL_RUNTIME_OMP;
import static org.bytedeco.dnnl.global.dnnl.DNNL_RUNTIME_SEQ;
import static org.bytedeco.dnnl.global.dnnl.dnnl_version;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.checkpoint.DType;
import java.io.UncheckedIOException;
import java.util.concurrent.atomic.AtomicReference;
import org.bytedeco.dnnl.dnnl_version_t;
import org.bytedeco.dnnl.engine;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.dnnl.matmul;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.post_ops;
import org.bytedeco.dnnl.primitive_attr;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.jspecify.annotations.Nullable;

/**
 * oneDNN, loaded once a process: the only class that knows how it is found and set up.
 *
 * <p>Every product runs on the thread that asks for it. oneDNN's own threads (OpenMP) would be a
 * second pool beside the backend's, spin between products, and take their number from an
 * environment variable alone; and how a product is cut among them may decide its bits. So each
 * thread that creates or runs products calls {@link #enter} first.
 *
 * <p>The classes of {@code org.bytedeco} are an optional dependency: whoever touches this class
 * must be ready for a {@link NoClassDefFoundError}.
 */
final class OneDnn {

    /** Rows of a product of two dimensions, and what it computes with. */
    record Shape(
            int rows, int columns, int inner, DType input, DType weights, Layout layout, Sum sum) {

        /** {@code y = x W^T} with {@code W} as weights lie. */
        static Shape of(int rows, int columns, int inner, DType input, DType weights) {
            return new Shape(
                    rows, columns, inner, input, weights, Layout.COLUMNS_BY_INNER, Sum.STORE);
        }
    }

    /** How the right-hand matrix lies in memory. */
    enum Layout {
        /** {@code [columns, inner]}, as weights do. */
        COLUMNS_BY_INNER,
        /** {@code [inner, columns]}. */
        INNER_BY_COLUMNS
    }

    /** Whether what is in the output counts. */
    enum Sum {
        /** {@code y = x W}. */
        STORE,
        /** {@code y += x W}. */
        ADD
    }

    /**
     * A compiled product; may be run by many threads at once, each with arguments of its own.
     *
     * @param name which code oneDNN chose
     * @param scratchBytes memory that a run needs
     */
    record Product(
            Shape shape,
            matmul primitive,
            matmul.primitive_desc description,
            String name,
            long scratchBytes)
            implements AutoCloseable {

        /** Nobody may be running it, nor run it afterwards. */
        @Override
        public void close() {
            primitive.deallocate();
            description.deallocate();
        }
    }

    /** An address that can be moved, so that pointing somewhere else makes no garbage. */
    static final class Address extends Pointer {
        void set(long bytes) {
            address = bytes;
        }
    }

    private static final int ONE_THREAD = 1;

    private static @Nullable OneDnn loaded;
    private static @Nullable String refusal;

    private final engine cpu;
    private final String version;
    private final @Nullable OpenMpThreads openMp;

    private OneDnn(engine cpu, String version, @Nullable OpenMpThreads openMp) {
        this.cpu = cpu;
        this.version = version;
        this.openMp = openMp;
    }

    /**
     * The library; loads it if it is not loaded yet.
     *
     * @throws BackendException if it does not load, or cannot be made to run on the thread that
     *     asks; with the first reason, however often it is asked
     */
    static synchronized OneDnn get() {
        OneDnn library = loaded;
        if (library != null) {
            return library;
        }
        if (refusal != null) {
            throw new BackendException(refusal);
        }
        try {
            library = load();
        } catch (BackendException e) {
            refusal = e.getMessage();
            throw e;
        }
        loaded = library;
        return library;
    }

    /**
     * What goes wrong here is told as one kind of exception: a class whose initialiser failed says
     * why only once, and then that it was not found.
     */
    private static OneDnn load() {
        try {
            return unpackAndOpen();
        } catch (LinkageError e) {
            throw new BackendException(reason(e), e);
        } catch (TypeNotPresentException e) { // of an annotation of the bindings
            throw new BackendException(MatMulChoice.missing(e.typeName()), e);
        } catch (OutOfMemoryError e) {
            throw JavaCppLimits.exceeded(e);
        } catch (BackendException e) {
            throw e;
        } catch (UncheckedIOException e) {
            throw new BackendException(String.valueOf(e.getMessage()), e);
        } catch (RuntimeException e) { // the bindings' word for oneDNN's errors
            throw new BackendException("oneDNN cannot be set up: " + e.getMessage(), e);
        }
    }

    private static OneDnn unpackAndOpen() {
        JavaCppCache cache = JavaCppCache.open();
        try {
            JavaCppLimits.without(() -> Loader.load(dnnl.class));
            return open();
        } finally {
            cache.close();
        }
    }

    private static String reason(LinkageError e) {
        if (e.getCause() instanceof ClassNotFoundException) {
            return MatMulChoice.missing(String.valueOf(e.getMessage()));
        }
        Throwable first = e;
        while (first.getCause() != null) {
            first = first.getCause();
        }
        return ("oneDNN's natives do not load (%s); see that org.bytedeco's dnnl, javacpp and opencl"
                        + " are on the class path with the classifier %s")
                .formatted(first.getMessage(), Loader.getPlatform());
    }

    private static OneDnn open() {
        dnnl_version_t version = dnnl_version();
        int runtime = version.cpu_runtime();
        OpenMpThreads openMp = null;
        if (runtime == DNNL_RUNTIME_OMP) {
            openMp = OpenMpThreads.find();
        } else if (runtime != DNNL_RUNTIME_SEQ) {
            throw new BackendException("oneDNN was built for another kind of threads: " + runtime);
        }
        String name =
                "oneDNN %d.%d.%d".formatted(version.major(), version.minor(), version.patch());
        OneDnn library = new OneDnn(new engine(engine.kind.cpu, 0), name, openMp);
        library.requireObedience();
        return library;
    }

    /**
     * Sees by the scratch memory of a product, which is so much a thread, that {@link #enter}
     * works. On a thread of its own: the caller's may belong to somebody who uses OpenMP too.
     */
    private void requireObedience() {
        if (openMp == null) {
            return;
        }
        long[] bytes = new long[2];
        String[] name = new String[1];
        AtomicReference<@Nullable RuntimeException> failure = new AtomicReference<>();
        Thread probe =
                new Thread(
                        () -> {
                            try {
                                threads(2);
                                bytes[0] = probe().scratchBytes();
                                enter();
                                bytes[1] = probe().scratchBytes();
                                name[0] = probe().name();
                            } catch (RuntimeException e) {
                                failure.set(e);
                            }
                        },
                        "reward-onednn-probe");
        probe.setDaemon(true);
        probe.start();
        boolean interrupted = false;
        while (probe.isAlive()) {
            try {
                probe.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        RuntimeException thrown = failure.get();
        if (thrown != null) {
            throw thrown;
        }
        if (bytes[1] == 0) {
            throw new BackendException(
                    "%s has no fast products for this processor, only %s"
                            .formatted(version, name[0]));
        }
        if (bytes[0] <= bytes[1]) {
            throw new BackendException(
                    ("%s does not take the number of its threads (scratch memory of %d bytes for two,"
                                    + " %d for one); see that no other OpenMP library is loaded")
                            .formatted(version, bytes[0], bytes[1]));
        }
    }

    private Product probe() {
        return product(Shape.of(64, 256, 1024, DType.FLOAT32, DType.FLOAT32));
    }

    /** Name and version: {@code oneDNN 3.11.0}. */
    String version() {
        return version;
    }

    engine engine() {
        return cpu;
    }

    /** Makes products run on the calling thread; the thread must be one of ours. */
    void enter() {
        threads(ONE_THREAD);
    }

    private void threads(int count) {
        if (openMp != null) {
            openMp.set(count);
        }
    }

    /**
     * Compiles a product; takes about a millisecond.
     *
     * @throws BackendException if oneDNN has none of this shape on this CPU, or only its reference
     *     code, which is slower than plain Java
     */
    Product product(Shape shape) {
        matmul.primitive_desc description;
        try {
            description = describe(shape);
        } catch (OutOfMemoryError e) {
            throw JavaCppLimits.exceeded(e);
        } catch (RuntimeException e) { // the bindings' word for oneDNN's errors
            throw new BackendException("%s has no product of %s here".formatted(version, shape), e);
        }
        String name = description.impl_info_str().getString();
        if (name.startsWith("ref")) {
            throw new BackendException(
                    "%s has only reference code (%s) for %s".formatted(version, name, shape));
        }
        long scratchBytes = description.scratchpad_desc().get_size();
        return new Product(shape, new matmul(description), description, name, scratchBytes);
    }

    private matmul.primitive_desc describe(Shape s) {
        primitive_attr attributes = new primitive_attr();
        // The library's own scratch memory belongs to the thread that creates a primitive.
        attributes.set_scratchpad_mode(dnnl.scratchpad_mode.user);
        if (s.sum() == Sum.ADD) {
            post_ops sum = new post_ops();
            sum.append_sum();
            attributes.set_post_ops(sum);
        }
        long[] strides =
                s.layout() == Layout.COLUMNS_BY_INNER
                        ? new long[] {1, s.inner()}
                        : new long[] {s.columns(), 1};
        return new matmul.primitive_desc(
                cpu,
                rowMajor(s.rows(), s.inner(), type(s.input())),
                new memory.desc(new long[] {s.inner(), s.columns()}, type(s.weights()), strides),
                rowMajor(s.rows(), s.columns(), memory.data_type.f32),
                attributes,
                false);
    }

    static memory.desc rowMajor(long rows, long columns, memory.data_type type) {
        return new memory.desc(new long[] {rows, columns}, type, new long[] {columns, 1});
    }

    static memory.data_type type(DType dtype) {
        return switch (dtype) {
            case FLOAT32 -> memory.data_type.f32;
            case FLOAT16 -> memory.data_type.f16;
            case BFLOAT16 -> memory.data_type.bf16;
            default -> throw new AssertionError(dtype + " is no type of weights");
        };
    }
}
