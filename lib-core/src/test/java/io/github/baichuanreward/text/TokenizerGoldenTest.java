package io.github.baichuanreward.text;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.baichuanreward.TestData;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.Test;

/** Ids against those of SentencePiece's Python binding, made apart from this library. */
class TokenizerGoldenTest {

    private static final ObjectMapper JSON = new ObjectMapper();

    @SuppressWarnings("ArrayRecordComponent")
    private record Golden(String text, int[] ids) {}

    @Test
    void demoTokenizerGivesTheIdsOfPlainSentencePiece() throws Exception {
        List<String> lines = resource();
        JsonNode header = JSON.readTree(lines.get(0));
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(ModelBytes.demo());
        assertThat(header.get("tokenizer_sha256").asText())
                .as("golden.jsonl is of another tokenizer; make_golden.py makes it anew")
                .isEqualTo(HexFormat.of().formatHex(digest));

        List<Golden> golden = lines.stream().skip(1).map(TokenizerGoldenTest::parse).toList();
        assertThat(golden).hasSize(76);
        try (Tokenizer tokenizer = Tokenizer.load(ModelBytes.demoFile())) {
            assertThat(checkAll(tokenizer, golden)).isEqualTo(71);
        }
    }

    @Test
    void baichuanTokenizerGivesTheIdsOfPlainSentencePiece() throws Exception {
        List<Golden> golden =
                Files.readAllLines(TestData.external("tokenizer/golden.jsonl")).stream()
                        .map(TokenizerGoldenTest::parse)
                        .toList();
        assertThat(golden).hasSize(277);
        try (Tokenizer tokenizer = Tokenizer.load(ModelBytes.realFile())) {
            assertThat(tokenizer.vocabularySize()).isEqualTo(64000);
            assertThat(checkAll(tokenizer, golden)).isEqualTo(265);
        }
    }

    /** Compares every text, and returns how many were also compared under protection. */
    private static int checkAll(Tokenizer tokenizer, List<Golden> golden) {
        SoftAssertions softly = new SoftAssertions();
        int harmless = 0;
        for (Golden one : golden) {
            softly.assertThat(tokenizer.encodeUnprotected(one.text))
                    .as("unprotected ids of <%s>", start(one.text))
                    .isEqualTo(one.ids);
            if (Arrays.stream(one.ids).noneMatch(id -> isSpecial(tokenizer.piece(id)))) {
                harmless++;
                softly.assertThat(tokenizer.encode(one.text))
                        .as("ids of <%s>", start(one.text))
                        .isEqualTo(one.ids);
            }
        }
        softly.assertAll();
        return harmless;
    }

    /** Written apart from the library's own pattern, for these two files. */
    static boolean isSpecial(String piece) {
        return piece.startsWith("<reserved_")
                || List.of("<s>", "</s>", "<unk>", "<SEP>", "<CLS>").contains(piece);
    }

    private static String start(String text) {
        return text.substring(0, Math.min(40, text.length()));
    }

    private static Golden parse(String line) {
        try {
            JsonNode row = JSON.readTree(line);
            return new Golden(
                    row.get("text").asText(), JSON.treeToValue(row.get("ids"), int[].class));
        } catch (IOException e) {
            throw new AssertionError(line, e);
        }
    }

    private static List<String> resource() throws IOException {
        try (InputStream in =
                TokenizerGoldenTest.class.getResourceAsStream("/tokenizer/golden.jsonl")) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
        }
    }
}
