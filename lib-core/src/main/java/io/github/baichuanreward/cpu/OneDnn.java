package io.github.baichuanreward.cpu;

import static org.bytedeco.dnnl.global.dnnl.DNNL_RUNTIME_OMP;
import static org.bytedeco.dnnl.global.dnnl.DNNL_RUNTIME_SEQ;
import static org.bytedeco.dnnl.global.dnnl.dnnl_version;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.checkpoint.DType;
import java.util.Map;
import org.bytedeco.dnnl.dnnl_version_t;
import org.bytedeco.dnnl.engine;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.dnnl.matmul;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.post_ops;
import org.bytedeco.dnnl.primitive_attr;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;
import org.bytedeco.opencl.User_func_Pointer;
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
 * must be ready for a {@link LinkageError}.
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
            long scratchBytes) {}

    /** An address that can be moved, so that pointing somewhere else makes no garbage. */
    static final class Address extends Pointer {
        void set(long bytes) {
            address = bytes;
        }
    }

    private static final int ONE_THREAD = 1;

    private static @Nullable OneDnn loaded;

    private final engine cpu;
    private final String version;
    private final @Nullable User_func_Pointer setThreads;

    private OneDnn(engine cpu, String version, @Nullable User_func_Pointer setThreads) {
        this.cpu = cpu;
        this.version = version;
        this.setThreads = setThreads;
    }

    /**
     * The library; loads it if it is not loaded yet.
     *
     * @throws LinkageError if its classes or natives are missing or do not load
     * @throws BackendException if it cannot be made to run on the thread that asks
     */
    static synchronized OneDnn get() {
        OneDnn library = loaded;
        if (library == null) {
            library = load();
            loaded = library;
        }
        return library;
    }

    private static OneDnn load() {
        Loader.load(dnnl.class);
        dnnl_version_t version = dnnl_version();
        int runtime = version.cpu_runtime();
        User_func_Pointer setThreads = null;
        if (runtime == DNNL_RUNTIME_OMP) {
            setThreads = openMpFunction("omp_set_num_threads");
        } else if (runtime != DNNL_RUNTIME_SEQ) {
            throw new BackendException("oneDNN was built for another kind of threads: " + runtime);
        }
        String name =
                "oneDNN %d.%d.%d".formatted(version.major(), version.minor(), version.patch());
        OneDnn library = new OneDnn(new engine(engine.kind.cpu, 0), name, setThreads);
        library.requireObedience();
        return library;
    }

    /**
     * A function of the OpenMP library that oneDNN has brought, as something that takes one
     * integer.
     *
     * <p>No binding offers it. A {@code void(void*)} of the OpenCL bindings, which oneDNN's need
     * anyway, is called instead: the calling conventions of all platforms that oneDNN is built for
     * pass a pointer and an int in the same register.
     */
    private static User_func_Pointer openMpFunction(String name) {
        for (Map.Entry<String, String> library : Loader.getLoadedLibraries().entrySet()) {
            if (library.getKey().contains("omp") && library.getValue() != null) {
                Loader.loadGlobal(library.getValue());
            }
        }
        Pointer function = Loader.addressof(name);
        if (function == null || function.isNull()) {
            throw new BackendException("oneDNN's OpenMP library has no function " + name);
        }
        PointerPointer<Pointer> cell = new PointerPointer<>(1);
        cell.put(function);
        return new User_func_Pointer(cell);
    }

    /**
     * Sees by the scratch memory of a product, which is so much a thread, that {@link #enter}
     * works. On a thread of its own: the caller's may belong to somebody who uses OpenMP too.
     */
    private void requireObedience() {
        if (setThreads == null) {
            return;
        }
        long[] bytes = new long[2];
        Thread probe =
                new Thread(
                        () -> {
                            threads(2);
                            bytes[0] = scratchBytes();
                            enter();
                            bytes[1] = scratchBytes();
                        },
                        "reward-onednn-probe");
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
        if (bytes[1] == 0 || bytes[0] <= bytes[1]) {
            throw new BackendException(
                    "oneDNN does not take the number of its threads (scratch memory of %d bytes for"
                                    .formatted(bytes[0])
                            + " two, %d for one)".formatted(bytes[1]));
        }
    }

    private long scratchBytes() {
        return describe(Shape.of(64, 256, 1024, DType.FLOAT32, DType.FLOAT32))
                .scratchpad_desc()
                .get_size();
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

    void threads(int count) {
        if (setThreads != null) {
            Address number = new Address();
            number.set(count);
            setThreads.call(number);
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
