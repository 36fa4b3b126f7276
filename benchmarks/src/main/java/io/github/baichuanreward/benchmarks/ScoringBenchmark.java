package io.github.baichuanreward.benchmarks;

import io.github.baichuanreward.LoadOptions;
import io.github.baichuanreward.PromptAnswer;
import io.github.baichuanreward.RewardModel;
import io.github.baichuanreward.Score;
import io.github.baichuanreward.backend.Precision;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Scores the example answers with the demo model: texts in, rewards out, as an application does.
 *
 * <p>The demo model is small (3 million parameters), so what goes on around the products weighs
 * more than with a real one.
 */
// Calls per second of the whole call; the counter beside it gives tokens per second.
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
// The rate of single calls was seen to rise until the seventh second.
@Warmup(iterations = 8, time = 1)
@Measurement(iterations = 5, time = 1)
// Compilation differs from one JVM to the next; three show by how much.
@Fork(3)
@State(Scope.Benchmark)
@SuppressWarnings("NullAway.Init") // JMH sets parameters and calls load() first
public class ScoringBenchmark {

    /** Answers in one call: alone, a handful, and as many as there are examples. */
    @Param({"1", "4", "24"})
    public int answers;

    /** What it is computed in; BFLOAT16 rounds rows before they are multiplied. */
    @Param("FLOAT32")
    public Precision precision;

    /** Threads; 0 means one for each core. */
    @Param("0")
    public int threads;

    private RewardModel model;
    private List<PromptAnswer> items;

    /** Tokens of all calls; JMH reports them per second. */
    @AuxCounters(AuxCounters.Type.OPERATIONS)
    @State(Scope.Thread)
    public static class Tokens {
        public long tokens;
    }

    /** Loads the model and checks its rewards. */
    @Setup(Level.Trial)
    public void load() throws IOException {
        LoadOptions options =
                LoadOptions.defaults()
                        .withBackend("cpu")
                        .withPrecision(precision)
                        .withThreads(threads);
        model = RewardModel.load(DemoExamples.model(), options);
        items = DemoExamples.checked(model, precision, answers);
    }

    /** Scores some answers in one call. */
    @Benchmark
    public List<Score> score(Tokens counter) {
        List<Score> scores = model.score(items);
        for (Score score : scores) {
            counter.tokens += score.tokens();
        }
        return scores;
    }

    /** Closes the model. */
    @TearDown(Level.Trial)
    public void close() {
        model.close();
    }
}
