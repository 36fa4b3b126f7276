package io.github.baichuanreward.cli;

import static io.github.baichuanreward.cli.CommandLineRun.MODEL;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.baichuanreward.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokenizeCommandTest {

    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir private Path folder;

    @Test
    void givesTheIdsThatTheExamplesWereScoredWith() throws IOException {
        JsonNode cases =
                JSON.readTree(TestData.demoModel().resolve("expected.json").toFile()).path("cases");
        StringBuilder rows = new StringBuilder();
        for (JsonNode item : cases) {
            rows.append(
                    "{\"answer\": %s, \"prompt\": %s}\n"
                            .formatted(item.path("answer"), item.path("prompt")));
        }
        CommandLineRun run = tokenize(rows.toString());
        assertThat(run.status()).as(run.err()).isZero();
        for (int i = 0; i < cases.size(); i++) {
            JsonNode row = JSON.readTree(run.outLines().get(i));
            assertThat(row.path("input_ids")).isEqualTo(cases.get(i).path("input_ids"));
            assertThat(row.path("pieces")).hasSize(row.path("input_ids").size());
        }
    }

    @Test
    void givesThePiecesOfTheIds() {
        CommandLineRun run =
                tokenize("{\"prompt\": \"猫\\n\", \"answer\": \"狗\"}", "--template", "vanilla");
        assertThat(run.out())
                .matches(
                        "\\{\"prompt\": \"猫\\\\n\", \"answer\": \"狗\", \"input_ids\": \\[.*, 2],"
                                + " \"pieces\": \\[.*\"\\\\n\".*, \"</s>\"]}\n");
    }

    @Test
    void givesUnprotectedIdsOfTextsAndProtectedOnesOfAnswers() throws IOException {
        String role = "<reserved_1>";
        CommandLineRun run =
                tokenize(
                        "{\"text\": \"%1$s\", \"prompt\": \"%1$s\", \"answer\": \"%1$s\"}"
                                .formatted(role),
                        "--template",
                        "vanilla");
        JsonNode row = JSON.readTree(run.out());
        List<String> pieces = new ArrayList<>();
        row.path("pieces").forEach(piece -> pieces.add(piece.asText()));
        assertThat(pieces).doesNotContain(role).hasSizeGreaterThan(4);
        assertThat(row.path("ids").size()).isLessThan(4);
        List<String> names = new ArrayList<>();
        row.fieldNames().forEachRemaining(names::add);
        assertThat(names).containsExactly("text", "prompt", "answer", "ids", "input_ids", "pieces");
    }

    @Test
    void feedsScoreWithWhatScoreWouldHaveUsed() {
        String row = "{\"prompt\": \"q\", \"answer\": \"a\", \"history\": [[\"x\", \"y\"]]}\n";
        String scored =
                CommandLineRun.withInput(row, "score", "--model", MODEL, "--input", "-").out();
        String tokenized = tokenize(row).out();
        String scoredIds =
                CommandLineRun.withInput(tokenized, "score", "--model", MODEL, "--input", "-")
                        .out();
        assertThat(scoredIds.substring(scoredIds.lastIndexOf("\"reward\"")))
                .isEqualTo(scored.substring(scored.lastIndexOf("\"reward\"")));
    }

    @Test
    void cutsToTheLimitsGiven() throws IOException {
        CommandLineRun run =
                tokenize(
                        "{\"prompt\": \"一二三四五六七八九十\", \"answer\": \"一二三四五六七八九十\"}",
                        "--template",
                        "vanilla",
                        "--max_source_length",
                        "4",
                        "--max_target_length",
                        "3");
        JsonNode ids = JSON.readTree(run.out()).path("input_ids");
        assertThat(ids).hasSize(7);
        assertThat(ids.get(6).intValue()).isEqualTo(2);
    }

    @Test
    void needsTheTokenizerAlone() throws IOException {
        Files.copy(Path.of(MODEL, "tokenizer.model"), folder.resolve("tokenizer.model"));
        CommandLineRun run =
                CommandLineRun.withInput(
                        "{\"text\": \"\"}",
                        "tokenize",
                        "--model",
                        folder.toString(),
                        "--input",
                        "-");
        assertThat(run).isEqualTo(new CommandLineRun(0, "{\"text\": \"\", \"ids\": []}\n", ""));
    }

    @Test
    void writesTheRowsBeforeABadOne() {
        assertThat(tokenize("{\"text\": \"\"}\n{\"text\": 1}\n"))
                .isEqualTo(
                        new CommandLineRun(
                                1,
                                "{\"text\": \"\", \"ids\": []}\n",
                                "reward: standard input, line 2: \"text\" must be a string, but is"
                                        + " an integer\nThe row before it went to standard output.\n"));
        assertThat(tokenize("{\"prompt\": \"q\"}").err())
                .startsWith("reward: standard input, line 1: field \"answer\" is missing\n");
        assertThat(tokenize("{}").err())
                .startsWith(
                        "reward: standard input, line 1: a row needs \"text\", or \"prompt\" and"
                                + " \"answer\"\n");
    }

    @Test
    void saysWhatIsMissing() {
        assertThat(CommandLineRun.of("tokenize", "--input", "-"))
                .isEqualTo(
                        new CommandLineRun(
                                2,
                                "",
                                """
                                reward: Missing required option: '--model_name_or_path=DIR'
                                See ./reward tokenize --help
                                """));
        assertThat(CommandLineRun.of("tokenize", "--model", MODEL).err())
                .isEqualTo(
                        """
                        reward: --input is missing: a file of rows, or - for standard input
                        See ./reward tokenize --help
                        """);
    }

    @Test
    void saysWhenThereIsNoTokenizer() {
        CommandLineRun run =
                CommandLineRun.of("tokenize", "--model", folder.toString(), "--input", "-");
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err())
                .startsWith("reward: ")
                .contains(folder.resolve("tokenizer.model").toString())
                .hasLineCount(1);
    }

    private static CommandLineRun tokenize(String rows, String... more) {
        List<String> args = new ArrayList<>(List.of("tokenize", "--model", MODEL, "--input", "-"));
        args.addAll(List.of(more));
        return CommandLineRun.withInput(rows, args.toArray(String[]::new));
    }
}
