package io.github.baichuanreward.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class TokenizerTest {

    private static Tokenizer demo;

    @BeforeAll
    static void load() throws IOException {
        demo = Tokenizer.load(ModelBytes.demoFile());
    }

    @AfterAll
    static void close() {
        demo.close();
    }

    @Test
    void idsAndPiecesAreThoseOfTheFile() {
        assertThat(demo.vocabularySize()).isEqualTo(7000);
        assertThat(demo.piece(0)).isEqualTo("<unk>");
        assertThat(demo.piece(3)).isEqualTo("\n");
        assertThat(demo.piece(22)).isEqualTo("<reserved_0>");
        assertThat(demo.piece(32)).isEqualTo("<0x00>");
        for (int id = 0; id < demo.vocabularySize(); id++) {
            assertThat(demo.id(demo.piece(id))).hasValue(id);
        }
        assertThat(demo.id("no such piece")).isEmpty();
        assertThat(demo.id("")).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, 7000, Integer.MAX_VALUE, Integer.MIN_VALUE})
    void refusesIdsOutsideTheVocabulary(int id) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> demo.piece(id))
                .withMessage("id " + id + " is not in the vocabulary, whose ids are 0 to 6999");
    }

    @Test
    void encodesCharactersOutsideTheBasicPlaneByTheirBytes() {
        // F0 9F 98 80, each by its byte piece; the space before it is a piece of its own
        assertThat(demo.encode("😀")).containsExactly(3354, 272, 191, 184, 160);
        assertThat(demo.piece(272)).isEqualTo("<0xF0>");
    }

    @Test
    void emptyTextHasNoIds() {
        assertThat(demo.encode("")).isEmpty();
        assertThat(demo.encodeUnprotected("")).isEmpty();
    }

    @ParameterizedTest
    @MethodSource("textsWithLoneSurrogates")
    void refusesLoneSurrogates(String text, String unit, int index) {
        String message =
                "text has half of a character (the lone surrogate U+%s) at char index %d"
                        .formatted(unit, index);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> demo.encode(text))
                .withMessage(message);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> demo.encodeUnprotected(text))
                .withMessage(message);
    }

    static List<Arguments> textsWithLoneSurrogates() {
        return List.of(
                Arguments.of("\uD83D", "D83D", 0),
                Arguments.of("ab\uD83D", "D83D", 2),
                Arguments.of("a\uDE00b", "DE00", 1),
                Arguments.of("\uD83D\uDE00\uDE00", "DE00", 2),
                Arguments.of("\uD83D\uD83D\uDE00", "D83D", 0),
                Arguments.of("\uDE00\uD83D", "DE00", 0));
    }

    @Test
    @SuppressWarnings("NullAway")
    void refusesNull() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> demo.encode(null))
                .withMessage("text is null");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> demo.encodeUnprotected(null))
                .withMessage("text is null");
    }

    @Test
    void refusesTextThatWouldExhaustNativeMemory() {
        String text = "a".repeat(Tokenizer.MAX_CHARS + 1);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> demo.encode(text))
                .withMessage("text has 4000001 chars; the limit is 4000000");
    }

    @Test
    void eosIsTheOneThatTheFileNames(@TempDir Path folder) throws IOException {
        assertThat(demo.eos()).isEqualTo(2);
        try (Tokenizer other = Tokenizer.load(ModelBytes.demoWith(folder, ModelBytes.eos(300)))) {
            assertThat(other.eos()).isEqualTo(300);
        }
    }

    @Test
    void closesOnceAndRefusesToEncodeAfterwards() throws IOException {
        Tokenizer tokenizer = Tokenizer.load(ModelBytes.demoFile());
        assertThat(tokenizer.encodeUnprotected("你好")).containsExactly(1271);
        tokenizer.close();
        tokenizer.close();
        assertThatIllegalStateException()
                .isThrownBy(() -> tokenizer.encode("你好"))
                .withMessage("the tokenizer is closed");
        assertThatIllegalStateException()
                .isThrownBy(() -> tokenizer.encodeUnprotected("你好"))
                .withMessage("the tokenizer is closed");
        assertThat(tokenizer.piece(2)).isEqualTo("</s>");
    }

    @Test
    void doesNotOpenTheUnprotectedProcessorAfterClose() throws IOException {
        Tokenizer tokenizer = Tokenizer.load(ModelBytes.demoFile());
        tokenizer.close();
        assertThatIllegalStateException().isThrownBy(() -> tokenizer.encodeUnprotected("你好"));
    }

    @Test
    @Timeout(60)
    void manyThreadsGetTheIdsThatOneGets() throws Exception {
        String text = "喝茶可以提神醒脑😀, tea\n".repeat(50);
        int[] expected = demo.encode(text);
        ExecutorService threads = Executors.newFixedThreadPool(8);
        try {
            List<Future<?>> running = new ArrayList<>();
            for (int t = 0; t < 8; t++) {
                running.add(
                        threads.submit(
                                () -> {
                                    for (int i = 0; i < 100; i++) {
                                        assertThat(demo.encode(text)).isEqualTo(expected);
                                    }
                                }));
            }
            for (Future<?> one : running) {
                one.get();
            }
        } finally {
            threads.shutdownNow();
        }
    }

    /** A crash here ends the whole test run: the binding would use freed memory. */
    @Test
    @Timeout(120)
    void closesWhileOtherThreadsEncode() throws Exception {
        String text = "喝茶可以提神醒脑😀, tea\n".repeat(20);
        int[] expected = demo.encode(text);
        ExecutorService threads = Executors.newFixedThreadPool(9);
        try {
            for (int round = 0; round < 20; round++) {
                closeUnderLoad(threads, text, expected);
            }
        } finally {
            threads.shutdownNow();
            assertThat(threads.awaitTermination(10, TimeUnit.SECONDS)).isTrue();
        }
    }

    private static void closeUnderLoad(ExecutorService threads, String text, int[] expected)
            throws Exception {
        Tokenizer tokenizer = Tokenizer.load(ModelBytes.demoFile());
        CountDownLatch busy = new CountDownLatch(8);
        List<Future<Integer>> encoding = new ArrayList<>();
        for (int t = 0; t < 8; t++) {
            boolean unprotected = t % 2 == 1;
            encoding.add(
                    threads.submit(
                            () -> {
                                for (int calls = 0; ; calls++) {
                                    try {
                                        assertThat(
                                                        unprotected
                                                                ? tokenizer.encodeUnprotected(text)
                                                                : tokenizer.encode(text))
                                                .isEqualTo(expected);
                                    } catch (IllegalStateException e) {
                                        return calls;
                                    }
                                    busy.countDown();
                                }
                            }));
        }
        busy.await();
        Future<?> other = threads.submit(tokenizer::close);
        tokenizer.close();
        other.get();
        for (Future<Integer> one : encoding) {
            one.get();
        }
    }
}
