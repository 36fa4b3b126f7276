package io.github.baichuanreward.cli;

import static io.github.baichuanreward.cli.CommandLineRun.MODEL;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RankCommandTest {

    private static final String PROMPT = "如何做西红柿炒鸡蛋？";
    private static final String[] ANSWERS = {
        "西红柿西红柿西红柿西红柿", "先把鸡蛋打散炒熟盛出，再把西红柿切块炒出汁，最后倒入鸡蛋，加盐和少许糖炒匀即可。", "量子计算机利用量子叠加来进行计算。"
    };

    @TempDir private Path folder;

    @Test
    void printsTheBestFirst() {
        assertThat(CommandLineRun.of(args(ANSWERS)))
                .isEqualTo(
                        new CommandLineRun(
                                0,
                                """
                                如何做西红柿炒鸡蛋？
                                   1.7147  0.9073  先把鸡蛋打散炒熟盛出，再把西红柿切块炒出汁，最后倒入鸡蛋，加盐和少许糖炒匀即可。
                                  -0.5660  0.9052  量子计算机利用量子叠加来进行计算。
                                  -2.8228          西红柿西红柿西红柿西红柿
                                """,
                                ""));
    }

    @Test
    void cutsTheTableToTheTerminal() {
        CommandLineRun run = CommandLineRun.onTerminal(40, args(ANSWERS));
        assertThat(run.outLines())
                .contains("   1.7147  0.9073  先把鸡蛋打散炒熟盛出…")
                .allSatisfy(line -> assertThat(DisplayWidth.of(line)).isLessThanOrEqualTo(40));
    }

    @Test
    void writesRows() throws IOException {
        CommandLineRun run = CommandLineRun.of(args(ANSWERS, "--output", "-"));
        assertThat(run.err()).isEmpty();
        List<JsonNode> rows = new ArrayList<>();
        for (String line : run.outLines()) {
            rows.add(new ObjectMapper().readTree(line));
        }
        assertThat(run.outLines().get(0))
                .matches(
                        "\\{\"prompt\": \"%s\", \"answer\": \"%s\", \"reward\": N, \"beats_next\": N}"
                                .formatted(PROMPT, ANSWERS[1])
                                .replace("N", "\\d\\.\\d+"));
        assertThat(rows)
                .extracting(row -> row.path("answer").asText())
                .containsExactly(ANSWERS[1], ANSWERS[2], ANSWERS[0]);
        assertThat(rows.get(2).path("beats_next").isNull()).isTrue();
        for (int i = 0; i < 2; i++) {
            double gap =
                    rows.get(i).path("reward").asDouble()
                            - rows.get(i + 1).path("reward").asDouble();
            assertThat(rows.get(i).path("beats_next").asDouble())
                    .isCloseTo(1 / (1 + Math.exp(-gap)), within(1e-6));
        }
    }

    @Test
    void writesATable() throws IOException {
        Path output = folder.resolve("o.tsv");
        assertThat(CommandLineRun.of(args(ANSWERS, "--output", output.toString())).status())
                .isZero();
        assertThat(Files.readAllLines(output))
                .hasSize(4)
                .satisfies(
                        lines -> {
                            assertThat(lines.get(0))
                                    .isEqualTo("prompt\tanswer\treward\tbeats_next");
                            assertThat(lines.get(3)).endsWith("\t");
                        });
    }

    @Test
    void ranksOneAnswerAndEqualOnes() {
        assertThat(CommandLineRun.of(args(new String[] {"a"})).out())
                .matches("如何做西红柿炒鸡蛋？\n  -?\\d\\.\\d{4}          a\n");
        assertThat(CommandLineRun.of(args(new String[] {"a", "a"})).out())
                .matches("如何做西红柿炒鸡蛋？\n  (-?\\d\\.\\d{4})  0\\.5000  a\n  \\1          a\n");
    }

    @Test
    void saysWhatIsWrong() {
        CommandLineRun tooLong = CommandLineRun.of(args(new String[] {"a", "猫".repeat(5000), "b"}));
        assertThat(tooLong.status()).isEqualTo(1);
        assertThat(tooLong.err()).startsWith("reward: answer 2: ").contains("4096").hasLineCount(1);
        assertThat(CommandLineRun.of("rank", "--prompt", "q", "--answer", "a"))
                .isEqualTo(
                        new CommandLineRun(
                                2,
                                "",
                                "reward: --model_name_or_path is missing: the directory of your"
                                        + " reward model\nSee ./reward rank --help\n"));
        assertThat(CommandLineRun.of("rank", "--model", MODEL, "--prompt", "q").err())
                .isEqualTo(
                        """
                        reward: Missing required option: '--answer=TEXT'
                        See ./reward rank --help
                        """);
        assertThat(CommandLineRun.of(args(ANSWERS, "--output", "o.txt")).err())
                .startsWith("reward: o.txt: unknown kind of file; use .jsonl, .json, .csv, .tsv");
    }

    private static String[] args(String[] answers, String... more) {
        List<String> args = new ArrayList<>(List.of("rank", "--model", MODEL, "--prompt", PROMPT));
        for (String answer : answers) {
            args.addAll(List.of("--answer", answer));
        }
        args.addAll(List.of(more));
        return args.toArray(String[]::new);
    }
}
