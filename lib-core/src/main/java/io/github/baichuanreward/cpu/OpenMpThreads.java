package io.github.baichuanreward.cpu;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.cpu.OneDnn.Address;
import java.util.Map;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;
import org.bytedeco.opencl.User_func_Pointer;

/**
 * How many threads the OpenMP library that oneDNN has brought uses for work that the calling thread
 * starts: a number that each thread has for itself.
 *
 * <p>No binding offers it. A {@code void(void*)} of the OpenCL bindings, which oneDNN's need
 * anyway, is called instead: the calling conventions of all platforms that oneDNN is built for pass
 * a pointer and an int in the same register.
 */
final class OpenMpThreads {

    private static final String FUNCTION = "omp_set_num_threads";

    private final User_func_Pointer function;

    private OpenMpThreads(User_func_Pointer function) {
        this.function = function;
    }

    /**
     * Finds the function; oneDNN must have been loaded.
     *
     * @throws BackendException if it is not there
     */
    static OpenMpThreads find() {
        for (Map.Entry<String, String> library : Loader.getLoadedLibraries().entrySet()) {
            if (library.getKey().contains("omp") && library.getValue() != null) {
                Loader.loadGlobal(library.getValue());
            }
        }
        Pointer function = Loader.addressof(FUNCTION);
        if (function == null || function.isNull()) {
            throw new BackendException("oneDNN's OpenMP library has no function " + FUNCTION);
        }
        PointerPointer<Pointer> cell = new PointerPointer<>(1);
        cell.put(function);
        return new OpenMpThreads(new User_func_Pointer(cell)); // which keeps the cell
    }

    /** Sets the calling thread's number. */
    void set(int count) {
        Address number = new Address();
        number.set(count);
        function.call(number);
    }
}
