package io.github.baichuanreward.cuda;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.checkpoint.DType;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What computes products: cuBLAS where it is there, else the kernels of this project, which is said
 * once a process with the reason. The system property {@value #PROPERTY} decides otherwise.
 *
 * @param cublas whether it is cuBLAS
 * @param rows of each call of cuBLAS for all tokens; 0 for as many as there are
 * @param lastRows the same for the rows of last tokens; {@code rows} is a multiple
 */
record GemmChoice(boolean cublas, int rows, int lastRows) {

    /** {@link #CUBLAS} or {@link #KERNELS}. */
    static final String PROPERTY = "baichuan-reward.gemm";

    static final String CUBLAS = "cublas";
    static final String KERNELS = "kernels";

    /** Enough rows to keep a large GPU busy, few enough for a single answer. */
    private static final int ROWS = 1024;

    private static final int LAST_ROWS = 256;

    private static final Logger LOG = LoggerFactory.getLogger(GemmChoice.class);
    private static final AtomicBoolean SAID = new AtomicBoolean();

    /** cuBLAS, as it is used unless tests say otherwise. */
    static GemmChoice cublasInBlocks() {
        return new GemmChoice(true, ROWS, LAST_ROWS);
    }

    /** The own kernels. */
    static GemmChoice kernels() {
        return new GemmChoice(false, 1, 1);
    }

    /**
     * Chooses.
     *
     * @param libraries the folder of cuBLAS; null for the usual places
     * @throws BackendException if the property says what cannot be had, or if that folder has no
     *     cuBLAS that can be used
     */
    static GemmChoice choose(@Nullable Path libraries) {
        String wanted = System.getProperty(PROPERTY, "");
        if (wanted.equals(KERNELS)) {
            return kernels();
        }
        if (!wanted.isEmpty() && !wanted.equals(CUBLAS)) {
            throw new BackendException(
                    "cuda: -D%s=%s; use %s or %s".formatted(PROPERTY, wanted, CUBLAS, KERNELS));
        }
        String problem = CudaLibraries.cublas(libraries).problem();
        if (problem == null) {
            return cublasInBlocks();
        }
        if (wanted.equals(CUBLAS)) {
            throw new BackendException("cuda: -D%s=%s: %s".formatted(PROPERTY, wanted, problem));
        }
        if (libraries != null) {
            throw new BackendException("cuda: " + problem);
        }
        if (SAID.compareAndSet(false, true)) {
            LOG.warn("cuda: own products, which are slower than cuBLAS's: {}", problem);
        }
        return kernels();
    }

    /** Rows that buffers must have room for, so that any batch of so many tokens fits. */
    int room(int tokens) {
        int multiple = Math.max(1, rows);
        return Math.toIntExact(((long) tokens + multiple - 1) / multiple * multiple);
    }

    /** How many rows its calls of cuBLAS have, of those that are always the same. */
    List<Integer> blocks() {
        return Stream.of(rows, lastRows).filter(block -> cublas && block > 0).distinct().toList();
    }

    /** Bytes that this takes on the device besides. */
    long workspaceBytes() {
        return cublas ? Cublas.WORKSPACE_BYTES : 0;
    }

    /** Products of one kind for all tokens, and for last rows. */
    record Gemms(Gemm all, Gemm last) {}

    /** Opens what was chosen on a device that is entered. */
    Gemms open(CudaDevice device, Launchers kernels, DType half) {
        if (!cublas) {
            Gemm own = new KernelGemm(kernels);
            return new Gemms(own, own);
        }
        Cublas library = Cublas.open(device);
        return new Gemms(
                new CublasGemm(library, kernels, half, rows),
                new CublasGemm(library, kernels, half, lastRows));
    }
}
