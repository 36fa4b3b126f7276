package io.github.baichuanreward.cuda;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Asks a library of products whether a row has the same bits wherever in a block it stands. A
 * reward's bits rest on that, and NVIDIA promises only that the same call gives the same bits.
 *
 * <p>A block whose rows are all the same is multiplied with the weights of a layer; then all rows
 * of the result must be. For Baichuan-13B 162 MB of results come back and are compared.
 */
final class RowCheck {

    private static final int PIECE_BYTES = 8 << 20;

    private final CudaDevice device;
    private final Launchers kernels;
    private final int rows;
    private final DeviceBuffer source;
    private final HostBuffer host;

    private RowCheck(
            CudaDevice device,
            Launchers kernels,
            DeviceWeights.Layer layer,
            int rows,
            Resources own) {
        this.device = device;
        this.kernels = kernels;
        this.rows = rows;
        int widest =
                Stream.of(layer.qkv(), layer.outProj(), layer.gateUp(), layer.down())
                        .mapToInt(w -> Math.max(w.n() * Float.BYTES, w.k() * Short.BYTES))
                        .max()
                        .orElseThrow();
        int bytes = widest + rows * Integer.BYTES;
        source = DeviceBuffer.allocate(device.cuda(), own, bytes, "a test of products");
        host = HostBuffer.allocate(device.cuda(), own, Math.max(bytes, PIECE_BYTES));
        own.add(device::awaitCompute); // before they are freed
    }

    /**
     * Tries all products of a layer; on a device that is entered.
     *
     * @param a overwritten
     * @param rows of a block
     * @return the product whose rows differ, and two of them; null where none does
     */
    static @Nullable String difference(
            CudaDevice device,
            Launchers kernels,
            Gemm gemm,
            DeviceWeights.Layer layer,
            Activations a,
            int rows) {
        try (Resources own = new Resources()) {
            return new RowCheck(device, kernels, layer, rows, own).of(gemm, layer, a);
        }
    }

    private @Nullable String of(Gemm gemm, DeviceWeights.Layer layer, Activations a) {
        String qkv = ofHalves(gemm, a.qkv, a.normed, layer.qkv());
        String outProj = qkv != null ? qkv : ofSums(gemm, a.hidden, a.context, layer.outProj());
        String gateUp =
                outProj != null ? outProj : ofHalves(gemm, a.gateUp, a.normed, layer.gateUp());
        return gateUp != null ? gateUp : ofSums(gemm, a.hidden, a.gated, layer.down());
    }

    private @Nullable String ofHalves(Gemm gemm, DeviceBuffer y, DeviceBuffer x, DeviceMatrix w) {
        repeat(x, randomHalves(w.k()));
        gemm.multiply(y, x, w, rows);
        return difference(y, w, Short.BYTES);
    }

    private @Nullable String ofSums(Gemm gemm, DeviceBuffer y, DeviceBuffer x, DeviceMatrix w) {
        repeat(x, randomHalves(w.k()));
        repeat(y, new byte[w.n() * Float.BYTES]);
        gemm.multiplyAdd(y, x, w, rows);
        return difference(y, w, Float.BYTES);
    }

    private @Nullable String difference(DeviceBuffer y, DeviceMatrix w, int bytes) {
        int other = firstOther(y, w.n() * bytes);
        return other < 0
                ? null
                : "%d x %d x %d: rows 0 and %d".formatted(rows, w.n(), w.k(), other);
    }

    /** From 1 to 2 in float16, 2^-7 to 2 in bfloat16; of both signs. */
    private static byte[] randomHalves(int count) {
        Random random = new Random(count);
        ByteBuffer halves = ByteBuffer.allocate(count * Short.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < count; i++) {
            int magnitude = 0x3c00 + random.nextInt(0x400);
            halves.putShort((short) (random.nextBoolean() ? magnitude : magnitude | 0x8000));
        }
        return halves.array();
    }

    /** Writes the same row to all of a block. */
    private void repeat(DeviceBuffer target, byte[] row) {
        int bytes = row.length + rows * Integer.BYTES; // behind the row its index, 0, for all
        host.bytes().clear().put(row).put(new byte[rows * Integer.BYTES]);
        device.uploadInput(source, host, bytes);
        DeviceBuffer indices = source.view(row.length, (long) rows * Integer.BYTES);
        kernels.gatherRows(target, source, indices, row.length, rows);
        device.awaitCompute();
    }

    /** The first row that is not row 0; -1 where there is none. */
    private int firstOther(DeviceBuffer y, int rowBytes) {
        int most = host.bytes().capacity() / rowBytes;
        ByteBuffer expected = null;
        for (int first = 0; first < rows; first += most) {
            int count = Math.min(most, rows - first);
            long bytes = (long) count * rowBytes;
            device.download(host, y.view((long) first * rowBytes, bytes), bytes);
            device.awaitCompute();
            for (int row = 0; row < count; row++) {
                ByteBuffer found = host.bytes().slice(row * rowBytes, rowBytes);
                if (expected == null) {
                    expected = ByteBuffer.allocate(rowBytes).put(found).flip();
                } else if (expected.mismatch(found) >= 0) {
                    return first + row;
                }
            }
        }
        return -1;
    }
}
