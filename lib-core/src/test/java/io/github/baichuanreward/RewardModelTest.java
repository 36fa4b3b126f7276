package io.github.baichuanreward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.text.PromptTemplate;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What applications import. Long, because each way to ask and each kind of wrong item has a test of
 * its own.
 */
class RewardModelTest {

    @TempDir Path directory;

    private static RewardModel demo() throws IOException {
        return RewardModel.load(TestData.demoModel().resolve("model"));
    }

    private RewardModel tiny() throws IOException {
        return RewardModel.load(new TinyModel(1).write(directory));
    }

    @Test
    void givesTheDemoModelsExpectedRewards() throws IOException {
        JsonNode expected =
                new ObjectMapper()
                        .readTree(
                                Files.readAllBytes(TestData.demoModel().resolve("expected.json")));
        double worst = 0;
        try (RewardModel model = demo()) {
            for (JsonNode example : expected.get("cases")) {
                String prompt = example.get("prompt").asText();
                String answer = example.get("answer").asText();
                double reward = example.get("reward_f64").asDouble();

                double distance = Math.abs(model.score(prompt, answer) - reward);
                assertThat(distance)
                        .as("%s | %s", prompt, answer)
                        .isLessThan(Golden.FLOAT32_REWARD);
                worst = Math.max(worst, distance);

                int[] ids = model.encode(new PromptAnswer(prompt, answer));
                assertThat(ids).hasSize(example.get("input_ids").size());
                for (int t = 0; t < ids.length; t++) {
                    assertThat(ids[t]).isEqualTo(example.get("input_ids").get(t).asInt());
                }
            }
        }
        System.out.printf("demo model: largest distance from float64 %.2g%n", worst);
    }

    @Test
    void scoresAListInItsOrderWithTheBitsOfEachAlone() throws IOException {
        try (RewardModel model = demo()) {
            List<PromptAnswer> items = new ArrayList<>();
            for (int i = 0; i < 50; i++) {
                items.add(new PromptAnswer("为什么天空是蓝色的？", "因为大气散射阳光。".repeat(1 + i % 7)));
            }
            List<Score> together = model.score(items);
            List<Score> pairs = new ArrayList<>();
            for (int i = 0; i < items.size(); i += 2) {
                pairs.addAll(model.score(items.subList(i, i + 2)));
            }
            assertThat(pairs).isEqualTo(together);
            for (int i = 0; i < items.size(); i++) {
                assertThat(model.score(items.subList(i, i + 1))).containsExactly(together.get(i));
            }
        }
    }

    /** Also across batches: the budget only decides how the list is cut. */
    @Test
    void theBatchSizeChangesNoBit() throws IOException {
        Path model = TestData.demoModel().resolve("model");
        List<PromptAnswer> items = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            items.add(new PromptAnswer("What is rain?", "Water that falls. ".repeat(1 + i)));
        }
        List<List<Score>> all = new ArrayList<>();
        for (int batchTokens : new int[] {1, 100, 333, 0}) {
            try (RewardModel loaded =
                    RewardModel.load(model, LoadOptions.defaults().withBatchTokens(batchTokens))) {
                all.add(loaded.score(items));
            }
        }
        assertThat(all).allMatch(scores -> scores.equals(all.get(0)));
    }

    @Test
    void ranksTheBestFirstWithTheProbabilityThatEachBeatsTheNext() throws IOException {
        List<String> answers = List.of("西红柿西红柿西红柿西红柿", "先把鸡蛋打散炒熟盛出，再把西红柿切块炒出汁。", "不知道");
        try (RewardModel model = demo()) {
            List<RankedAnswer> ranked = model.rank("如何做西红柿炒鸡蛋？", answers);

            assertThat(ranked).extracting(RankedAnswer::index).containsExactlyInAnyOrder(0, 1, 2);
            assertThat(ranked.get(0).index()).isEqualTo(1);
            for (int place = 0; place < 3; place++) {
                RankedAnswer here = ranked.get(place);
                assertThat(here.answer()).isEqualTo(answers.get(here.index()));
                assertThat(here.score().reward())
                        .isEqualTo(model.score("如何做西红柿炒鸡蛋？", here.answer()));
                if (place < 2) {
                    RankedAnswer next = ranked.get(place + 1);
                    double difference = (double) here.score().reward() - next.score().reward();
                    assertThat(difference).isGreaterThanOrEqualTo(0);
                    assertThat(here.beatsNext())
                            .isEqualTo(1 / (1 + Math.exp(-difference)))
                            .isEqualTo(model.compare("如何做西红柿炒鸡蛋？", here.answer(), next.answer()));
                } else {
                    assertThat(here.beatsNext()).isNaN();
                }
            }
        }
    }

    @Test
    void ranksEqualAnswersInTheirOrderAndComparesThemEvenly() throws IOException {
        try (RewardModel model = demo()) {
            assertThat(model.rank("q", List.of("same", "same", "same")))
                    .extracting(RankedAnswer::index)
                    .containsExactly(0, 1, 2);
            assertThat(model.compare("q", "same", "same")).isEqualTo(0.5);
        }
    }

    @Test
    void namesTheAnswerThatCannotBeRanked() throws IOException {
        try (RewardModel model = demo()) {
            assertThatThrownBy(() -> model.rank("q", List.of("a", "")))
                    .isInstanceOf(ItemException.class)
                    .hasMessage("item 1: answer is empty");
            assertThatThrownBy(() -> model.rank("q", List.of()))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("no answers to rank");
        }
    }

    @Test
    void historyChangesTheSequence() throws IOException {
        try (RewardModel model = demo()) {
            PromptAnswer with =
                    new PromptAnswer("再说一遍", "好的。", List.of(new PromptAnswer.Turn("你好", "你好！")));
            Score plain = model.score(List.of(new PromptAnswer("再说一遍", "好的。"))).get(0);
            Score after = model.score(List.of(with)).get(0);

            assertThat(after.tokens()).isGreaterThan(plain.tokens());
            assertThat(model.encode(with)).hasSize(after.tokens());
        }
    }

    @Test
    void idsOfATextGiveTheRewardOfTheText() throws IOException {
        try (RewardModel model = demo()) {
            PromptAnswer item = new PromptAnswer("你好吗？", "我很好。");
            assertThat(model.scoreIds(List.of(model.encode(item))))
                    .isEqualTo(model.score(List.of(item)));
        }
    }

    @Test
    void limitsCutAndSaySo() throws IOException {
        LoadOptions options =
                LoadOptions.defaults()
                        .withScoring(
                                ScoringOptions.defaults()
                                        .withMaxSourceLength(20)
                                        .withMaxTargetLength(5));
        try (RewardModel model = RewardModel.load(TestData.demoModel().resolve("model"), options)) {
            Score score = model.score(List.of(new PromptAnswer("你好", "很好很好很好很好"))).get(0);
            assertThat(score.truncated()).isTrue();
            assertThat(score.tokens()).isEqualTo(25);
        }
    }

    @Test
    void namesAnItemThatIsTooLongWithBothLengths() throws IOException {
        try (RewardModel model = demo()) {
            List<PromptAnswer> items =
                    List.of(new PromptAnswer("a", "b"), new PromptAnswer("a", "好 ".repeat(9000)));
            assertThatThrownBy(() -> model.score(items))
                    .isInstanceOf(ItemException.class)
                    .hasMessageMatching(
                            "item 1: \\d+ tokens \\(prompt \\d+, answer \\d+\\); the model allows"
                                    + " \\d+ \\(model_max_length\\)\\. Shorten it, or set"
                                    + " max_source_length and max_target_length to have it cut");
        }
    }

    @Test
    void namesAnItemThatIsNull() throws IOException {
        try (RewardModel model = tiny()) {
            assertThatThrownBy(() -> model.score(Collections.singletonList(null)))
                    .isInstanceOf(ItemException.class)
                    .hasMessage("item 0: is null");
            assertThatThrownBy(() -> model.scoreIds(Arrays.asList(new int[] {1}, null)))
                    .isInstanceOf(ItemException.class)
                    .hasMessage("item 1: is null");
        }
    }

    @Test
    void namesAnItemWithoutAnswer() throws IOException {
        try (RewardModel model = demo()) {
            assertThatThrownBy(() -> model.score("a", ""))
                    .isInstanceOf(ItemException.class)
                    .hasMessageStartingWith("item 0: ")
                    .hasMessageContaining("empty");
        }
    }

    @Test
    void namesAnItemThatDoesNotGoWithTheTemplate() throws IOException {
        LoadOptions options =
                LoadOptions.defaults()
                        .withScoring(
                                ScoringOptions.defaults().withTemplate(PromptTemplate.VANILLA));
        List<PromptAnswer> items =
                List.of(
                        new PromptAnswer(
                                "q", "a", List.of(new PromptAnswer.Turn("before", "answer"))));
        try (RewardModel model = RewardModel.load(TestData.demoModel().resolve("model"), options)) {
            assertThatThrownBy(() -> model.score(items))
                    .isInstanceOf(ItemException.class)
                    .hasMessageStartingWith("item 0: ")
                    .hasMessageContaining("vanilla");
        }
    }

    @Test
    void scoresIdsWithoutATokenizer() throws IOException {
        try (RewardModel model = tiny()) {
            assertThat(model.scoreIds(List.of(new int[] {1, 2, 3}, new int[] {49})))
                    .extracting(Score::tokens)
                    .containsExactly(3, 1);
            assertThatThrownBy(() -> model.score("a", "b"))
                    .isInstanceOf(UncheckedIOException.class)
                    .hasMessageContaining(directory.resolve("tokenizer.model").toString());
        }
    }

    @Test
    void refusesTheTokenizerOfAnotherModel() throws IOException {
        Files.copy(
                TestData.demoModel().resolve("model/tokenizer.model"),
                directory.resolve("tokenizer.model"));
        try (RewardModel model = tiny()) {
            assertThatThrownBy(() -> model.score("a", "b"))
                    .isInstanceOf(UncheckedIOException.class)
                    .hasMessageContaining(
                            "7000 pieces, but the model's embedding has 50 rows: this is another"
                                    + " model's tokenizer");
        }
    }

    @Test
    void namesIdsThatCannotBeScored() throws IOException {
        try (RewardModel model = tiny()) {
            int[] good = {1, 2};
            assertIds(model, List.of(good, new int[0]), "item 1: no token ids");
            assertIds(
                    model,
                    List.of(new int[] {1, 50}),
                    "item 0: id 50 at position 1 is outside the vocabulary of 50");
            assertIds(
                    model,
                    List.of(good, good, new int[] {-1}),
                    "item 2: id -1 at position 0 is outside the vocabulary of 50");
            assertIds(
                    model,
                    List.of(new int[65]),
                    "item 0: 65 tokens; the model allows 64 (model_max_length)");
            assertThat(model.scoreIds(List.of(new int[64]))).hasSize(1);
        }
    }

    @Test
    void namesAnItemWhoseRewardIsNotFinite() throws IOException {
        new TinyModel(1).value("model.embed_tokens.weight", 7 * 24, Float.NaN).write(directory);
        try (RewardModel model = RewardModel.load(directory)) {
            assertThatThrownBy(() -> model.scoreIds(List.of(new int[] {1}, new int[] {7})))
                    .isInstanceOf(ItemException.class)
                    .hasMessageStartingWith("item 1: the reward is NaN: ");
        }
    }

    @Test
    void scoresNothingOfNothing() throws IOException {
        try (RewardModel model = demo()) {
            assertThat(model.score(List.of())).isEmpty();
            assertThat(model.scoreIds(List.of())).isEmpty();
        }
    }

    @Test
    void manyThreadsGetTheBitsThatOneGets() throws Exception {
        ExecutorService callers = Executors.newFixedThreadPool(8);
        try (RewardModel model = demo()) {
            List<PromptAnswer> items = new ArrayList<>();
            for (int i = 0; i < 24; i++) {
                items.add(new PromptAnswer("第" + i + "个问题", "回答".repeat(1 + i % 5)));
            }
            List<Score> expected = model.score(items);
            List<Future<Score>> futures = new ArrayList<>();
            for (int round = 0; round < 4; round++) {
                for (PromptAnswer item : items) {
                    futures.add(callers.submit(() -> model.score(List.of(item)).get(0)));
                }
            }
            for (int f = 0; f < futures.size(); f++) {
                assertThat(futures.get(f).get()).isEqualTo(expected.get(f % items.size()));
            }
        } finally {
            callers.shutdownNow();
        }
    }

    @Test
    void rankComputesThePromptOnce() throws Exception {
        List<String> answers = List.of("一", "二二", "三三三");
        try (RewardModel model = demo()) {
            List<ScoredBatch> batches = new CopyOnWriteArrayList<>();
            model.addListener(batches::add);
            List<RankedAnswer> ranked = model.rank("怎样保持健康？", answers);
            int prompt = model.encode(new PromptAnswer("怎样保持健康？", "一")).length - 2;
            model.score("a", "b"); // after which the listener was told of the first batch
            assertThat(batches.get(0).items()).isEqualTo(3);
            assertThat(batches.get(0).sharedTokens()).isBetween(2L * prompt - 2, 2L * prompt + 2);
            for (RankedAnswer answer : ranked) {
                assertThat(answer.score().reward())
                        .isEqualTo(model.score("怎样保持健康？", answer.answer()));
            }
        }
    }

    @Test
    void everyWayToAskGivesTheSameScores() throws Exception {
        List<PromptAnswer> items = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            items.add(new PromptAnswer("第" + i % 7 + "个问题", "回答".repeat(1 + i % 5)));
        }
        try (RewardModel model = demo()) {
            List<int[]> ids = items.stream().map(model::encode).toList();
            List<Score> expected = model.score(items);
            assertThat(model.scoreIds(ids)).isEqualTo(expected);
            try (Stream<Score> scores = model.score(items.stream())) {
                assertThat(scores).isEqualTo(expected);
            }
            try (Stream<Score> scores = model.scoreIds(ids.stream())) {
                assertThat(scores).isEqualTo(expected);
            }
            assertThat(model.scoreAsync(items).stream().map(CompletableFuture::join))
                    .isEqualTo(expected);
            assertThat(model.scoreIdsAsync(ids).stream().map(CompletableFuture::join))
                    .isEqualTo(expected);
            assertThat(model.scoreAsync(items.get(3).prompt(), items.get(3).answer()).get())
                    .isEqualTo(expected.get(3));
        }
    }

    @Test
    void isUnusableAfterCloseAndMayBeClosedTwice() throws IOException {
        RewardModel model = demo();
        model.score("你好", "你好！");
        model.close();
        model.close();

        assertThatThrownBy(() -> model.score("a", "b")).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> model.scoreIds(List.of(new int[] {1})))
                .isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> model.scoreIds(List.of()))
                .isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> model.encode(new PromptAnswer("a", "b")))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("this RewardModel is closed");
        assertThatThrownBy(() -> model.scoreAsync("a", "b").get())
                .hasCauseInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> model.score(Stream.of(new PromptAnswer("a", "b"))))
                .isInstanceOf(IllegalStateException.class);
    }

    @Test
    void refusesABackendThatIsNotThere() throws IOException {
        new TinyModel(1).write(directory);
        assertThatThrownBy(
                        () ->
                                RewardModel.load(
                                        directory, LoadOptions.defaults().withBackend("cuda")))
                .isInstanceOf(BackendException.class)
                .hasMessage(
                        "no backend \"cuda\" on the class path, only cpu; use auto, or add the jar of the other");
    }

    @Test
    void refusesNegativeOptions() {
        assertThatThrownBy(() -> LoadOptions.defaults().withThreads(-1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("threads is -1");
        assertThatThrownBy(() -> LoadOptions.defaults().withBatchTokens(-5))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("batchTokens is -5");
    }

    /** They are wrong for every item, so no item is to blame. */
    @Test
    void refusesLimitsThatCannotBeKept() {
        assertThatThrownBy(() -> ScoringOptions.defaults().withMaxSourceLength(0))
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessage("maxSourceLength is 0; it must be at least 1");
        assertThatThrownBy(() -> ScoringOptions.defaults().withMaxTargetLength(1))
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("maxTargetLength is 1; it must be at least 2");
    }

    private static void assertIds(RewardModel model, List<int[]> sequences, String message) {
        assertThatThrownBy(() -> model.scoreIds(sequences))
                .isInstanceOf(ItemException.class)
                .hasMessageStartingWith(message);
    }
}
