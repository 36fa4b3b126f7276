package io.github.baichuanreward.cuda;

import io.github.baichuanreward.checkpoint.DType;
import java.util.stream.IntStream;

/** Attention by this library's kernel, as a decoder layer launches it. */
final class KernelAttention implements AttentionWay.Attention {

    private final AttentionTask task;
    private final Kernels kernels;
    private final Launchers launchers;
    private final DeviceBuffer segments;
    private final DeviceBuffer tiles;
    private final DeviceBuffer slopes;
    private final int tileCount;

    KernelAttention(AttentionTask task) {
        this.task = task;
        AttentionTask.Shape shape = task.shape();
        kernels = Kernels.load(task.device(), shape.half());
        launchers = new Launchers(kernels);
        segments =
                task.upload(
                        shape.segments().stream()
                                .flatMapToInt(s -> IntStream.of(s.start(), s.length(), 0, 0))
                                .toArray(),
                        "segments");
        int[] list = AttentionTiles.all(shape.segments());
        tileCount = list.length / 2;
        tiles = task.upload(list, "tiles");
        slopes = task.upload(DType.FLOAT32, shape.slopes(), "slopes");
    }

    @Override
    public void enqueue() {
        AttentionTask.Shape shape = task.shape();
        launchers.alibiAttention(
                task.context(),
                task.qkv(),
                segments,
                tiles,
                slopes,
                shape.headDim(),
                shape.scale(),
                shape.heads(),
                tileCount,
                shape.rows());
    }

    @Override
    public String description() {
        return "alibi_attention, " + kernels.image();
    }
}
