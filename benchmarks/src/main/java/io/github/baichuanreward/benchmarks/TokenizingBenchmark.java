package io.github.baichuanreward.benchmarks;

import io.github.baichuanreward.PromptAnswer;
import io.github.baichuanreward.RewardModel;
import io.github.baichuanreward.text.Tokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
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
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.Blackhole;

/**
 * Turns the example texts, Chinese and English, into token ids with the demo model's tokenizer.
 *
 * <p>Read {@code tokens} and {@code megabytes} (of UTF-8) a second, of one thread; {@code -t 2}
 * shows that two threads do not wait for each other.
 */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
@State(Scope.Benchmark)
@SuppressWarnings("NullAway.Init") // JMH sets parameters and calls load() first
public class TokenizingBenchmark {

    private RewardModel model;
    private Tokenizer tokenizer;
    private List<PromptAnswer> examples;
    private String text;

    private double exampleMegabytes;
    private double textMegabytes;

    /** What was encoded; JMH reports it per second. */
    @AuxCounters(AuxCounters.Type.OPERATIONS)
    @State(Scope.Thread)
    public static class Encoded {
        public long tokens;
        public double megabytes;
    }

    /** Loads the tokenizer and checks the ids of all examples. */
    @Setup(Level.Trial)
    public void load() throws IOException {
        model = RewardModel.load(DemoExamples.model());
        tokenizer = Tokenizer.load(DemoExamples.model().resolve("tokenizer.model"));
        examples = DemoExamples.encoded(model);
        StringBuilder all = new StringBuilder();
        for (PromptAnswer example : examples) {
            all.append(example.prompt()).append('\n').append(example.answer()).append('\n');
            exampleMegabytes += megabytes(example.prompt()) + megabytes(example.answer());
        }
        text = all.toString();
        textMegabytes = megabytes(text);
    }

    private static double megabytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8).length / 1e6;
    }

    /**
     * Encodes each example as it is scored. The template adds tokens, which count, and text, which
     * does not.
     */
    @Benchmark
    public void examples(Encoded counter, Blackhole blackhole) {
        for (PromptAnswer example : examples) {
            int[] ids = model.encode(example);
            blackhole.consume(ids);
            counter.tokens += ids.length;
        }
        counter.megabytes += exampleMegabytes;
    }

    /** Encodes all texts as one of some kilobytes. */
    @Benchmark
    public int[] text(Encoded counter) {
        int[] ids = tokenizer.encode(text);
        counter.tokens += ids.length;
        counter.megabytes += textMegabytes;
        return ids;
    }

    /** Closes both. */
    @TearDown(Level.Trial)
    public void close() {
        tokenizer.close();
        model.close();
    }
}
