package io.github.baichuanreward.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.baichuanreward.Score;
import io.github.baichuanreward.TestData;
import java.io.IOException;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PairStatisticsTest {

    private static final double ROUNDING = 1e-13;

    private static Score score(double reward, int tokens) {
        return new Score((float) reward, tokens, false);
    }

    private static ScoredComparison pair(double chosen, double rejected) {
        return new ScoredComparison(List.of(score(chosen, 9), score(rejected, 9)), null, null);
    }

    private static EvaluationNumbers numbers(List<ScoredComparison> all) {
        PairStatistics statistics = new PairStatistics();
        all.forEach(statistics::add);
        return statistics.numbers(0);
    }

    private static EvaluationNumbers numbers(ScoredComparison... all) {
        return numbers(List.of(all));
    }

    /** Comparisons of all kinds; rewards are rounded so coarsely that some are equal. */
    private static List<ScoredComparison> random(int seed, int count) {
        Random random = new Random(seed);
        List<ScoredComparison> all = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            List<Score> scores = new ArrayList<>();
            int answers = 2 + Math.max(0, random.nextInt(8) - 4);
            for (int answer = 0; answer < answers; answer++) {
                double reward = Math.rint(64 * (2 * random.nextGaussian() - 0.3 * answer)) / 64;
                int tokens = (int) Math.exp(8 * random.nextDouble());
                scores.add(new Score((float) reward, tokens, random.nextInt(9) == 0));
            }
            @Nullable Double margin = random.nextInt(3) == 0 ? random.nextInt(4) / 3.0 : null;
            @Nullable String subset =
                    random.nextInt(4) == 0 ? null : List.of("b", "a", "ä").get(random.nextInt(3));
            all.add(new ScoredComparison(scores, margin, subset));
        }
        return all;
    }

    // The reference: each number by its definition, in decimals where there is a sum.

    private static double mean(List<ScoredComparison> all, ToDoubleFunction<ScoredComparison> f) {
        BigDecimal sum = BigDecimal.ZERO;
        for (ScoredComparison scored : all) {
            sum = sum.add(new BigDecimal(f.applyAsDouble(scored)));
        }
        return sum.doubleValue() / all.size();
    }

    private static double loss(ScoredComparison scored) {
        @Nullable Double margin = scored.margin();
        double x = difference(scored) - (margin == null ? 0 : margin);
        return Math.log1p(Math.exp(-x)); // good enough where exp does not overflow
    }

    private static double difference(ScoredComparison scored) {
        return (double) scored.scores().get(0).reward() - scored.scores().get(1).reward();
    }

    private static boolean right(ScoredComparison scored) {
        return scored.scores().get(0).reward() > scored.scores().get(1).reward();
    }

    private static Proportion share(
            List<ScoredComparison> all,
            Predicate<ScoredComparison> among,
            Predicate<ScoredComparison> which) {
        List<ScoredComparison> those = all.stream().filter(among).toList();
        return new Proportion(those.stream().filter(which).count(), those.size());
    }

    private static int longest(ScoredComparison scored) {
        return Math.max(scored.chosen().tokens(), scored.rejected().tokens());
    }

    private static boolean chosenLonger(ScoredComparison scored) {
        return scored.chosen().tokens() > scored.rejected().tokens();
    }

    private static boolean chosenShorter(ScoredComparison scored) {
        return scored.chosen().tokens() < scored.rejected().tokens();
    }

    private static void assertGroups(
            List<Group> groups, Map<String, List<ScoredComparison>> expected) {
        assertThat(groups).extracting(Group::name).containsExactlyElementsOf(expected.keySet());
        for (Group group : groups) {
            List<ScoredComparison> members = expected.getOrDefault(group.name(), List.of());
            assertThat(group.accuracy())
                    .isEqualTo(share(members, any -> true, PairStatisticsTest::right));
            assertThat(group.loss())
                    .isCloseTo(mean(members, PairStatisticsTest::loss), within(ROUNDING));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 7, 8, 9, 100, 1023, 1024, 1025, 5000})
    void countsEqualTheirDefinitions(int count) {
        List<ScoredComparison> all = random(count, count);
        EvaluationNumbers numbers = numbers(all);

        assertThat(numbers.counts().pairs()).isEqualTo(count);
        assertThat(numbers.counts().ties())
                .isEqualTo(all.stream().filter(scored -> difference(scored) == 0).count());
        assertThat(numbers.counts().cut())
                .isEqualTo(
                        share(
                                        all,
                                        any -> true,
                                        scored ->
                                                scored.scores().get(0).truncated()
                                                        || scored.scores().get(1).truncated())
                                .count());
        assertThat(numbers.accuracy())
                .isEqualTo(share(all, any -> true, PairStatisticsTest::right));
        assertThat(numbers.loss()).isCloseTo(mean(all, PairStatisticsTest::loss), within(ROUNDING));
        assertThat(numbers.baselines())
                .isEqualTo(
                        new Baselines(
                                share(all, any -> true, PairStatisticsTest::chosenLonger),
                                share(
                                        all,
                                        PairStatisticsTest::chosenShorter,
                                        PairStatisticsTest::right),
                                share(
                                        all,
                                        PairStatisticsTest::chosenLonger,
                                        PairStatisticsTest::right)));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 9, 1000})
    void groupsEqualTheirDefinitions(int count) {
        List<ScoredComparison> all = random(count + 1, count);
        EvaluationNumbers numbers = numbers(all);
        Map<String, List<ScoredComparison>> subsets = new TreeMap<>();
        Map<Integer, List<ScoredComparison>> lengths = new TreeMap<>();
        for (ScoredComparison scored : all) {
            String subset = scored.subset();
            if (subset != null) {
                subsets.computeIfAbsent(subset, key -> new ArrayList<>()).add(scored);
            }
            int power = Math.max(64, Integer.highestOneBit(2 * longest(scored) - 1));
            lengths.computeIfAbsent(power, key -> new ArrayList<>()).add(scored);
        }
        Map<String, List<ScoredComparison>> named = new LinkedHashMap<>();
        lengths.forEach(
                (most, members) ->
                        named.put(most == 64 ? "up to 64" : (most / 2 + 1) + "-" + most, members));
        assertGroups(numbers.groups().subsets(), subsets);
        assertGroups(numbers.groups().lengths(), named);
    }

    @Test
    void lengthGroupsEndAtPowersOfTwo() {
        PairStatistics statistics = new PairStatistics();
        for (int tokens : new int[] {1, 64, 65, 128, 129, 1024, 1025, Integer.MAX_VALUE}) {
            statistics.add(
                    new ScoredComparison(List.of(score(1, 1), score(0, tokens)), null, null));
        }
        assertThat(statistics.numbers(0).groups().lengths())
                .extracting(group -> group.name() + ": " + group.accuracy().of())
                .containsExactly(
                        "up to 64: 2",
                        "65-128: 2",
                        "129-256: 1",
                        "513-1024: 1",
                        "1025-2048: 1",
                        "1073741825-2147483648: 1");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 9, 1000})
    void distributionsEqualTheirDefinitions(int count) {
        List<ScoredComparison> all = random(count + 2, count);
        EvaluationNumbers.Spread spread = numbers(all).spread();
        assertDistribution(spread.chosen(), all, scored -> scored.scores().get(0).reward());
        assertDistribution(spread.rejected(), all, scored -> scored.scores().get(1).reward());
        assertDistribution(spread.differences(), all, PairStatisticsTest::difference);
        assertThat(spread.rejected().histogram().from())
                .isEqualTo(spread.chosen().histogram().from());
        assertThat(spread.rejected().histogram().width())
                .isEqualTo(spread.chosen().histogram().width());
        assertThat(spread.rejected().histogram().counts())
                .hasSameSizeAs(spread.chosen().histogram().counts());
    }

    private static void assertDistribution(
            Distribution distribution,
            List<ScoredComparison> all,
            ToDoubleFunction<ScoredComparison> value) {
        double mean = mean(all, value);
        double squares = mean(all, scored -> Math.pow(value.applyAsDouble(scored) - mean, 2));
        double[] sorted = all.stream().mapToDouble(value).sorted().toArray();
        assertThat(distribution.mean()).isCloseTo(mean, within(ROUNDING));
        if (all.size() == 1) {
            assertThat(distribution.deviation()).isNaN();
        } else {
            assertThat(distribution.deviation())
                    .isCloseTo(
                            Math.sqrt(squares * all.size() / (all.size() - 1)), within(ROUNDING));
        }
        assertThat(distribution.quantiles().get(0)).isEqualTo(sorted[0]);
        assertThat(distribution.quantiles().get(4))
                .isEqualTo((sorted[all.size() / 2] + sorted[(all.size() - 1) / 2]) / 2);
        assertThat(distribution.quantiles().get(8)).isEqualTo(sorted[all.size() - 1]);
        assertThat(distribution.histogram().counts().stream().mapToLong(Long::longValue).sum())
                .isEqualTo(all.size());
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 8, 1000})
    void calibrationEqualsItsDefinition(int count) {
        List<ScoredComparison> all = random(count + 3, count);
        Calibration calibration = numbers(all).calibration();
        double error = 0;
        List<Calibration.Bin> bins = new ArrayList<>(calibration.bins());
        for (int tenth = 0; tenth < 10; tenth++) {
            double from = 0.5 + tenth * 0.05;
            double to = tenth == 9 ? 2 : 0.5 + (tenth + 1) * 0.05;
            List<ScoredComparison> members =
                    all.stream()
                            .filter(scored -> sure(scored) >= from && sure(scored) < to)
                            .toList();
            if (!members.isEmpty()) {
                Calibration.Bin bin = bins.remove(0);
                double sure = mean(members, PairStatisticsTest::sure);
                Proportion share = share(members, any -> true, PairStatisticsTest::right);
                assertThat(bin.confidence()).isCloseTo(sure, within(ROUNDING));
                assertThat(bin.accuracy()).isEqualTo(share);
                error += Math.abs(share.value() - sure) * members.size() / count;
            }
        }
        assertThat(bins).isEmpty();
        assertThat(calibration.error()).isCloseTo(error, within(ROUNDING));
    }

    private static double sure(ScoredComparison scored) {
        return 1 / (1 + Math.exp(-Math.abs(difference(scored))));
    }

    @Test
    void rankingCountsAllPairsOfAnswers() {
        List<ScoredComparison> all = random(4, 500);
        long of = 0;
        long right = 0;
        for (ScoredComparison scored : all) {
            List<Score> scores = scored.scores();
            for (int i = 0; i < scores.size(); i++) {
                for (int j = 0; j < scores.size(); j++) {
                    of += i < j ? 1 : 0;
                    right += i < j && scores.get(i).reward() > scores.get(j).reward() ? 1 : 0;
                }
            }
        }
        assertThat(numbers(all).ranking()).isEqualTo(new Proportion(right, of));
    }

    @Test
    void rankingOfFourAnswersWithATieAndASwap() {
        ScoredComparison scored =
                new ScoredComparison(
                        List.of(score(3, 1), score(1, 1), score(1, 1), score(2, 1)), null, null);
        EvaluationNumbers numbers = numbers(scored);
        assertThat(numbers.ranking()).isEqualTo(new Proportion(3, 6));
        assertThat(numbers.accuracy()).isEqualTo(new Proportion(1, 1));
    }

    @Test
    void rankingIsAccuracyWhereThereAreOnlyPairs() {
        EvaluationNumbers numbers = numbers(pair(1, 0), pair(0, 1), pair(2, 2));
        assertThat(numbers.ranking()).isEqualTo(numbers.accuracy()).isEqualTo(new Proportion(1, 3));
    }

    @Test
    void tiesAreWrongAndCounted() {
        EvaluationNumbers numbers = numbers(Collections.nCopies(9, pair(-1.25, -1.25)));
        assertThat(numbers.counts().ties()).isEqualTo(9);
        assertThat(numbers.accuracy()).isEqualTo(new Proportion(0, 9));
        assertThat(numbers.loss()).isEqualTo(Math.log(2), within(1e-16));
        assertThat(numbers.spread().differences().deviation()).isZero();
        assertThat(numbers.spread().differences().histogram().counts()).containsExactly(9L);
        assertThat(numbers.calibration().bins())
                .containsExactly(new Calibration.Bin(0.5, new Proportion(0, 9)));
        assertThat(numbers.calibration().error()).isEqualTo(0.5);
    }

    @Test
    void zerosOfBothSignsAreATie() {
        assertThat(numbers(pair(0, -0.0), pair(-0.0, 0)).counts().ties()).isEqualTo(2);
    }

    @Test
    void equalLengthsAreWrongForTheJudgeOfLengthAndInNeitherGroup() {
        EvaluationNumbers numbers = numbers(pair(1, 0), pair(3, 2));
        assertThat(numbers.baselines())
                .isEqualTo(
                        new Baselines(
                                new Proportion(0, 2), new Proportion(0, 0), new Proportion(0, 0)));
    }

    @Test
    void onePairHasAllNumbers() {
        EvaluationNumbers numbers =
                numbers(
                        new ScoredComparison(
                                List.of(score(2, 70), new Score(-1, 9, true)), 1.0, "only"));
        assertThat(numbers.counts()).isEqualTo(new PairCounts(1, 0, 1, 0));
        assertThat(numbers.loss()).isCloseTo(Math.log1p(Math.exp(-2)), within(1e-16));
        assertThat(numbers.spread().differences().mean()).isEqualTo(3);
        assertThat(numbers.groups().lengths())
                .containsExactly(new Group("65-128", new Proportion(1, 1), numbers.loss()));
        assertThat(numbers.groups().subsets())
                .containsExactly(new Group("only", new Proportion(1, 1), numbers.loss()));
    }

    @Test
    void anAnswerThatIsNotOfThePairMayBeCut() {
        ScoredComparison scored =
                new ScoredComparison(
                        List.of(score(3, 1), score(1, 1), new Score(0, 1, true)), null, null);
        assertThat(numbers(scored).counts().cut()).isZero();
    }

    @Test
    void skippedRowsArePassedOn() {
        PairStatistics statistics = new PairStatistics();
        statistics.add(pair(1, 0));
        assertThat(statistics.numbers(17).counts()).isEqualTo(new PairCounts(1, 0, 0, 17));
    }

    @Test
    void moreCanBeAddedAfterTheNumbersWereAskedFor() {
        PairStatistics statistics = new PairStatistics();
        statistics.add(pair(1, 0));
        statistics.numbers(0);
        statistics.add(pair(0, 1));
        assertThat(statistics.numbers(0)).isEqualTo(numbers(pair(1, 0), pair(0, 1)));
    }

    @Test
    void theOrderOfTheComparisonsChangesNoBit() {
        List<ScoredComparison> all = new ArrayList<>(random(5, 3000));
        all.add(pair(3e38, -3e38));
        all.add(pair(-1e-30, 1e-30));
        EvaluationNumbers inOrder = numbers(all);
        for (int seed = 0; seed < 5; seed++) {
            Collections.shuffle(all, new Random(seed));
            assertThat(numbers(all)).isEqualTo(inOrder);
        }
    }

    @Test
    void oneHugeRewardLeavesTheOthersToBeSeen() {
        List<ScoredComparison> all = new ArrayList<>(random(6, 999));
        all.add(pair(-1e30, 1e30));
        EvaluationNumbers numbers = numbers(all);
        assertThat(numbers.loss()).isCloseTo(2e30 / 1000, within(1e20));
        assertThat(numbers.spread().differences().histogram().width()).isLessThanOrEqualTo(1);
        assertThat(numbers.spread().chosen().histogram().width()).isLessThanOrEqualTo(1);
        assertThat(numbers.spread().chosen().quantiles().get(0)).isEqualTo((double) -1e30f);
    }

    /** A running float64 sum is wrong by 7e-12 of it here. */
    @Test
    void aMillionPairsLoseNothing() {
        PairStatistics statistics = new PairStatistics();
        ScoredComparison small = pair(8.1f, 0.3f);
        for (int i = 0; i < 1_000_000; i++) {
            statistics.add(small);
        }
        EvaluationNumbers numbers = statistics.numbers(0);
        double loss = loss(small);
        assertThat(numbers.loss()).isCloseTo(loss, within(4 * Math.ulp(loss)));
        assertThat(numbers.accuracy()).isEqualTo(new Proportion(1_000_000, 1_000_000));
        assertThat(numbers.spread().chosen().mean()).isEqualTo(8.1f);
        assertThat(numbers.spread().differences().deviation()).isZero();
    }

    @Test
    void nothingToCountIsAnError() {
        assertThatThrownBy(() -> new PairStatistics().numbers(3))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("no comparison was added, so there is nothing to say");
    }

    @Test
    void aRewardThatIsNotFiniteIsRefusedAndNotCounted() {
        PairStatistics statistics = new PairStatistics();
        statistics.add(pair(1, 0));
        for (double reward : new double[] {Double.NaN, Double.POSITIVE_INFINITY}) {
            assertThatThrownBy(() -> statistics.add(pair(0, reward)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("a reward must be finite, but is " + reward);
        }
        assertThat(statistics.numbers(0)).isEqualTo(numbers(pair(1, 0)));
    }

    /**
     * The rewards of the demo model, against what NumPy counted of them when it was made; the rows
     * lie in the order of their sources.
     */
    @Test
    void theHeldOutPairsOfTheDemoModelGiveWhatTheyGaveInNumPy() throws IOException {
        JsonNode recorded =
                new ObjectMapper().readTree(TestData.demoModel().resolve("eval.json").toFile());
        List<String> sources =
                List.of(
                        "oasst1-zh",
                        "llamafactory-dpo-zh-demo",
                        "medicalgpt-dpo-zh-500",
                        "halluqa",
                        "dpo-en-demo");
        PairStatistics statistics = new PairStatistics();
        int row = 0;
        for (String source : sources) {
            int end = row + recorded.at("/by_source/" + source + "/pairs").intValue();
            for (; row < end; row++) {
                statistics.add(scored(recorded.at("/rewards/" + row), source));
            }
        }
        EvaluationNumbers numbers = statistics.numbers(0);

        assertThat(numbers.counts())
                .isEqualTo(new PairCounts(recorded.get("pairs").longValue(), 0, 0, 0));
        assertThat(numbers.accuracy().value()).isEqualTo(recorded.get("accuracy").doubleValue());
        // Rewards below 8 move by up to 2.4e-7 when they become floats.
        assertThat(numbers.loss())
                .isEqualTo(recorded.get("mean_loss").doubleValue(), within(4.8e-7));
        assertThat(numbers.spread().chosen().mean())
                .isEqualTo(recorded.get("mean_chosen").doubleValue(), within(2.4e-7));
        assertThat(numbers.spread().rejected().mean())
                .isEqualTo(recorded.get("mean_rejected").doubleValue(), within(2.4e-7));
        assertThat(numbers.baselines().longerWins().value())
                .isEqualTo(recorded.get("accuracy_of_just_taking_the_longer").doubleValue());
        assertShare(numbers.baselines().chosenShorter(), recorded.get("chosen_shorter"));
        assertShare(numbers.baselines().chosenLonger(), recorded.get("chosen_longer"));
        assertThat(numbers.groups().subsets()).hasSize(sources.size());
        for (Group group : numbers.groups().subsets()) {
            assertShare(group.accuracy(), recorded.at("/by_source/" + group.name()));
        }
    }

    private static ScoredComparison scored(JsonNode rewards, String source) {
        return new ScoredComparison(
                List.of(
                        score(
                                rewards.get("chosen").doubleValue(),
                                rewards.at("/tokens/0").intValue()),
                        score(
                                rewards.get("rejected").doubleValue(),
                                rewards.at("/tokens/1").intValue())),
                null,
                source);
    }

    private static void assertShare(Proportion share, JsonNode recorded) {
        assertThat(share.of()).isEqualTo(recorded.get("pairs").longValue());
        assertThat(share.value()).isEqualTo(recorded.get("accuracy").doubleValue());
    }
}
