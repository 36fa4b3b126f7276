package io.github.baichuanreward.benchmarks;

import io.github.baichuanreward.RewardModel;
import io.github.baichuanreward.backend.Precision;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Loads the demo model, up to its first reward, from a warm page cache.
 *
 * <p>The first reward belongs to loading, because the tokenizer is loaded with the first text. So
 * does oneDNN, once a process; its natives have been unpacked before.
 */
// Every JVM loads once, as applications do: the first time is the one that people wait for.
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 0)
@Measurement(iterations = 1)
@Fork(10)
@State(Scope.Benchmark)
public class LoadingBenchmark {

    /** Loads and scores one answer in a fresh JVM. */
    @Benchmark
    public float loadAndScoreOnce() throws IOException {
        try (RewardModel model = RewardModel.load(DemoExamples.model())) {
            return model.score("What is the sun?", "The sun is a star.");
        }
    }

    /**
     * Checks the rewards afterwards: before, it would load the classes whose loading is measured.
     */
    @TearDown(Level.Trial)
    public void check() throws IOException {
        try (RewardModel model = RewardModel.load(DemoExamples.model())) {
            DemoExamples.checked(model, Precision.AUTO, 0);
        }
    }
}
