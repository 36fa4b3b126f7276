package io.github.baichuanreward.benchmarks.peers;

import io.github.baichuanreward.checkpoint.Checkpoint;
import io.github.baichuanreward.checkpoint.CheckpointException;
import io.github.baichuanreward.checkpoint.DType;
import io.github.baichuanreward.checkpoint.Tensor;
import io.github.baichuanreward.model.BaichuanConfig;
import io.github.baichuanreward.model.BaichuanWeights;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * Writes a Baichuan model with bfloat16 weights as a GGUF file, so that llama.cpp computes with the
 * same numbers.
 *
 * <p>Matrices are copied as they are, with {@code W_pack} cut into Q, K and V; norms become
 * float32, as llama.cpp wants them; the value head has no place there. The vocabulary is made up,
 * since token ids are all that is asked for. Needs little memory, whatever the size of the model.
 */
final class Gguf {

    /** llama.cpp tells Baichuan's 13B, with ALiBi, by its layers; it refuses other numbers. */
    private static final int ALIBI_LAYERS = 40;

    private static final int ALIGNMENT = 32;
    private static final int VERSION = 3;

    /** How GGUF numbers the types of tensors. */
    private static final int TYPE_FLOAT32 = 0;

    private static final int TYPE_BFLOAT16 = 30;

    private static final long PIECE_BYTES = 64 << 20;

    /**
     * A tensor of the file: some rows of a checkpoint's matrix, or a norm.
     *
     * @param rows of the matrix; 1 for a norm
     */
    private record Entry(String name, Tensor source, long firstRow, long rows) {

        static Entry matrix(String name, Tensor source) {
            return new Entry(name, source, 0, source.shape()[0]);
        }

        static Entry norm(String name, Tensor source) {
            return new Entry(name, source, 0, 1);
        }

        boolean isNorm() {
            return source.shape().length == 1;
        }

        /** Elements of a row. */
        long columns() {
            return isNorm() ? source.elements() : source.shape()[1];
        }

        long bytes() {
            return rows * columns() * (isNorm() ? Float.BYTES : source.dtype().bytes());
        }
    }

    private Gguf() {}

    /** Arguments: MODEL_DIRECTORY FILE. */
    public static void main(String[] arguments) throws IOException {
        if (arguments.length != 2) {
            throw new IllegalArgumentException("needed: MODEL_DIRECTORY FILE");
        }
        write(Path.of(arguments[1]), Path.of(arguments[0]));
    }

    /**
     * Converts a model directory; the file gets its name when it is complete.
     *
     * @throws CheckpointException if the model is incomplete or damaged, or has no {@code lm_head}
     * @throws IllegalArgumentException if llama.cpp cannot compute a model of this kind: its layers
     *     must be 40 and its matrices bfloat16
     */
    static void write(Path file, Path model) throws IOException {
        BaichuanWeights weights = BaichuanWeights.open(model);
        if (weights.config().layers() != ALIBI_LAYERS) {
            throw new IllegalArgumentException(
                    "%s has %d layers; llama.cpp computes ALiBi in Baichuan models of %d alone"
                            .formatted(model, weights.config().layers(), ALIBI_LAYERS));
        }
        List<Entry> entries = entries(weights, head(model));
        Path unfinished = file.resolveSibling(file.getFileName() + ".part");
        try (FileChannel channel =
                FileChannel.open(
                        unfinished,
                        StandardOpenOption.CREATE,
                        StandardOpenOption.WRITE,
                        StandardOpenOption.TRUNCATE_EXISTING)) {
            writeFully(channel, header(weights.config(), entries));
            for (Entry entry : entries) {
                pad(channel);
                copy(channel, entry);
            }
            pad(channel);
        }
        Files.move(unfinished, file, StandardCopyOption.REPLACE_EXISTING);
    }

    private static Tensor head(Path model) throws CheckpointException {
        Tensor head = Checkpoint.open(model).find("lm_head.weight");
        if (head == null) {
            throw new CheckpointException(
                    model + ": no lm_head.weight; llama.cpp loads no model without it");
        }
        return head;
    }

    private static List<Entry> entries(BaichuanWeights weights, Tensor head) {
        long hidden = weights.config().hidden();
        List<Entry> entries = new ArrayList<>();
        entries.add(Entry.matrix("token_embd.weight", weights.embedding()));
        for (int n = 0; n < weights.layers().size(); n++) {
            BaichuanWeights.Layer layer = weights.layers().get(n);
            Tensor qkv = layer.qkv().weight();
            String block = "blk." + n + ".";
            entries.add(Entry.norm(block + "attn_norm.weight", layer.inputNorm()));
            entries.add(new Entry(block + "attn_q.weight", qkv, 0, hidden));
            entries.add(new Entry(block + "attn_k.weight", qkv, hidden, hidden));
            entries.add(new Entry(block + "attn_v.weight", qkv, 2 * hidden, hidden));
            entries.add(Entry.matrix(block + "attn_output.weight", layer.outProj().weight()));
            entries.add(Entry.norm(block + "ffn_norm.weight", layer.postNorm()));
            entries.add(Entry.matrix(block + "ffn_gate.weight", layer.gate().weight()));
            entries.add(Entry.matrix(block + "ffn_up.weight", layer.up().weight()));
            entries.add(Entry.matrix(block + "ffn_down.weight", layer.down().weight()));
        }
        entries.add(Entry.norm("output_norm.weight", weights.finalNorm()));
        entries.add(Entry.matrix("output.weight", head));
        for (Entry entry : entries) {
            if (!entry.isNorm() && entry.source().dtype() != DType.BFLOAT16) {
                throw new IllegalArgumentException(
                        entry.source() + ": only bfloat16 matrices are converted");
            }
        }
        return entries;
    }

    private static ByteBuffer header(BaichuanConfig config, List<Entry> entries) {
        GgufMetadata metadata = GgufMetadata.of(config, ALIGNMENT);
        GgufBytes bytes = new GgufBytes();
        bytes.magic("GGUF").int32(VERSION).int64(entries.size()).int64(metadata.count());
        bytes.bytes(metadata.bytes());
        long offset = 0;
        for (Entry entry : entries) {
            bytes.string(entry.name());
            // Sizes stand fastest first.
            if (entry.isNorm()) {
                bytes.int32(1).int64(entry.columns());
            } else {
                bytes.int32(2).int64(entry.columns()).int64(entry.rows());
            }
            bytes.int32(entry.isNorm() ? TYPE_FLOAT32 : TYPE_BFLOAT16).int64(offset);
            offset += (entry.bytes() + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        }
        return ByteBuffer.wrap(bytes.toByteArray());
    }

    private static void copy(FileChannel channel, Entry entry) throws IOException {
        if (entry.isNorm()) {
            float[] values = entry.source().toFloats();
            ByteBuffer floats =
                    ByteBuffer.allocate((int) entry.bytes()).order(ByteOrder.LITTLE_ENDIAN);
            floats.asFloatBuffer().put(values);
            writeFully(channel, floats);
            return;
        }
        long rowBytes = entry.bytes() / entry.rows();
        int most = (int) Math.max(1, PIECE_BYTES / rowBytes);
        for (long row = 0; row < entry.rows(); row += most) {
            int rows = (int) Math.min(most, entry.rows() - row);
            writeFully(channel, entry.source().mapRows(entry.firstRow() + row, rows));
        }
    }

    private static void pad(FileChannel channel) throws IOException {
        int gap = (int) (-channel.position() & (ALIGNMENT - 1));
        writeFully(channel, ByteBuffer.allocate(gap));
    }

    private static void writeFully(FileChannel channel, ByteBuffer source) throws IOException {
        while (source.hasRemaining()) {
            channel.write(source);
        }
    }
}
