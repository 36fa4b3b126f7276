package io.github.baichuanreward.eval;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.StreamWriteFeature;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import java.io.IOException;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Map;

/**
 * What an evaluation found, as JSON for programs: the file {@code eval_results.json}.
 *
 * <p>The five numbers of Hugging Face's Trainer come first, under its names and with its rounding.
 * Behind them, and not rounded, stands all that {@link EvaluationNumbers} has but its texts. {@code
 * accuracy_95} is the interval of 95 % around the share before it; {@code right} and {@code pairs}
 * are what that is made of. {@code loss} differs from {@code eval_loss} where that mimics another
 * program.
 *
 * <p>It is strictly JSON, which has no words for the numbers that are none. NaN, such as the
 * accuracy of no pairs, is {@code null}. Infinity is {@code 1e999}, which Python, JavaScript and
 * Java read as infinity, for it is beyond their doubles; the bare word that Python writes would
 * stop other readers.
 */
public final class EvaluationJson {

    private static final String INFINITY = "1e999";
    private static final int DECIMALS_OF_SECONDS = 4;
    private static final int DECIMALS_OF_RATES = 3;

    /** The shortest digits of each double, which {@link Double#toString} has since Java 19 only. */
    private static final JsonFactory JSON =
            JsonFactory.builder().enable(StreamWriteFeature.USE_FAST_DOUBLE_WRITER).build();

    private final JsonGenerator out;

    private EvaluationJson(JsonGenerator out) {
        this.out = out;
    }

    /** One line, without its end: an object of exactly the five numbers of Trainer. */
    public static String metrics(TrainerMetrics metrics) {
        return object(false, json -> json.trainerMetrics(metrics));
    }

    /** The contents of {@code eval_results.json}. */
    public static String results(EvaluationReport report) {
        return object(true, json -> json.report(report)) + "\n";
    }

    /**
     * Writes {@code eval_results.json}; whoever looks finds it whole, or as it was before.
     *
     * @param file is replaced if it is there
     * @throws IOException if the file, or one of the same name with {@code .new} behind it, cannot
     *     be written
     */
    public static void write(EvaluationReport report, Path file) throws IOException {
        Path draft = file.resolveSibling(file.getFileName() + ".new");
        Files.write(draft, results(report).getBytes(StandardCharsets.UTF_8));
        Files.move(
                draft, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    private interface Content {
        void write(EvaluationJson json) throws IOException;
    }

    private static String object(boolean indented, Content content) {
        StringWriter text = new StringWriter();
        try (JsonGenerator out = JSON.createGenerator(text)) {
            if (indented) {
                out.setPrettyPrinter(asPythonIndents());
            }
            out.writeStartObject();
            content.write(new EvaluationJson(out));
            out.writeEndObject();
        } catch (IOException e) {
            throw new AssertionError("a string takes everything", e);
        }
        return text.toString();
    }

    /** As {@code json.dump(indent=4)}, but arrays on one line. */
    private static DefaultPrettyPrinter asPythonIndents() {
        Separators separators =
                Separators.createDefaultInstance()
                        .withObjectFieldValueSpacing(Separators.Spacing.AFTER);
        return new DefaultPrettyPrinter(separators)
                .withObjectIndenter(new DefaultIndenter("    ", "\n"));
    }

    private void report(EvaluationReport report) throws IOException {
        trainerMetrics(report.metrics());
        numbers(report.numbers());
        out.writeObjectFieldStart("run");
        for (Map.Entry<String, String> entry : report.run().entrySet()) {
            out.writeStringField(entry.getKey(), entry.getValue());
        }
        out.writeEndObject();
    }

    private void trainerMetrics(TrainerMetrics metrics) throws IOException {
        number("eval_accuracy", metrics.accuracy());
        number("eval_loss", metrics.loss());
        number("eval_runtime", rounded(metrics.runtime(), DECIMALS_OF_SECONDS));
        number("eval_samples_per_second", rounded(metrics.samplesPerSecond(), DECIMALS_OF_RATES));
        number("eval_steps_per_second", rounded(metrics.stepsPerSecond(), DECIMALS_OF_RATES));
    }

    private void numbers(EvaluationNumbers numbers) throws IOException {
        out.writeNumberField("pairs", numbers.counts().pairs());
        out.writeNumberField("right", numbers.accuracy().count());
        interval(numbers.accuracy());
        number("loss", numbers.loss());
        out.writeNumberField("ties", numbers.counts().ties());
        out.writeNumberField("cut", numbers.counts().cut());
        out.writeNumberField("skipped", numbers.counts().skipped());
        out.writeObjectFieldStart("rewards");
        distribution("chosen", numbers.spread().chosen());
        distribution("rejected", numbers.spread().rejected());
        out.writeEndObject();
        distribution("differences", numbers.spread().differences());
        calibration(numbers.calibration());
        proportion("longer_wins", numbers.baselines().longerWins());
        proportion("chosen_shorter", numbers.baselines().chosenShorter());
        proportion("chosen_longer", numbers.baselines().chosenLonger());
        proportion("ranking", numbers.ranking());
        groups("lengths", numbers.groups().lengths());
        groups("subsets", numbers.groups().subsets());
    }

    private void distribution(String name, Distribution distribution) throws IOException {
        out.writeObjectFieldStart(name);
        number("mean", distribution.mean());
        number("deviation", distribution.deviation());
        out.writeObjectFieldStart("quantiles");
        for (int i = 0; i < Distribution.LEVELS.size(); i++) {
            BigDecimal level = BigDecimal.valueOf(Distribution.LEVELS.get(i)).stripTrailingZeros();
            number(level.toPlainString(), distribution.quantiles().get(i));
        }
        out.writeEndObject();
        histogram(distribution.histogram());
        out.writeEndObject();
    }

    private void histogram(Histogram histogram) throws IOException {
        out.writeObjectFieldStart("histogram");
        number("from", histogram.from());
        number("width", histogram.width());
        out.writeArrayFieldStart("counts");
        for (long count : histogram.counts()) {
            out.writeNumber(count);
        }
        out.writeEndArray();
        out.writeEndObject();
    }

    private void calibration(Calibration calibration) throws IOException {
        number("calibration_error", calibration.error());
        out.writeArrayFieldStart("calibration");
        for (Calibration.Bin bin : calibration.bins()) {
            out.writeStartObject();
            number("confidence", bin.confidence());
            share(bin.accuracy());
            out.writeEndObject();
        }
        out.writeEndArray();
    }

    private void groups(String name, List<Group> groups) throws IOException {
        out.writeArrayFieldStart(name);
        for (Group group : groups) {
            out.writeStartObject();
            out.writeStringField("name", group.name());
            share(group.accuracy());
            number("loss", group.loss());
            out.writeEndObject();
        }
        out.writeEndArray();
    }

    private void proportion(String name, Proportion proportion) throws IOException {
        out.writeObjectFieldStart(name);
        share(proportion);
        out.writeEndObject();
    }

    private void share(Proportion proportion) throws IOException {
        number("accuracy", proportion.value());
        interval(proportion);
        out.writeNumberField("right", proportion.count());
        out.writeNumberField("pairs", proportion.of());
    }

    private void interval(Proportion proportion) throws IOException {
        out.writeArrayFieldStart("accuracy_95");
        number(proportion.lower());
        number(proportion.upper());
        out.writeEndArray();
    }

    private void number(String name, double value) throws IOException {
        out.writeFieldName(name);
        number(value);
    }

    private void number(double value) throws IOException {
        if (Double.isNaN(value)) {
            out.writeNull();
        } else if (Double.isInfinite(value)) {
            out.writeNumber(value > 0 ? INFINITY : "-" + INFINITY);
        } else {
            out.writeNumber(value);
        }
    }

    /** Python's {@code round}: from the exact value, a half to the even digit. */
    private static double rounded(double value, int decimals) {
        return Double.isFinite(value)
                ? new BigDecimal(value).setScale(decimals, RoundingMode.HALF_EVEN).doubleValue()
                : value;
    }
}
