package io.github.baichuanreward.cpu;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.checkpoint.DType;
import io.github.baichuanreward.checkpoint.Tensor;
import io.github.baichuanreward.model.BaichuanWeights;
import io.github.baichuanreward.model.Projection;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which products a model is computed with: oneDNN's where they can be had, plain Java else, which
 * is said once a process with the reason.
 */
final class MatMulChoice {

    private static final Logger LOG = LoggerFactory.getLogger(MatMulChoice.class);
    private static final AtomicBoolean SAID = new AtomicBoolean();

    private MatMulChoice() {}

    /**
     * Chooses.
     *
     * @throws BackendException if the precision is one that this machine, or this model, cannot be
     *     computed in
     */
    static MatMul choose(Workers workers, BaichuanWeights weights, Precision precision) {
        switch (precision) {
            case AUTO, FLOAT32 -> {
                try {
                    return oneDnn(workers, weights, DType.FLOAT32);
                } catch (BackendException e) {
                    if (SAID.compareAndSet(false, true)) {
                        LOG.warn("cpu: products in plain Java, which is slow: {}", e.getMessage());
                    }
                    return new JavaMatMul(workers);
                }
            }
            case BFLOAT16 -> {
                return bfloat16(workers, weights);
            }
            default ->
                    throw new BackendException(
                            "cpu: precision %s is not available; use auto, float32 or bfloat16"
                                    .formatted(precision.name().toLowerCase(Locale.ROOT)));
        }
    }

    private static MatMul bfloat16(Workers workers, BaichuanWeights weights) {
        for (Projection projection : projections(weights)) {
            Tensor tensor = projection.weight();
            if (tensor.dtype() != DType.BFLOAT16) {
                throw new BackendException(
                        "cpu: precision bfloat16 needs weights in bfloat16, but %s is %s; use float32"
                                .formatted(tensor.name(), tensor.dtype()));
            }
        }
        try {
            return oneDnn(workers, weights, DType.BFLOAT16);
        } catch (BackendException e) {
            throw new BackendException(
                    "cpu: precision bfloat16 is not available here (%s); use float32"
                            .formatted(e.getMessage()),
                    e);
        }
    }

    /**
     * oneDNN's products.
     *
     * @throws BackendException if they cannot be had, with the reason
     */
    private static MatMul oneDnn(Workers workers, BaichuanWeights weights, DType input) {
        try {
            List<Tensor> all = projections(weights).stream().flatMap(Projection::tensors).toList();
            return new OneDnnMatMul(workers, OneDnn.get(), input, all, weights.config().headDim());
        } catch (NoClassDefFoundError e) { // where it has none of its classes
            throw new BackendException(missing(String.valueOf(e.getMessage())), e);
        }
    }

    private static List<Projection> projections(BaichuanWeights weights) {
        return weights.layers().stream().flatMap(BaichuanWeights.Layer::projections).toList();
    }

    /** Which library is missing, where such a class of it is. */
    static String missing(String className) {
        String name = className.replace('/', '.');
        String artifact =
                Stream.of("javacpp", "opencl")
                        .filter(library -> name.contains("org.bytedeco." + library + "."))
                        .findFirst()
                        .orElse("dnnl");
        return "org.bytedeco:%s is not on the class path; add org.bytedeco:dnnl-platform"
                .formatted(artifact);
    }
}
