package io.github.baichuanreward.eval;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;

/**
 * Reports as evaluations make them, of random rewards that are spread as those of a trained model.
 * Counts in its own way, in the plainest form.
 */
final class DemoReport {

    private static final int BINS = 40;

    /** Subsets begin with one of them. */
    static final List<String> TOPICS =
            List.of(
                    "安全",
                    "隐私与财产",
                    "偏见歧视",
                    "helpfulness",
                    "犯罪",
                    "reasoning and mathematics of several steps");

    private DemoReport() {}

    /**
     * A pair of a random evaluation.
     *
     * @param tokens of the longer sequence
     */
    private record Pair(
            float chosen, float rejected, int tokens, boolean longerWins, String subset) {

        double difference() {
            return (double) chosen - rejected;
        }

        boolean isRight() {
            return chosen > rejected;
        }

        double loss() {
            return Math.log1p(Math.exp(-difference()));
        }
    }

    /** As many pairs, in as many subsets or none; up to 25 of them with texts. */
    static EvaluationReport of(int pairs, int subsets) {
        Random random = new Random(7);
        List<Pair> all = new ArrayList<>();
        for (int i = 0; i < pairs; i++) {
            all.add(pair(random, subsets));
        }
        return report(all);
    }

    /** Pairs whose rewards are all the same. */
    static EvaluationReport ties(int pairs) {
        return report(Collections.nCopies(pairs, new Pair(1.5f, 1.5f, 30, false, "")));
    }

    private static EvaluationReport report(List<Pair> all) {
        EvaluationNumbers numbers = numbers(all);
        double rate = 31.4159;
        double seconds = all.size() / rate;
        TrainerMetrics metrics =
                new TrainerMetrics(
                        numbers.accuracy().value(),
                        numbers.loss(),
                        seconds,
                        rate,
                        Math.ceil(all.size() / 8.0) / seconds);
        long wrong = all.stream().filter(pair -> !pair.isRight()).count();
        return new EvaluationReport(
                run(), metrics, numbers, DemoTexts.wrong((int) Math.min(25, wrong)));
    }

    private static Pair pair(Random random, int subsets) {
        int subset = (int) (subsets * random.nextDouble() * random.nextDouble());
        double strength = 1.9 + Math.sin(subset);
        double level = random.nextGaussian() * 1.4 - 0.5;
        double difference = strength + random.nextGaussian() * 1.7;
        boolean longerWins = random.nextInt(100) < 55 + (difference > 0 ? 4 : -6);
        int tokens = (int) Math.min(1024, 20 + Math.exp(4.8 + random.nextGaussian() * 0.9));
        String name =
                subsets == 0 ? "" : "%s/%02d".formatted(TOPICS.get(subset % TOPICS.size()), subset);
        return new Pair(
                (float) (level + difference / 2),
                (float) (level - difference / 2),
                tokens,
                longerWins,
                name);
    }

    private static Map<String, String> run() {
        Map<String, String> run = new LinkedHashMap<>();
        run.put("model", "/models/baichuan-13b-rw-safe");
        run.put("data", "safe-heldout.jsonl");
        run.put("adapter", "/adapters/rw_safe_wpack");
        run.put("template", "default");
        run.put("limits", "prompt 512 tokens, answer 512 tokens");
        run.put("backend", "cuda: NVIDIA H200, bfloat16, layers 0-39 on device 0");
        run.put("version", "0.1.0-SNAPSHOT");
        run.put("started", "2026-11-29T02:45:12Z");
        return run;
    }

    private static EvaluationNumbers numbers(List<Pair> all) {
        Proportion accuracy = accuracy(all);
        double from =
                all.stream().mapToDouble(p -> Math.min(p.chosen(), p.rejected())).min().orElse(0);
        double to =
                all.stream().mapToDouble(p -> Math.max(p.chosen(), p.rejected())).max().orElse(0);
        List<Pair> longer = all.stream().filter(Pair::longerWins).toList();
        List<Pair> shorter = all.stream().filter(p -> !p.longerWins()).toList();
        long ties = all.stream().filter(p -> p.difference() == 0).count();
        return new EvaluationNumbers(
                new PairCounts(all.size(), ties, all.size() / 31, 2),
                accuracy,
                loss(all),
                new EvaluationNumbers.Spread(
                        distribution(all, Pair::chosen, from, to),
                        distribution(all, Pair::rejected, from, to),
                        distribution(
                                all,
                                Pair::difference,
                                all.stream().mapToDouble(Pair::difference).min().orElse(0),
                                all.stream().mapToDouble(Pair::difference).max().orElse(0))),
                calibration(all),
                new Baselines(
                        new Proportion(longer.size(), all.size()),
                        accuracy(shorter),
                        accuracy(longer)),
                new Proportion(accuracy.count() * 3, accuracy.of() * 3 + 17),
                new EvaluationNumbers.Groups(
                        groups(all, DemoReport::length), groups(all, Pair::subset)));
    }

    private static Proportion accuracy(List<Pair> pairs) {
        return new Proportion(pairs.stream().filter(Pair::isRight).count(), pairs.size());
    }

    private static double loss(List<Pair> pairs) {
        return pairs.stream().mapToDouble(Pair::loss).average().orElse(Double.NaN);
    }

    private static String length(Pair pair) {
        int to = 64;
        while (to < pair.tokens()) {
            to *= 2;
        }
        return to == 64 ? "up to 64" : to / 2 + 1 + "–" + to;
    }

    private static List<Group> groups(List<Pair> all, Function<Pair, String> name) {
        Map<String, List<Pair>> groups =
                new TreeMap<>(Comparator.comparing(DemoReport::firstNumber).thenComparing(k -> k));
        for (Pair pair : all) {
            if (!name.apply(pair).isEmpty()) {
                groups.computeIfAbsent(name.apply(pair), key -> new ArrayList<>()).add(pair);
            }
        }
        return groups.entrySet().stream()
                .map(e -> new Group(e.getKey(), accuracy(e.getValue()), loss(e.getValue())))
                .toList();
    }

    /** So that 65–128 comes before 1025–2048. */
    private static int firstNumber(String name) {
        String digits = name.startsWith("up") ? "0" : name.replaceAll("^(\\d*).*", "$1");
        return digits.isEmpty() ? 0 : Integer.parseInt(digits);
    }

    private static Calibration calibration(List<Pair> all) {
        List<Calibration.Bin> bins = new ArrayList<>();
        double error = 0;
        for (int i = 0; i < 10; i++) {
            int bin = i;
            List<Pair> in = all.stream().filter(p -> bin(p) == bin).toList();
            double confidence = in.stream().mapToDouble(DemoReport::confidence).average().orElse(0);
            if (!in.isEmpty()) {
                bins.add(new Calibration.Bin(confidence, accuracy(in)));
                error += in.size() * Math.abs(confidence - accuracy(in).value()) / all.size();
            }
        }
        return new Calibration(error, bins);
    }

    private static double confidence(Pair pair) {
        return 1 / (1 + Math.exp(-Math.abs(pair.difference())));
    }

    private static int bin(Pair pair) {
        return (int) Math.min(9, (confidence(pair) - 0.5) * 20);
    }

    private static Distribution distribution(
            List<Pair> all, ToDoubleFunction<Pair> value, double from, double to) {
        double[] values = all.stream().mapToDouble(value).sorted().toArray();
        double mean = all.stream().mapToDouble(value).average().orElse(Double.NaN);
        double squares =
                all.stream().mapToDouble(p -> Math.pow(value.applyAsDouble(p) - mean, 2)).sum();
        List<Double> quantiles =
                values.length == 0
                        ? List.of()
                        : Distribution.LEVELS.stream()
                                .map(level -> values[(int) (level * (values.length - 1))])
                                .toList();
        double width = from < to ? (to - from) / BINS : 1;
        Long[] counts = new Long[values.length == 0 ? 0 : BINS];
        Arrays.fill(counts, 0L);
        for (double one : values) {
            counts[(int) Math.min(BINS - 1, (one - from) / width)]++;
        }
        return new Distribution(
                mean,
                Math.sqrt(squares / (values.length - 1)),
                quantiles,
                new Histogram(from, width, List.of(counts)));
    }

    /** The same with other texts and names, in which somebody may have put anything. */
    static EvaluationReport hostile(int pairs) {
        EvaluationReport report = of(pairs, 3);
        Map<String, String> run = new LinkedHashMap<>();
        DemoTexts.HOSTILE.forEach(text -> run.put(text, text));
        EvaluationNumbers numbers = report.numbers();
        Group group = numbers.groups().lengths().get(0);
        List<Group> subsets =
                DemoTexts.HOSTILE.stream()
                        .map(text -> new Group(text, group.accuracy(), group.loss()))
                        .toList();
        return new EvaluationReport(
                run,
                report.metrics(),
                with(numbers, numbers.loss(), new EvaluationNumbers.Groups(subsets, subsets)),
                DemoTexts.hostile());
    }

    /** The same with another loss. */
    static EvaluationReport withLoss(EvaluationReport report, double loss, double original) {
        TrainerMetrics m = report.metrics();
        return new EvaluationReport(
                report.run(),
                new TrainerMetrics(
                        m.accuracy(),
                        original,
                        m.runtime(),
                        m.samplesPerSecond(),
                        m.stepsPerSecond()),
                with(report.numbers(), loss, report.numbers().groups()),
                report.mostWrong());
    }

    private static EvaluationNumbers with(
            EvaluationNumbers numbers, double loss, EvaluationNumbers.Groups groups) {
        return new EvaluationNumbers(
                numbers.counts(),
                numbers.accuracy(),
                loss,
                numbers.spread(),
                numbers.calibration(),
                numbers.baselines(),
                numbers.ranking(),
                groups);
    }
}
