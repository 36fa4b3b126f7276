package io.github.baichuanreward.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.baichuanreward.batch.Segment;
import java.lang.ref.Reference;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Against {@link CpuOps#alibiAttention}, and bit by bit against itself.
 *
 * <p>Holds for every implementation of the products: a test of another one extends this class, so
 * that all of it stands in one file.
 */
class TiledAttentionTest {

    /** Around the size of a tile, 64, and of the blocks within. */
    private static final int[] LENGTHS = {1, 2, 15, 17, 63, 64, 65, 127, 129, 300};

    /** Of values around 1, and scores of a few units: some roundings of each. */
    private static final double TOLERANCE = 4e-6;

    /** How far an element may be from the plain one. */
    double tolerance() {
        return TOLERANCE;
    }

    /** The products under test. */
    AttentionProducts products(int headDim, int hidden) {
        return new PanelProducts(headDim, hidden);
    }

    @ParameterizedTest
    @CsvSource({"1, 8", "3, 24", "5, 64", "2, 80", "2, 128", "3, 5", "2, 1"})
    void isThePlainAttentionOfEverySequenceOfABatch(int heads, int headDim) {
        Batch batch = new Batch(heads, headDim, LENGTHS);
        for (int threads = 1; threads <= 3; threads++) {
            batch.isPlain(batch.attend(threads, batch.starts), batch.starts);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 64, 65, 130})
    void onlyTheLastRowsAsk(int most) {
        Batch batch = new Batch(3, 24, LENGTHS);
        int[] queryStarts = batch.queryStarts(most);
        float[] all = batch.attend(1, batch.starts);
        float[] asked = batch.attend(2, queryStarts);

        batch.isPlain(asked, queryStarts);
        for (int s = 0; s < LENGTHS.length; s++) {
            int width = batch.hidden;
            int queries = queryStarts[s + 1] - queryStarts[s];
            int mismatch =
                    Arrays.mismatch(
                            asked,
                            queryStarts[s] * width,
                            queryStarts[s + 1] * width,
                            all,
                            (batch.starts[s + 1] - queries) * width,
                            batch.starts[s + 1] * width);
            assertThat(mismatch).as("in sequence of %d", LENGTHS[s]).isEqualTo(-1);
        }
    }

    /** Where one key wins by far: the last one, or with -4 the first. */
    @ParameterizedTest
    @ValueSource(floats = {-4, -0.125f, 0.125f, 4})
    void largeScoresAreTheirDifferences(float factor) {
        Batch batch = new Batch(2, 16, 200);
        for (int row = 0; row < 200; row++) {
            // The first component of each query is 1, and that of the keys rises with the row: a
            // number of eight bits, which bfloat16 holds.
            for (int head = 0; head < 2; head++) {
                batch.qkv[batch.query(row, head)] = 1;
                batch.qkv[batch.key(row, head)] = factor * row;
            }
        }
        float[] context = batch.attend(2, batch.starts);
        float[] expected = batch.plain(batch.starts);
        for (int i = 0; i < context.length; i++) {
            // Scores of up to 50 * factor have larger roundings, also in the products of bfloat16.
            double bound = tolerance() + TOLERANCE * 50 * Math.abs(factor);
            assertThat(Math.abs(context[i] - expected[i]))
                    .as("element %d", i)
                    .isLessThan((float) bound);
        }
    }

    /** Slopes of 0.5 and 0.3: of 700 keys, the farthest have no weight. */
    @Test
    void keysWithoutWeightAreLeftOutAndTheRestIsThePlainAttention() {
        Batch batch = new Batch(2, 24, 700);

        batch.isPlain(batch.attend(2, batch.starts), batch.starts);
        int tiles = 11 * 12 / 2;
        assertThat(batch.tilesOfScores()).isBetween(2 * 2 * 11, 2 * tiles * 2 / 3);
    }

    /**
     * One query in the midst of its tile, of the second head alone, and a key 685 rows before it.
     */
    @Test
    void aFarKeyThatWinsInSpiteOfItsDistanceIsNotLeftOut() {
        Batch batch = new Batch(2, 24, 700);
        for (int row = 0; row < 700; row++) {
            batch.qkv[batch.query(row, 1)] = 0;
            batch.qkv[batch.key(row, 1)] = 0;
        }
        // 33 * 33 / sqrt(24) is 222, of which the bias takes 211; other scores reach some units.
        batch.qkv[batch.query(690, 1)] = 33;
        batch.qkv[batch.key(5, 1)] = 33;
        float[] context = batch.attend(2, batch.starts);

        batch.isPlain(context, batch.starts);
        assertThat(context[690 * batch.hidden + 24])
                .as("the far key's value")
                .isCloseTo(batch.qkv[5 * 3 * batch.hidden + 2 * batch.hidden + 24], within(0.05f));
    }

    /** What one row needs, all of its tile get; the others' bits must not tell. */
    @ParameterizedTest
    @ValueSource(floats = {1e3f, 1e30f})
    void aKeyWithoutWeightChangesNoBitWhereAnotherRowLooksAtIt(float factor) {
        Batch batch = new Batch(2, 24, 700);
        // With small scores a tile is left out at exp(-40), and its values are so large that such a
        // weight would be seen.
        for (int row = 0; row < 700; row++) {
            for (int i = batch.query(row, 0); i < batch.key(row, 0); i++) {
                batch.qkv[i] *= 0x1p-4f;
            }
        }
        for (int row = 448; row < 512; row++) {
            int values = batch.key(row, 0) + batch.hidden;
            for (int i = values; i < values + batch.hidden; i++) {
                batch.qkv[i] *= 0x1p60f;
            }
        }
        float[] expected = batch.attend(1, batch.starts);
        int few = batch.tilesOfScores();
        int large = 690; // a query so large that every key of its tile is looked at
        for (int i = 0; i < batch.hidden; i++) {
            batch.qkv[large * 3 * batch.hidden + i] *= factor;
        }
        float[] context = batch.attend(2, batch.starts);

        assertThat(batch.tilesOfScores()).as("tiles that are looked at").isGreaterThan(few);

        batch.isEqual(context, 0, expected, 0, large);
        batch.isEqual(context, large + 1, expected, large + 1, 700 - large - 1);
    }

    /** A weight of 0 keeps what is not finite, as it does in the plain loops. */
    @ParameterizedTest
    @CsvSource({"1, NaN", "2, NaN", "2, Infinity"})
    void whatIsNotFiniteIsFoundFarBehind(int part, float value) {
        Batch batch = new Batch(2, 24, 700);
        for (int head = 0; head < 2; head++) {
            batch.qkv[part * batch.hidden + head * 24 + 3] = value;
        }
        float[] context = batch.attend(2, batch.starts);
        for (int head = 0; head < 2; head++) {
            assertThat(context[699 * batch.hidden + head * 24 + 3]).isNotFinite();
        }
    }

    @Test
    void aSequenceHasTheSameBitsInEveryBatchAndOnAnyThreads() {
        Batch batch = new Batch(4, 40, LENGTHS);
        float[] packed = batch.attend(1, batch.starts);
        for (int threads = 2; threads <= 9; threads++) {
            assertThat(Arrays.mismatch(batch.attend(threads, batch.starts), packed)).isEqualTo(-1);
        }
        for (int s = 0; s < LENGTHS.length; s++) {
            Batch alone = new Batch(4, 40, LENGTHS[s]);
            int stride = 3 * batch.hidden;
            System.arraycopy(batch.qkv, batch.starts[s] * stride, alone.qkv, 0, alone.qkv.length);
            float[] context = alone.attend(3, alone.starts);
            int mismatch =
                    Arrays.mismatch(
                            context,
                            0,
                            context.length,
                            packed,
                            batch.starts[s] * batch.hidden,
                            batch.starts[s + 1] * batch.hidden);
            assertThat(mismatch).as("in sequence of %d", LENGTHS[s]).isEqualTo(-1);
        }
    }

    /** Whatever the place of the prefix's end in a tile, and wherever in the batch it lies. */
    @ParameterizedTest
    @ValueSource(ints = {1, 15, 63, 64, 65, 100, 128, 299})
    void aRowHasTheSameBitsWhetherItsPrefixIsSharedOrItsOwn(int prefix) {
        Batch whole = new Batch(3, 24, 300);
        float[] expected = whole.attend(1, whole.starts);
        int own = 300 - prefix;
        // Two sequences that share a prefix, which lies behind another sequence and far from the
        // second of them.
        Batch shared = new Batch(3, 24, 17, prefix, own, 5, own);
        int stride = 3 * whole.hidden;
        for (int s : new int[] {1, 2, 4}) {
            System.arraycopy(
                    whole.qkv,
                    s == 1 ? 0 : prefix * stride,
                    shared.qkv,
                    shared.starts[s] * stride,
                    (s == 1 ? prefix : own) * stride);
        }
        shared.share(1, 2);
        shared.share(1, 4);
        for (int threads = 1; threads <= 3; threads++) {
            float[] context = shared.attend(threads, shared.starts);
            shared.isEqual(context, shared.starts[1], expected, 0, prefix);
            shared.isEqual(context, shared.starts[2], expected, prefix, own);
            shared.isEqual(context, shared.starts[4], expected, prefix, own);
        }
        // In the last layer nobody asks for rows of a prefix.
        int[] lastOnly = {0, 1, 1, 2, 3, 4};
        float[] last = shared.attend(2, lastOnly);
        shared.isEqual(last, 1, expected, 299, 1);
        shared.isEqual(last, 3, expected, 299, 1);
    }

    /** Attention is causal, to the bit: what comes later is not seen. */
    @Test
    void aRowHasTheSameBitsWhateverFollows() {
        Batch whole = new Batch(2, 24, 300);
        float[] expected = whole.attend(1, whole.starts);
        for (int length : LENGTHS) {
            Batch prefix = new Batch(2, 24, length);
            System.arraycopy(whole.qkv, 0, prefix.qkv, 0, prefix.qkv.length);
            float[] context = prefix.attend(2, prefix.starts);
            int mismatch = Arrays.mismatch(context, 0, context.length, expected, 0, context.length);
            assertThat(mismatch).as("in prefix of %d", length).isEqualTo(-1);
        }
    }

    /** The same threads work on other heads, lengths and batches before. */
    @Test
    void nothingIsLeftOfWhatWasLoadedBefore() {
        Batch batch = new Batch(2, 24, 70);
        float[] expected = batch.attend(1, batch.starts);
        Batch bad = new Batch(2, 24, 300);
        Arrays.fill(bad.qkv, Float.NaN);
        try (Workers workers = new Workers(1)) {
            TiledAttention attention = batch.attention(workers);
            float[] context = new float[300 * bad.hidden];
            attention.run(context, bad.qkv, bad.slopes, bad.segments, bad.starts);
            assertThat(context).containsOnly(Float.NaN);

            attention.run(context, batch.qkv, batch.slopes, batch.segments, batch.starts);
            assertThat(Arrays.copyOf(context, expected.length)).containsExactly(expected);
        }
    }

    /** A larger batch gets its memory while the threads wait for it. */
    @Test
    void nothingOfABatchIsHeldWhenItIsComputed() throws InterruptedException {
        try (Workers workers = new Workers(2)) {
            TiledAttention attention = new Batch(2, 24, 70).attention(workers);
            WeakReference<float[]> qkv = computed(attention);
            try {
                for (int n = 0; n < 50 && qkv.get() != null; n++) {
                    System.gc();
                    Thread.sleep(20);
                }
                assertThat(qkv.get()).isNull();
            } finally {
                Reference.reachabilityFence(attention);
            }
        }
    }

    /** In a frame of its own, whose variables hold nothing afterwards. */
    private WeakReference<float[]> computed(TiledAttention attention) {
        Batch batch = new Batch(2, 24, 70);
        float[] context = new float[70 * batch.hidden];
        attention.run(context, batch.qkv, batch.slopes, batch.segments, batch.starts);
        return new WeakReference<>(batch.qkv);
    }

    @ParameterizedTest
    @CsvSource({
        "0, NaN",
        "1, NaN",
        "2, NaN",
        "0, Infinity",
        "1, Infinity",
        "2, Infinity",
        "2, -Infinity"
    })
    void whatIsNotFiniteIsFoundInItsSequenceAndInNoOther(int part, float value) {
        Batch batch = new Batch(2, 24, 65, 130, 64);
        float[] clean = batch.attend(2, batch.starts);
        int row = batch.starts[1] + 129;
        for (int head = 0; head < 2; head++) {
            batch.qkv[row * 3 * batch.hidden + part * batch.hidden + head * 24 + 3] = value;
            // Positive, or its product with a key of infinity is -infinity, whose weight is 0.
            batch.qkv[row * 3 * batch.hidden + head * 24 + 3] = part == 0 ? value : 1;
        }
        float[] context = batch.attend(2, batch.starts);

        int first = batch.starts[1] * batch.hidden;
        int end = batch.starts[2] * batch.hidden;
        assertThat(Arrays.copyOf(context, first)).containsExactly(Arrays.copyOf(clean, first));
        assertThat(Arrays.copyOfRange(context, end, context.length))
                .containsExactly(Arrays.copyOfRange(clean, end, clean.length));
        for (int head = 0; head < 2; head++) {
            assertThat(context[row * batch.hidden + head * 24 + 3]).isNotFinite();
        }
    }

    @Test
    void scoresThatOverflowAreFound() {
        Batch batch = new Batch(1, 8, 70);
        Arrays.fill(batch.qkv, 0, 70 * 24, 1e25f);
        assertThat(batch.attend(1, batch.starts)).containsOnly(Float.NaN);
    }

    /** Counts tiles of scores. */
    private record Counting(AttentionProducts products, AtomicInteger scores)
            implements AttentionProducts {

        @Override
        public void load(float[] qkv, Segment segment, int rows, int head) {
            products.load(qkv, segment, rows, head);
        }

        @Override
        public void queries(int firstQuery) {
            products.queries(firstQuery);
        }

        @Override
        public void scores(float[] tile, int keyTile) {
            scores.incrementAndGet();
            products.scores(tile, keyTile);
        }

        @Override
        public void mix(float[] weights, int keyTile) {
            products.mix(weights, keyTile);
        }

        @Override
        public void context(float[] context) {
            products.context(context);
        }

        @Override
        public void unload() {
            products.unload();
        }
    }

    /** A batch of random values. */
    private final class Batch {

        private final int heads;
        private final int headDim;
        private final int hidden;
        private final int[] starts;
        private final List<Segment> segments = new ArrayList<>();
        private final float[] qkv;
        private final float[] slopes;

        Batch(int heads, int headDim, int... lengths) {
            this.heads = heads;
            this.headDim = headDim;
            this.hidden = heads * headDim;
            this.starts = new int[lengths.length + 1];
            for (int s = 0; s < lengths.length; s++) {
                starts[s + 1] = starts[s] + lengths[s];
                segments.add(Segment.of(starts[s], lengths[s]));
            }
            Random random = new Random(hidden + lengths.length);
            this.qkv = new float[starts[lengths.length] * 3 * hidden];
            for (int i = 0; i < qkv.length; i++) {
                qkv[i] = (float) random.nextGaussian();
            }
            this.slopes = new float[heads];
            for (int head = 0; head < heads; head++) {
                slopes[head] = (float) Math.pow(2, -0.7 * head - 1);
            }
        }

        /** Puts one segment before another, in its sequence. */
        void share(int prefix, int segment) {
            Segment before = segments.get(prefix);
            Segment own = segments.get(segment);
            segments.set(
                    segment,
                    new Segment(own.start(), own.length(), before.start(), before.length(), true));
        }

        /** Compares rows bit by bit. */
        void isEqual(float[] context, int first, float[] expected, int firstExpected, int rows) {
            int mismatch =
                    Arrays.mismatch(
                            context,
                            first * hidden,
                            (first + rows) * hidden,
                            expected,
                            firstExpected * hidden,
                            (firstExpected + rows) * hidden);
            assertThat(mismatch).as("in rows from %d on", firstExpected).isEqualTo(-1);
        }

        /** At most some rows of each sequence ask. */
        int[] queryStarts(int most) {
            int[] queryStarts = new int[starts.length];
            for (int s = 0; s + 1 < starts.length; s++) {
                int rows = Math.min(most, starts[s + 1] - starts[s]);
                queryStarts[s + 1] = queryStarts[s] + rows;
            }
            return queryStarts;
        }

        /** Where the query of a row begins in {@code qkv}. */
        int query(int row, int head) {
            return row * 3 * hidden + head * headDim;
        }

        /** Where the key of a row begins in {@code qkv}. */
        int key(int row, int head) {
            return query(row, head) + hidden;
        }

        /** How many tiles of scores are computed. */
        int tilesOfScores() {
            AtomicInteger scores = new AtomicInteger();
            try (Workers workers = new Workers(1)) {
                new TiledAttention(
                                workers,
                                () -> new Counting(products(headDim, hidden), scores),
                                headDim,
                                hidden)
                        .run(
                                new float[starts[starts.length - 1] * hidden],
                                qkv,
                                slopes,
                                segments,
                                starts);
            }
            return scores.get();
        }

        TiledAttention attention(Workers workers) {
            return new TiledAttention(workers, () -> products(headDim, hidden), headDim, hidden);
        }

        float[] attend(int threads, int[] queryStarts) {
            float[] context = new float[queryStarts[queryStarts.length - 1] * hidden];
            Arrays.fill(context, 77);
            try (Workers workers = new Workers(threads)) {
                attention(workers).run(context, qkv, slopes, segments, queryStarts);
            }
            return context;
        }

        float[] plain(int[] queryStarts) {
            float[] context = new float[queryStarts[queryStarts.length - 1] * hidden];
            for (int s = 0; s + 1 < starts.length; s++) {
                int first = starts[s + 1] - (queryStarts[s + 1] - queryStarts[s]);
                for (int head = 0; head < heads; head++) {
                    CpuOps.alibiAttention(
                            context,
                            qkv,
                            slopes[head],
                            queryStarts[s],
                            starts[s],
                            first,
                            starts[s + 1],
                            head,
                            headDim,
                            hidden);
                }
            }
            return context;
        }

        void isPlain(float[] context, int[] queryStarts) {
            float[] expected = plain(queryStarts);
            assertThat(context).hasSameSizeAs(expected);
            for (int i = 0; i < context.length; i++) {
                double distance = Math.abs((double) context[i] - expected[i]);
                if (!(distance < tolerance())) {
                    assertThat(context[i])
                            .as("row %d, column %d", i / hidden, i % hidden)
                            .isEqualTo(expected[i]);
                }
            }
        }
    }
}
