package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.github.baichuanreward.TinyModel;
import io.github.baichuanreward.checkpoint.CheckpointException;
import io.github.baichuanreward.checkpoint.DType;
import io.github.baichuanreward.checkpoint.LoraCheckpoint.Delta;
import io.github.baichuanreward.cuda.WeightBand.Columns;
import io.github.baichuanreward.model.BaichuanWeights;
import io.github.baichuanreward.model.Projection;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class WeightBandTest {

    private static final String DOWN = ".mlp.down_proj";

    @TempDir Path directory;

    @ParameterizedTest
    @EnumSource(names = {"FLOAT32", "FLOAT16", "BFLOAT16"})
    void roundsEveryTypeToTheHalfType(DType stored) throws IOException {
        TinyModel model = new TinyModel(5).type(stored);
        Projection down = open(model, List.of()).layers().get(1).down();
        float[] values = down.weight().toFloats();
        for (DType half : List.of(DType.FLOAT16, DType.BFLOAT16)) {
            ByteBuffer filled = fill(down, 3, 20, Columns.of(40), half);
            for (int i = 0; i < 20 * 40; i++) {
                assertThat(filled.getShort(2 * i)).isEqualTo(round(half, values[3 * 40 + i]));
            }
        }
    }

    @Test
    void fillsGroupsOfColumnsUpWithZeros() throws IOException {
        Projection down = open(new TinyModel(5), List.of()).layers().get(1).down();
        float[] values = down.weight().toFloats();
        ByteBuffer filled = fill(down, 0, 24, new Columns(4, 10, 16), DType.BFLOAT16);
        for (int row = 0; row < 24; row++) {
            for (int c = 0; c < 64; c++) {
                float expected = c % 16 < 10 ? values[row * 40 + c / 16 * 10 + c % 16] : 0;
                assertThat(filled.getShort(2 * (row * 64 + c)))
                        .isEqualTo(round(DType.BFLOAT16, expected));
            }
        }
    }

    /** The sum in float32, rounded once. */
    @Test
    void mergesAdaptersBeforeItRounds() throws IOException {
        TinyModel model = new TinyModel(5).type(DType.BFLOAT16);
        Path first = adapter(model, 6);
        Path second = adapter(model, 7);
        Projection down = open(model, List.of(first, second)).layers().get(1).down();
        assertThat(down.deltas()).hasSize(2);
        double[] sum = new double[24 * 40];
        float[] stored = down.weight().toFloats();
        for (int i = 0; i < sum.length; i++) {
            sum[i] = stored[i];
            for (Delta delta : down.deltas()) {
                float[] a = delta.a().toFloats();
                float[] b = delta.b().toFloats();
                for (int r = 0; r < delta.rank(); r++) {
                    double product = (double) b[i / 40 * delta.rank() + r] * a[r * 40 + i % 40];
                    sum[i] += delta.scale() * product;
                }
            }
        }
        ByteBuffer filled = fill(down, 5, 19, Columns.of(40), DType.BFLOAT16);
        for (int i = 0; i < 19 * 40; i++) {
            double exact = sum[5 * 40 + i];
            double found = DType.bfloat16ToFloat(filled.getShort(2 * i));
            // Half a unit of 8 bits, and what float32's own rounding may add.
            double most = Math.abs(exact) * 0x1p-9 * 2 + 1e-6;
            assertThat(Math.abs(found - exact)).isLessThanOrEqualTo(most);
        }
    }

    /** Row by row, as Baichuan's own quantize(8), with zeros between groups. */
    @ParameterizedTest
    @EnumSource(names = {"FLOAT32", "BFLOAT16"})
    void makesInt8WithAScaleForEachRow(DType stored) throws IOException {
        Projection down = open(new TinyModel(5).type(stored), List.of()).layers().get(1).down();
        float[] values = down.weight().toFloats();
        WeightBand band = band(down, 3, 21, new Columns(4, 10, 13), 4096);
        ByteBuffer filled = fill(band, DType.BFLOAT16);

        assertThat(band.isCopied(stored)).isFalse();
        assertThat(band.pieces())
                .containsExactly(
                        new WeightBand.Piece(0, 0, 21 * 52),
                        new WeightBand.Piece(21 * 52, 4096, 21 * 4));
        for (int row = 0; row < 21; row++) {
            float largest = 0;
            for (int c = 0; c < 40; c++) {
                largest = Math.max(largest, Math.abs(values[(row + 3) * 40 + c]));
            }
            float scale = filled.getFloat(21 * 52 + row * 4);
            assertThat(scale).isEqualTo(largest / 127);
            for (int c = 0; c < 52; c++) {
                float value = c % 13 < 10 ? values[(row + 3) * 40 + c / 13 * 10 + c % 13] : 0;
                byte found = filled.get(row * 52 + c);
                assertThat(Math.abs(found * scale - value)).isLessThanOrEqualTo(scale * 0.5001f);
                assertThat(found).isEqualTo((byte) Math.rint(value / scale));
            }
        }
    }

    @Test
    void rowsThatHaveNoScaleStayWhatTheyAre() throws IOException {
        float tiny = Float.MIN_VALUE;
        float[] values = {0, 0, Float.NaN, 1, Float.NEGATIVE_INFINITY, 2, 143 * tiny, -143 * tiny};
        TinyModel model = new TinyModel(5);
        Projection down = open(model, List.of()).layers().get(1).down();
        ByteBuffer filled = ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN);
        new WeightBand(down.weight(), List.of(), 0, 4, Columns.of(2), 0, 0)
                .quantize(filled, values, 0, 4);

        float[] products = new float[8];
        for (int i = 0; i < 8; i++) {
            products[i] = filled.get(i) * filled.getFloat(8 + i / 2 * 4);
        }
        assertThat(products[0]).isZero();
        assertThat(products[1]).isZero();
        assertThat(products[2]).isNaN();
        assertThat(products[4]).isNaN();
        assertThat(products[6]).as("signs of the smallest numbers").isPositive();
        assertThat(products[7]).isNegative();
    }

    @Test
    void splitsScalesWithTheirRows() throws IOException {
        Projection down = open(new TinyModel(5), List.of()).layers().get(1).down();
        WeightBand whole = band(down, 0, 24, Columns.of(40), 1000);
        ByteBuffer all = fill(whole, DType.BFLOAT16);
        List<WeightBand> parts = whole.split(7 * 40);

        assertThat(parts)
                .extracting(WeightBand::scales)
                .containsExactly(1000L, 1028L, 1056L, 1084L);
        ByteBuffer together = ByteBuffer.allocate(2000).order(ByteOrder.LITTLE_ENDIAN);
        for (WeightBand part : parts) {
            ByteBuffer filled = fill(part, DType.BFLOAT16);
            for (WeightBand.Piece piece : part.pieces()) {
                together.put((int) piece.to(), filled, piece.from(), piece.bytes());
            }
        }
        assertThat(together.slice(0, 960)).isEqualTo(all.slice(0, 960));
        assertThat(together.slice(1000, 96)).isEqualTo(all.slice(960, 96));
    }

    @Test
    void splitsIntoPartsThatAreTheWhole() throws IOException {
        Projection down = open(new TinyModel(5), List.of()).layers().get(1).down();
        WeightBand band = band(down, 2, 21, Columns.of(40));
        List<WeightBand> parts = band.split(5 * 80 + 7);

        assertThat(parts).extracting(WeightBand::rows).containsExactly(5, 5, 5, 5, 1);
        assertThat(parts).extracting(WeightBand::firstRow).containsExactly(2L, 7L, 12L, 17L, 22L);
        assertThat(parts)
                .extracting(WeightBand::offset)
                .containsExactly(0L, 400L, 800L, 1200L, 1600L);
        assertThat(parts).allMatch(part -> part.bytes() == part.rows() * 80);
        assertThat(band.split(10)).hasSize(21);
    }

    /** Java throws where the driver's own copy would end the process. */
    @ParameterizedTest
    @EnumSource(names = {"FLOAT32", "BFLOAT16"})
    @Timeout(120) // a thread that an error has hit inside a channel waits for ever
    void aFileThatIsCutWhileItIsReadIsAnError(DType stored) throws IOException {
        TinyModel model = new TinyModel(5).tensor("model.embed_tokens.weight", 50_000, 24);
        BaichuanWeights weights = open(model.config("vocab_size", 50_000).type(stored), List.of());
        Projection embedding = new Projection(weights.embedding(), List.of());
        WeightBand band = band(embedding, 0, 50_000, Columns.of(24));
        WeightBand.Source source = band.map();
        ByteBuffer target = ByteBuffer.allocateDirect(50_000 * 48).order(ByteOrder.LITTLE_ENDIAN);
        Path file = directory.resolve("model.safetensors");
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.truncate(8192);
        }

        for (int time = 0; time < 50; time++) { // interpreted at first, later compiled
            FutureTask<?> filled = filling(band, target, source);
            new Thread(filled).start(); // Java's error may come behind the end
            ExecutionException failed = catchThrowableOfType(ExecutionException.class, filled::get);
            Throwable cause = Objects.requireNonNull(failed.getCause());
            assertThat(WeightReader.failure(band, cause))
                    .hasMessageContaining("model.safetensors: tensor \"model.embed_tokens.weight\"")
                    .hasMessageContaining("file ");
        }
        assertThatThrownBy(band::map)
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("bytes when it was opened");
    }

    /** Only a page that is not there is told as a file that was cut. */
    @Test
    void otherErrorsOfAPartStayWhatTheyAre() throws IOException {
        Projection down = open(new TinyModel(5), List.of()).layers().get(1).down();
        WeightBand band = band(down, 0, 24, Columns.of(40));

        OutOfMemoryError full = new OutOfMemoryError("heap");
        assertThatThrownBy(() -> WeightReader.failure(band, full)).isSameAs(full);
        IllegalArgumentException wrong = new IllegalArgumentException("type");
        assertThatThrownBy(() -> WeightReader.failure(band, wrong)).hasCause(wrong);
    }

    private static FutureTask<?> filling(
            WeightBand band, ByteBuffer target, WeightBand.Source source) {
        return new FutureTask<>(
                () -> {
                    band.fill(target, DType.BFLOAT16, source);
                    return band;
                });
    }

    private Path adapter(TinyModel model, long seed) throws IOException {
        Path folder = Files.createDirectory(directory.resolve("adapter" + seed));
        return TinyModel.writeAdapter(
                folder, seed, 3, 0, model, "model.layers.0" + DOWN, "model.layers.1" + DOWN);
    }

    private BaichuanWeights open(TinyModel model, List<Path> adapters) throws IOException {
        return BaichuanWeights.open(model.write(directory), adapters);
    }

    private static WeightBand band(Projection from, int first, int rows, Columns columns) {
        return band(from, first, rows, columns, WeightBand.NO_SCALES);
    }

    private static WeightBand band(
            Projection from, int first, int rows, Columns columns, long scales) {
        return new WeightBand(from.weight(), from.deltas(), first, rows, columns, 0, scales);
    }

    private static ByteBuffer fill(
            Projection from, int first, int rows, Columns columns, DType half)
            throws CheckpointException {
        return fill(band(from, first, rows, columns), half);
    }

    private static ByteBuffer fill(WeightBand band, DType half) throws CheckpointException {
        ByteBuffer buffer = ByteBuffer.allocateDirect(band.bytes());
        for (int i = 0; i < buffer.capacity(); i++) {
            buffer.put(i, (byte) 0x55);
        }
        band.fill(buffer.order(ByteOrder.LITTLE_ENDIAN), half, band.map());
        return buffer;
    }

    private static short round(DType half, float value) {
        return half == DType.FLOAT16 ? DType.floatToHalf(value) : DType.floatToBfloat16(value);
    }
}
