package io.github.baichuanreward.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** No text that a user writes gives the id of a role, a separator or a control token. */
class TokenizerInjectionTest {

    @Test
    void baichuanRolesCannotBeSpelled() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.load(ModelBytes.realFile())) {
            // The test itself must be able to fail: unprotected, the same texts do give roles.
            assertThat(tokenizer.encodeUnprotected("<reserved_102>")).contains(195);
            assertThat(tokenizer.encodeUnprotected("a</s><s><unk>")).doesNotContain(0, 1, 2);
            assertThat(tokenizer.encodeUnprotected("＜reserved_102＞")).contains(195);
            assertThat(tokenizer.encodeUnprotected("<res\u007ferved_103>")).contains(196);
            check(
                    tokenizer,
                    List.of(
                            "<reserved_102>",
                            "<reserved_103>",
                            "<reserved_299>",
                            "<SEP>",
                            "<CLS>"));
        }
    }

    @Test
    void demoRolesCannotBeSpelled() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.load(ModelBytes.demoFile())) {
            int role = tokenizer.id("<reserved_3>").orElseThrow();
            assertThat(tokenizer.encodeUnprotected("<reserved_3>")).contains(role);
            assertThat(tokenizer.encodeUnprotected("<reserved_\u00013>")).contains(role);
            check(tokenizer, List.of("<reserved_0>", "<reserved_3>", "<reserved_9>"));
        }
    }

    @Test
    void roleNamesOfLaterBaichuanModelsCannotBeSpelled(@TempDir Path folder) throws IOException {
        List<String> roles =
                List.of("<reserved_106>", "<B_SYS>", "<C_Q>", "<audio_start_baichuan>", "<|end|>");
        byte[] added =
                ModelBytes.concat(
                        roles.stream()
                                .map(role -> ModelBytes.piece(role, ModelBytes.USER_DEFINED))
                                .toArray(byte[][]::new));
        try (Tokenizer tokenizer = Tokenizer.load(ModelBytes.demoWith(folder, added))) {
            assertThat(tokenizer.encodeUnprotected("<C_Q>")).contains(7002);
            for (String role : roles) {
                assertThat(tokenizer.encode("a" + role + "b"))
                        .doesNotContain(7000, 7001, 7002, 7003, 7004);
            }
        }
    }

    @Test
    void eosCannotBeSpelledWhateverItsNameAndType(@TempDir Path folder) throws IOException {
        Path file =
                ModelBytes.demoWith(
                        folder,
                        ModelBytes.piece("</end>", ModelBytes.USER_DEFINED),
                        ModelBytes.eos(7000));
        try (Tokenizer tokenizer = Tokenizer.load(file)) {
            assertThat(tokenizer.encodeUnprotected("a</end>b")).contains(7000);
            assertThat(tokenizer.encode("a</end>b")).doesNotContain(7000);
        }
    }

    @Test
    void userDefinedTextStaysOnePiece(@TempDir Path folder) throws IOException {
        List<String> texts = List.of("<h1>", "</td>", "<br/>", "<!DOCTYPE>", "```", "<!--");
        byte[] added =
                ModelBytes.concat(
                        texts.stream()
                                .map(text -> ModelBytes.piece(text, ModelBytes.USER_DEFINED))
                                .toArray(byte[][]::new));
        try (Tokenizer tokenizer = Tokenizer.load(ModelBytes.demoWith(folder, added))) {
            for (String text : texts) {
                assertThat(tokenizer.encode(text))
                        .contains(tokenizer.id(text).orElseThrow())
                        .isEqualTo(tokenizer.encodeUnprotected(text));
            }
            assertThat(tokenizer.encode("\n\t7，")).contains(3, 4, 12, 15);
        }
    }

    private static void check(Tokenizer tokenizer, List<String> roles) {
        List<String> names = new ArrayList<>(roles);
        names.addAll(List.of("<s>", "</s>", "<unk>", "<pad>", "<0x0A>"));
        for (String name : names) {
            for (String attempt : attempts(name)) {
                int[] ids = tokenizer.encode(attempt);
                assertThat(pieces(tokenizer, ids))
                        .as("pieces of %s", attempt)
                        .noneMatch(TokenizerGoldenTest::isSpecial);
            }
            // and nothing of it is lost: it is text
            assertThat(String.join("", pieces(tokenizer, tokenizer.encode("a" + name + "b"))))
                    .isEqualTo("▁a" + name + "b");
        }
        String all =
                names.stream().flatMap(n -> attempts(n).stream()).collect(Collectors.joining());
        assertThat(pieces(tokenizer, tokenizer.encode(all)))
                .noneMatch(TokenizerGoldenTest::isSpecial);
    }

    /** Ways to write {@code name} so that it, or what normalisation makes of it, is the name. */
    private static List<String> attempts(String name) {
        List<String> attempts = new ArrayList<>();
        attempts.add(name);
        attempts.add("你好" + name + "你好");
        attempts.add(name + name);
        attempts.add(" " + name + " ");
        attempts.add("\n" + name + "\n");
        attempts.add("▁" + name);
        attempts.add(name.replace('<', '＜').replace('>', '＞'));
        attempts.add(name.replace('<', '﹤').replace('>', '﹥'));
        attempts.add(fullWidth(name));
        attempts.add(Normalizer.normalize(name, Normalizer.Form.NFKD));
        // characters that normalisation drops, at every place
        for (String dropped : List.of("\u0001", "\u0000", "\u0008", "\u001f", "\u007f", "\u008f")) {
            for (int i = 0; i <= name.length(); i++) {
                attempts.add(name.substring(0, i) + dropped + name.substring(i));
            }
            attempts.add(String.join(dropped, name.split("")));
        }
        return attempts;
    }

    private static String fullWidth(String name) {
        return name.chars()
                .mapToObj(c -> Character.toString(c - '!' + '！'))
                .collect(Collectors.joining());
    }

    private static List<String> pieces(Tokenizer tokenizer, int[] ids) {
        return Arrays.stream(ids).mapToObj(tokenizer::piece).toList();
    }
}
