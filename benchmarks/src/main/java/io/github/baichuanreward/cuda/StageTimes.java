package io.github.baichuanreward.cuda;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.JCudaDriver;

/**
 * Times of a forward pass by what computes them, as the GPU's own events tell: one is recorded
 * before and one behind each kernel and each product.
 */
final class StageTimes {

    /** A stage of the queue between two events. */
    private record Span(String stage, CUevent begin, CUevent end) {}

    private final CudaDevice device;
    private final List<Span> spans = new ArrayList<>();

    StageTimes(CudaDevice device) {
        this.device = device;
    }

    /** The same layer, whose stages are timed. */
    DecoderLayer timed(DecoderLayer layer, Launchers.Queue queue) {
        return new DecoderLayer(
                new Launchers(
                        (kernel, gridX, gridY, arguments) ->
                                time(
                                        kernel.stem(),
                                        () -> queue.launch(kernel, gridX, gridY, arguments))),
                new TimedGemm(layer.gemm()),
                new TimedGemm(layer.lastGemm()),
                layer.shape(),
                layer.slopes(),
                layer.weights());
    }

    /** Puts something into the queue between two events. */
    void time(String stage, Runnable queued) {
        CUevent begin = record();
        queued.run();
        spans.add(new Span(stage, begin, record()));
    }

    /** Waits for all, and adds their milliseconds up by stage, in the order of their first use. */
    Map<String, Double> milliseconds() {
        device.awaitCompute();
        Map<String, Double> sums = new LinkedHashMap<>();
        for (Span span : spans) {
            float[] elapsed = new float[1];
            device.cuda()
                    .driver(
                            "cuEventElapsedTime",
                            () ->
                                    JCudaDriver.cuEventElapsedTime(
                                            elapsed, span.begin(), span.end()));
            sums.merge(span.stage(), (double) elapsed[0], Double::sum);
            for (CUevent event : List.of(span.begin(), span.end())) {
                device.cuda().driver("cuEventDestroy", () -> JCudaDriver.cuEventDestroy(event));
            }
        }
        spans.clear();
        return sums;
    }

    private CUevent record() {
        CUevent event = new CUevent();
        device.cuda()
                .driver(
                        "cuEventCreate",
                        () -> JCudaDriver.cuEventCreate(event, CUevent_flags.CU_EVENT_DEFAULT));
        device.cuda()
                .driver("cuEventRecord", () -> JCudaDriver.cuEventRecord(event, device.compute()));
        return event;
    }

    private final class TimedGemm implements Gemm {

        private final Gemm gemm;

        TimedGemm(Gemm gemm) {
            this.gemm = gemm;
        }

        @Override
        public void multiply(DeviceBuffer y, DeviceBuffer x, DeviceMatrix w, int rows) {
            time(name(w), () -> gemm.multiply(y, x, w, rows));
        }

        @Override
        public void multiplyAdd(DeviceBuffer y, DeviceBuffer x, DeviceMatrix w, int rows) {
            time(name(w), () -> gemm.multiplyAdd(y, x, w, rows));
        }

        @Override
        public void multiplyGated(
                DeviceBuffer gated, DeviceBuffer gateUp, DeviceBuffer x, DeviceMatrix w, int rows) {
            time(name(w) + " with swiglu", () -> gemm.multiplyGated(gated, gateUp, x, w, rows));
        }

        @Override
        public String description() {
            return gemm.description();
        }

        private String name(DeviceMatrix w) {
            return "product with %d x %d".formatted(w.n(), w.k());
        }
    }
}
