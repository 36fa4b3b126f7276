package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.baichuanreward.cuda.ScaleMachines.Kind;
import io.github.baichuanreward.cuda.ScaleMachines.Machine;
import io.github.baichuanreward.cuda.ScaleSimulation.Batch;
import io.github.baichuanreward.cuda.ScaleSimulation.Copy;
import io.github.baichuanreward.cuda.ScaleSimulation.Host;
import io.github.baichuanreward.cuda.ScaleSimulation.Result;
import io.github.baichuanreward.cuda.ScaleSimulation.Span;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.function.ToLongFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ScaleSimulationTest {

    private static final Host FREE = new Host(0, 0);

    /** A shard of 20 layers on a small GPU. */
    private static final long COMPUTING = 370_000_000;

    private static final long HAND_OVER = 8_000_000;

    private static final int UNLIMITED = 10_000;

    private static final List<Integer> LENGTHS = ScaleMachines.lengths(10_000, 13);

    private static final List<Machine> MACHINES =
            List.of(
                    new Machine(Kind.A100_80, 8, WeightForm.HALF),
                    new Machine(Kind.A100_40, 8, WeightForm.HALF),
                    new Machine(Kind.RTX_4090, 2, WeightForm.HALF),
                    new Machine(Kind.RTX_4090, 1, WeightForm.HALF),
                    new Machine(Kind.RTX_4090, 1, WeightForm.INT8),
                    new Machine(Kind.RTX_3090, 4, WeightForm.HALF));

    /** While the first batches come in and the last go out, shards have nothing to do. */
    @Test
    void shardsAreIdleAtBothEnds() {
        for (int shards : new int[] {1, 2, 3, 5, 8}) {
            for (int count : new int[] {1, 2, 10, 32, 100}) {
                Result result =
                        ScaleSimulation.run(
                                equal(count), List.of(pipeline(shards, UNLIMITED, 0)), FREE);

                assertThat(result.nanos()).isEqualTo((count + shards - 1) * COMPUTING);
                assertThat(result.busyNanos()).isEqualTo((long) count * shards * COMPUTING);
                assertThat(1 - result.busy())
                        .isEqualTo((shards - 1.0) / (count + shards - 1), within(1e-12));
            }
        }
        assertThat(idle(2, 10)).isEqualTo(0.09, within(0.005));
        assertThat(idle(2, 32)).isEqualTo(0.03, within(0.005));
    }

    private static double idle(int shards, int count) {
        List<Copy> copies = List.of(pipeline(shards, shards + 1, 0));
        return 1 - ScaleSimulation.run(equal(count), copies, FREE).busy();
    }

    /** One batch more than shards hides the host and the links; as many as shards do not. */
    @Test
    void oneBatchMoreThanShardsIsEnough() {
        Host host = ScaleMachines.HOST;
        long ofHost = host.planning() + host.launching();
        for (int shards : new int[] {2, 3, 5}) {
            double unlimited = steady(shards, UNLIMITED);
            double each = steady(shards, shards);
            double more = steady(shards, shards + 1);

            assertThat(unlimited).isEqualTo(COMPUTING, within(1.0));
            assertThat(more).as("%d shards", shards).isEqualTo(COMPUTING, within(1.0));
            // A batch's whole way, during which as many begin as may be under way.
            double way = (shards * COMPUTING + (shards - 1) * HAND_OVER + ofHost) / (double) shards;
            assertThat(each).isEqualTo(way, within(1.0));
            assertThat(each / unlimited).isGreaterThan(1.01);
        }
    }

    /** Nanoseconds from batch to batch, when all shards have something to do. */
    private static double steady(int shards, int concurrency) {
        List<Copy> copies = List.of(pipeline(shards, concurrency, HAND_OVER));
        // Of as many batches more as any of these limits divides.
        int more = 600;
        long few = ScaleSimulation.run(equal(100), copies, ScaleMachines.HOST).nanos();
        long many = ScaleSimulation.run(equal(100 + more), copies, ScaleMachines.HOST).nanos();
        return (double) (many - few) / more;
    }

    /** It carries one residual stream at a time. */
    @Test
    void aSlowLinkDecides() {
        List<Copy> copies = List.of(pipeline(2, 3, 3 * COMPUTING));
        long few = ScaleSimulation.run(equal(10), copies, FREE).nanos();
        long many = ScaleSimulation.run(equal(20), copies, FREE).nanos();

        assertThat(many - few).isEqualTo(10 * 3 * COMPUTING);
    }

    @Test
    void theCopyWithTheLeastToDoGetsTheNextBatch() {
        List<Copy> copies = Collections.nCopies(2, pipeline(2, 3, 0));

        assertThat(ScaleSimulation.run(equal(2), copies, FREE).nanos()).isEqualTo(2 * COMPUTING);
        assertThat(ScaleSimulation.run(equal(4), copies, FREE).nanos()).isEqualTo(3 * COMPUTING);
    }

    /** Batches as they are packed are nearly alike: only attention differs. */
    @Test
    void packedBatchesPassWithoutGaps() {
        for (int shards : new int[] {2, 3, 4}) {
            int gib = shards == 2 ? 24 : shards == 3 ? 10 : 8;
            Kind kind = new Kind("Test GPU", gib, Kind.RTX_4090.nanos());
            Machine machine = new Machine(kind, shards, WeightForm.HALF);
            List<Batch> batches = machine.pack(LENGTHS);
            Copy copy = machine.copies(ScaleMachines.LINK).get(0);
            assertThat(copy.shards()).hasSize(shards);
            assertThat(copy.concurrency()).isEqualTo(shards + 1);

            double each = loss(batches, copy, shards);
            double more = loss(batches, copy, shards + 1);
            assertThat(more).as("%d shards", shards).isBetween(0.0, 0.001);
            // 40 layers make 13, 13 and 14, so the largest of three shards waits for nobody.
            assertThat(each).isGreaterThan(shards == 3 ? 0.0002 : 0.01);
        }
    }

    /**
     * Of batches that take half to one and a half times the mean, those that are under way are
     * often behind the same long one. Bounds are what was seen, rounded up.
     */
    @Test
    void unevenBatchesCostMore() {
        List<Batch> batches = uneven(2000);
        double[] bounds = {0.02, 0.07, 0.15};
        int[] shards = {2, 3, 5};
        for (int n = 0; n < shards.length; n++) {
            Copy copy = pipeline(shards[n], 1, HAND_OVER);
            double each = loss(batches, copy, shards[n]);
            double more = loss(batches, copy, shards[n] + 1);

            assertThat(more).isBetween(0.0, bounds[n]);
            assertThat(each).isGreaterThan(more + 0.1);
            assertThat(loss(batches, copy, 2 * shards[n]))
                    .as("twice as many as shards")
                    .isLessThan(0.002);
        }
    }

    /** What a limit costs, as a part of the time that it takes without any. */
    private static double loss(List<Batch> batches, Copy copy, int concurrency) {
        Copy limited = new Copy(copy.shards(), copy.handOver(), concurrency, 2);
        Copy unlimited = new Copy(copy.shards(), copy.handOver(), UNLIMITED, UNLIMITED);
        return nanos(batches, limited) / nanos(batches, unlimited) - 1;
    }

    private static double nanos(List<Batch> batches, Copy copy) {
        return ScaleSimulation.run(batches, List.of(copy), ScaleMachines.HOST).nanos();
    }

    @Test
    void copiesScale() {
        Machine one = new Machine(Kind.A100_80, 1, WeightForm.HALF);
        Machine eight = new Machine(Kind.A100_80, 8, WeightForm.HALF);
        long alone = one.run(LENGTHS, ScaleMachines.LINK).nanos();
        long together = eight.run(LENGTHS, ScaleMachines.LINK).nanos();

        assertThat((double) alone / together).isBetween(8 * 0.98, 8.0 * 1.02);
    }

    /** Every sequence once, and a device does one thing after another. */
    @Test
    void nothingIsLostOrDoneTwice() {
        for (Machine machine : MACHINES) {
            List<Batch> batches = machine.pack(LENGTHS);
            Result result =
                    ScaleSimulation.run(
                            batches, machine.copies(ScaleMachines.LINK), ScaleMachines.HOST);

            List<Integer> sequences = new ArrayList<>();
            batches.forEach(batch -> sequences.addAll(batch.sequences()));
            Collections.sort(sequences);
            assertThat(sequences).isEqualTo(IntStream.range(0, LENGTHS.size()).boxed().toList());
            assertThat(batches).allMatch(batch -> batch.tokens() <= machine.batchTokens());
            requireEachShardOnce(result, batches.size(), machine);
            requireOneAtATime(result);
            assertThat(result.busy()).as("%s", machine).isBetween(0.9, 1.0);
        }
    }

    private static void requireEachShardOnce(Result result, int batches, Machine machine) {
        int shards = machine.plan().copies().get(0).shards().size();
        List<Span> spans = new ArrayList<>(result.spans());
        spans.sort(Comparator.comparingInt(Span::batch).thenComparingInt(Span::shard));
        assertThat(spans).hasSize(batches * shards);
        for (int n = 0; n < spans.size(); n++) {
            Span span = spans.get(n);
            assertThat(span.batch()).isEqualTo(n / shards);
            assertThat(span.shard()).isEqualTo(n % shards);
            if (span.shard() > 0) {
                Span before = spans.get(n - 1);
                assertThat(span.copy()).isEqualTo(before.copy());
                assertThat(span.start()).isGreaterThan(before.end());
            }
        }
    }

    private static void requireOneAtATime(Result result) {
        List<Span> spans = new ArrayList<>(result.spans());
        spans.sort(
                Comparator.comparingInt(Span::copy)
                        .thenComparingInt(Span::shard)
                        .thenComparingLong(Span::start));
        for (int n = 1; n < spans.size(); n++) {
            Span before = spans.get(n - 1);
            Span span = spans.get(n);
            if (span.copy() == before.copy() && span.shard() == before.shard()) {
                assertThat(span.start()).isGreaterThanOrEqualTo(before.end());
            }
        }
        assertThat(spans).allMatch(span -> span.end() <= result.nanos());
    }

    /** Of one copy: with several, another order may happen to end a little later. */
    @Test
    void moreNeverMakesItSlower() {
        Machine two = new Machine(Kind.RTX_4090, 2, WeightForm.HALF);
        List<Integer> lengths = LENGTHS.subList(0, 2000);
        long before = Long.MAX_VALUE;
        for (double link : new double[] {5e7, 1e8, 5e8, 1e9, 1e10, 1e11}) {
            long nanos = two.run(lengths, link).nanos();
            assertThat(nanos).isLessThanOrEqualTo(before);
            before = nanos;
        }
        before = Long.MAX_VALUE;
        for (int concurrency = 1; concurrency < 8; concurrency++) {
            long nanos = (long) nanos(uneven(200), pipeline(3, concurrency, HAND_OVER));
            assertThat(nanos).isLessThanOrEqualTo(before);
            before = nanos;
        }
        assertThat(two.run(lengths.subList(0, 1000), ScaleMachines.LINK).nanos())
                .isLessThan(two.run(lengths, ScaleMachines.LINK).nanos());
    }

    @Test
    void theSameAgainGivesTheSame() {
        Machine machine = MACHINES.get(5);
        assertThat(machine.plan().copies()).as("two copies of two shards").hasSize(2);
        assertThat(machine.run(LENGTHS, ScaleMachines.LINK))
                .isEqualTo(machine.run(LENGTHS, ScaleMachines.LINK));
    }

    /** Writes target/scale.md, to be copied there. */
    @Test
    void readmeSaysTheSame() throws IOException {
        String table = ScaleTable.markdown();
        Files.writeString(Path.of("target", "scale.md"), table);

        assertThat(Files.readString(Path.of("..", "README.md"))).contains(table);
    }

    /** Shards that take a nanosecond for a square, of which each batch has its own number. */
    private static Copy pipeline(int shards, int concurrency, long handOver) {
        ToLongFunction<Batch> shard = Batch::squares;
        return new Copy(
                Collections.nCopies(shards, shard),
                batch -> handOver,
                concurrency,
                /* streams= */ 2);
    }

    private static List<Batch> equal(int count) {
        return Collections.nCopies(count, new Batch(List.of(0), 1, COMPUTING));
    }

    private static List<Batch> uneven(int count) {
        Random random = new Random(5);
        return IntStream.range(0, count)
                .mapToObj(
                        n ->
                                new Batch(
                                        List.of(n),
                                        1,
                                        COMPUTING / 2 + random.nextInt((int) COMPUTING)))
                .toList();
    }
}
