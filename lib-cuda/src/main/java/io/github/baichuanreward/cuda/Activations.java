package io.github.baichuanreward.cuda;

/**
 * What one batch needs on its way through the layers: pieces of one arena, row-major. All have room
 * for the same number of rows.
 */
final class Activations {

    /** Residual stream, {@code [rows, hidden]} float32. */
    final DeviceBuffer hidden;

    /** Input of a projection, {@code [rows, hidden]} half. */
    final DeviceBuffer normed;

    /** Q, K and V, {@code [rows, 3 * heads * headDim]} half. */
    final DeviceBuffer qkv;

    /** Output of attention, {@code [rows, heads * headDim]} half. */
    final DeviceBuffer context;

    /** Gate and up, {@code [rows, 2 * intermediate]} half. */
    final DeviceBuffer gateUp;

    /** Output of SwiGLU, {@code [rows, intermediate]} half. */
    final DeviceBuffer gated;

    /** {@code [rows]} float32. */
    final DeviceBuffer rewards;

    /** What {@link BatchInput} writes. */
    final DeviceBuffer input;

    private final PaddedSizes sizes;
    private final int rows;

    Activations(Arena arena, PaddedSizes sizes, int rows) {
        this.sizes = sizes;
        this.rows = rows;
        long count = rows;
        hidden = arena.take(hiddenBytes(sizes, rows));
        normed = arena.take(count * sizes.hidden() * Short.BYTES);
        qkv = arena.take(count * 3 * sizes.attention() * Short.BYTES);
        context = arena.take(count * sizes.attention() * Short.BYTES);
        gateUp = arena.take(count * 2 * sizes.intermediate() * Short.BYTES);
        gated = arena.take(count * sizes.intermediate() * Short.BYTES);
        rewards = arena.take(count * Float.BYTES);
        input = arena.take(BatchInput.bytes(rows));
    }

    private Activations(Activations all, DeviceBuffer residual) {
        sizes = all.sizes;
        rows = all.rows;
        hidden = residual;
        normed = all.normed;
        qkv = all.qkv;
        context = all.context;
        gateUp = all.gateUp;
        gated = all.gated;
        rewards = all.rewards;
        input = all.input;
    }

    private Activations(Activations all) {
        sizes = all.sizes;
        rows = all.rows;
        long hiddenBytes = all.hidden.bytes();
        hidden = all.qkv.view(0, hiddenBytes);
        normed = all.normed;
        qkv = all.qkv;
        context = all.qkv.view(hiddenBytes, all.context.bytes());
        gateUp = all.gateUp;
        gated = all.gated;
        rewards = all.rewards;
        input = all.input;
    }

    /** Bytes of all for a number of rows. */
    static long bytes(PaddedSizes sizes, int rows) {
        Arena arena = Arena.measuring();
        new Activations(arena, sizes, rows);
        return arena.used();
    }

    /**
     * The same for the rows that the last layer goes on with: its own residual stream and context
     * lie where Q, K and V were, which nobody reads again.
     */
    Activations ofLastRows() {
        return new Activations(this);
    }

    /** Bytes of a residual stream for a number of rows. */
    static long hiddenBytes(PaddedSizes sizes, int rows) {
        return (long) rows * sizes.hidden() * Float.BYTES;
    }

    /**
     * The same around another residual stream, so that one can be handed over while the next batch
     * is computed.
     */
    Activations around(DeviceBuffer residual) {
        return new Activations(this, residual);
    }

    /** How many rows there is room for. */
    int rows() {
        return rows;
    }
}
