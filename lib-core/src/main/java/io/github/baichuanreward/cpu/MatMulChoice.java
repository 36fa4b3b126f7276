package io.github.baichuanreward.cpu;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.checkpoint.DType;
import io.github.baichuanreward.checkpoint.Tensor;
import io.github.baichuanreward.model.BaichuanWeights;
import io.github.baichuanreward.model.Projection;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicBoolean;
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
                } catch (BackendException | LinkageError e) {
                    if (SAID.compareAndSet(false, true)) {
                        LOG.warn("cpu: products in plain Java, which is slow: {}", reason(e));
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
        for (Tensor tensor : tensors(weights)) {
            if (tensor.dtype() != DType.BFLOAT16) {
                throw new BackendException(
                        "cpu: precision bfloat16 needs weights in bfloat16, but %s is %s; use float32"
                                .formatted(tensor.name(), tensor.dtype()));
            }
        }
        try {
            return oneDnn(workers, weights, DType.BFLOAT16);
        } catch (BackendException | LinkageError e) {
            throw new BackendException(
                    "cpu: precision bfloat16 is not available here (%s); use float32"
                            .formatted(reason(e)),
                    e);
        }
    }

    private static MatMul oneDnn(Workers workers, BaichuanWeights weights, DType input) {
        return new OneDnnMatMul(workers, OneDnn.get(), input, tensors(weights));
    }

    private static List<Tensor> tensors(BaichuanWeights weights) {
        List<Tensor> tensors = new ArrayList<>();
        for (BaichuanWeights.Layer layer : weights.layers()) {
            for (Projection projection :
                    List.of(layer.qkv(), layer.outProj(), layer.gate(), layer.up(), layer.down())) {
                tensors.add(projection.weight());
            }
        }
        return tensors;
    }

    private static String reason(Throwable e) {
        if (e instanceof NoClassDefFoundError) {
            return "org.bytedeco:dnnl is not on the class path";
        }
        if (e instanceof LinkageError) {
            return "oneDNN's natives do not load, %s; see that org.bytedeco's dnnl, javacpp and opencl are on the class path with the natives of this platform"
                    .formatted(e.getMessage());
        }
        return String.valueOf(e.getMessage());
    }
}
