package io.github.baichuanreward.cli;

import static io.github.baichuanreward.cli.CommandLineRun.MODEL;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.baichuanreward.TestData;
import java.io.ByteArrayOutputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The command that scores, from its arguments to the bytes that it writes. Long, because each
 * option and each kind of bad row has a test of its own.
 */
class ScoreCommandTest {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final double TOLERANCE = 2e-5;

    @TempDir private Path folder;

    @BeforeEach
    void setHome() {
        System.setProperty("reward.home", TestData.demoModel().resolve("..").toString());
    }

    @AfterEach
    void clearHome() {
        System.clearProperty("reward.home");
    }

    // The built-in examples

    @Test
    void printsATableOfTheBuiltInExamplesAndSaysWhereToGoOn() {
        CommandLineRun run = CommandLineRun.of("score");
        assertThat(run.status()).isZero();
        assertThat(run.out())
                .startsWith(
                        """
                        如何做西红柿炒鸡蛋？
                           1.7147  先把鸡蛋打散炒熟盛出，再把西红柿切块炒出汁，最后倒入鸡蛋，加盐和少许糖炒匀即可。
                          -0.5660  量子计算机利用量子叠加来进行计算。
                          -2.8228  西红柿西红柿西红柿西红柿

                        我心情不好怎么办？
                        """)
                .endsWith("  sun sun sun sun sun sun\n");
        assertThat(run.err()).contains("./reward score --model_name_or_path DIR --prompt TEXT");
    }

    @Test
    void givesTheExamplesRewardsAsExpected() throws IOException {
        CommandLineRun run = CommandLineRun.of("score", "--output", "-", "--quiet");
        assertThat(run.err()).isEmpty();
        JsonNode cases = cases();
        assertThat(run.outLines()).hasSize(cases.size());
        for (int i = 0; i < cases.size(); i++) {
            JsonNode row = JSON.readTree(run.outLines().get(i));
            assertThat(row.path("prompt")).isEqualTo(cases.get(i).path("prompt"));
            assertThat(row.path("answer")).isEqualTo(cases.get(i).path("answer"));
            assertThat(row.path("reward").doubleValue())
                    .isCloseTo(cases.get(i).path("reward_f64").doubleValue(), within(TOLERANCE));
        }
    }

    @Test
    void cutsTheTableToTheTerminal() {
        CommandLineRun run = CommandLineRun.onTerminal(40, "score");
        assertThat(run.outLines())
                .contains("   1.7147  先把鸡蛋打散炒熟盛出，再把西…")
                .allSatisfy(line -> assertThat(DisplayWidth.of(line)).isLessThanOrEqualTo(40));
    }

    @Test
    void scoresTheExamplesWithAnotherModelWithoutAHint() {
        CommandLineRun run = CommandLineRun.of("score", "--model", MODEL);
        assertThat(run.status()).isZero();
        assertThat(run.out()).startsWith("如何做西红柿炒鸡蛋？\n   1.7147  ");
        assertThat(run.err()).isEmpty();
    }

    @Test
    void saysWhenTheExamplesAreNotThere() {
        System.setProperty("reward.home", folder.toString());
        CommandLineRun run = CommandLineRun.of("score");
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err())
                .isEqualTo(
                        "reward: the examples are not at "
                                + folder.resolve("demo-model")
                                + "; start the program with ./reward, or give --model_name_or_path"
                                + " with --prompt or --input\n");
    }

    @Test
    void saysWhenTheTokenizerIsMissingAndScoresIdsWithoutOne() throws IOException {
        Path model = Files.createDirectory(folder.resolve("model"));
        for (String file : List.of("config.json", "model.safetensors", "value_head.safetensors")) {
            Files.copy(Path.of(MODEL, file), model.resolve(file));
        }
        CommandLineRun text =
                CommandLineRun.of(
                        "score", "--model", model.toString(), "--prompt", "q", "--answer", "a");
        assertThat(text.status()).isEqualTo(1);
        assertThat(text.err())
                .startsWith("reward: " + model.resolve("tokenizer.model"))
                .hasLineCount(1);
        String rows = "{\"input_ids\": [5]}\n{\"prompt\": \"q\", \"answer\": \"a\"}\n";
        CommandLineRun mixed =
                CommandLineRun.withInput(
                        rows, "score", "--model", model.toString(), "--input", "-");
        assertThat(mixed.status()).isEqualTo(1);
        assertThat(mixed.out()).startsWith("{\"input_ids\": [5], \"reward\": ").hasLineCount(1);
        assertThat(mixed.err()).isEqualTo(text.err());
    }

    // One prompt

    @Test
    void scoresTheAnswersToOnePrompt() {
        CommandLineRun run =
                CommandLineRun.of(
                        "score",
                        "--model_name_or_path",
                        MODEL,
                        "--prompt",
                        "我心情不好怎么办？",
                        "--answer",
                        "可以散步。",
                        "--answer",
                        "关我什么事");
        assertThat(run)
                .isEqualTo(
                        new CommandLineRun(
                                0,
                                """
                                我心情不好怎么办？
                                  -1.9073  可以散步。
                                  -3.7836  关我什么事
                                """,
                                ""));
    }

    @Test
    void takesAnswersThatLookLikeSomethingElse() throws IOException {
        List<String> answers = List.of("@file", "-5", "--no", "${sys:user.home}", "\"q\"", "a,b");
        List<String> args = new ArrayList<>(List.of("score", "--model", MODEL, "--prompt", "-x"));
        answers.forEach(answer -> args.addAll(List.of("--answer", answer)));
        args.addAll(List.of("--output", "-"));
        CommandLineRun run = CommandLineRun.of(args.toArray(String[]::new));
        assertThat(run.err()).isEmpty();
        List<String> scored = new ArrayList<>();
        for (String line : run.outLines()) {
            assertThat(JSON.readTree(line).path("prompt").asText()).isEqualTo("-x");
            scored.add(JSON.readTree(line).path("answer").asText());
        }
        assertThat(scored).isEqualTo(answers);
    }

    @Test
    void saysWhichAnswerIsTooLong() {
        CommandLineRun run =
                CommandLineRun.of(
                        "score",
                        "--model",
                        MODEL,
                        "--prompt",
                        "q",
                        "--answer",
                        "a",
                        "--answer",
                        "猫".repeat(5000));
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).startsWith("reward: answer 2: ").contains("4096").hasLineCount(1);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            textBlock =
                    """
                    --model M --prompt q                       | --prompt needs at least one --answer
                    --model M --answer a                       | --answer needs --prompt, the text that it answers
                    --model M --input - --prompt q --answer a  | give either --input or --prompt and --answer, not both
                    --model M --input - --answer a             | give either --input or --prompt and --answer, not both
                    --prompt q --answer a                      | --model_name_or_path is missing: the directory of your reward model
                    --input -                                  | --model_name_or_path is missing: the directory of your reward model
                    --model M --input rows.txt                 | rows.txt: unknown kind of file; use .jsonl, .json, .csv, .tsv, or - for JSON lines
                    --model M --input - --output out.txt       | out.txt: unknown kind of file; use .jsonl, .json, .csv, .tsv, or - for JSON lines
                    --model M --input rows                     | rows: unknown kind of file; use .jsonl, .json, .csv, .tsv, or - for JSON lines
                    --backend gpu      | Invalid value for option '--backend': 'gpu' is no backend; known are auto, cpu and cuda
                    --precision half   | Invalid value for option '--precision': 'half' is no precision; known are auto, float32, bfloat16, float16 and int8
                    --threads 0        | Invalid value for option '--threads': '0' is not a whole number from 1
                    --batch_tokens x   | Invalid value for option '--batch_tokens': 'x' is not a whole number from 1
                    --max_source_length -1 | Invalid value for option '--max_source_length': '-1' is not a whole number from 1
                    --max_target_length 1  | --max_target_length must be at least 2: one token of the answer and the final one
                    --template raw --max_source_length 5 | --template raw encodes prompt and answer as one text, and takes neither --max_source_length nor --max_target_length
                    --template raw --max_target_length 5 | --template raw encodes prompt and answer as one text, and takes neither --max_source_length nor --max_target_length
                    --threads          | Missing required parameter for option '--threads' (N)
                    --nonsense         | Unknown option: '--nonsense'
                    extra              | Unmatched argument at index 1: 'extra'
                    """)
    void refusesWrongUsage(String arguments, String message) {
        List<String> args = new ArrayList<>(List.of("score"));
        Collections.addAll(args, arguments.replace("M", MODEL).split(" "));
        CommandLineRun run = CommandLineRun.of(args.toArray(String[]::new));
        assertThat(run)
                .isEqualTo(
                        new CommandLineRun(
                                2, "", "reward: " + message + "\nSee ./reward score --help\n"));
    }

    @Test
    void saysWhichTemplatesThereAre() {
        CommandLineRun run = CommandLineRun.of("score", "--template", "chat");
        assertThat(run.status()).isEqualTo(2);
        assertThat(run.err())
                .startsWith("reward: Invalid value for option '--template': ")
                .contains("chat", "default", "baichuan", "vanilla", "raw")
                .hasLineCount(2);
    }

    @Test
    void saysWhenTheModelIsNotThere() {
        String missing = folder.resolve("no-model").toString();
        CommandLineRun run =
                CommandLineRun.of("score", "--model", missing, "--prompt", "q", "--answer", "a");
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).startsWith("reward: ").contains(missing).hasLineCount(1);
    }

    // Files

    @Test
    void scoresAFileOfRowsInOrderAndPassesOtherFieldsThrough() throws IOException {
        Path input = folder.resolve("rows.jsonl");
        Path output = folder.resolve("scored.jsonl");
        StringBuilder rows = new StringBuilder("\ufeff");
        JsonNode cases = cases();
        for (int i = 0; i < cases.size(); i++) {
            JsonNode item = cases.get(i);
            String row =
                    i % 2 == 0
                            ? "{\"n\": 1.%d0, \"prompt\": %s, \"answer\": %s}"
                                    .formatted(i, item.path("prompt"), item.path("answer"))
                            : "{\"n\":1.%d0,\"reward\":null,\"input_ids\":%s}"
                                    .formatted(i, item.path("input_ids"));
            rows.append(row).append(i % 3 == 0 ? "\r\n\r\n" : "\n");
        }
        Files.writeString(input, rows);
        CommandLineRun run = score(input, output, "--batch_tokens", "300");
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(run.out()).isEmpty();
        assertThat(run.err())
                .matches("24 rows with 1,\\d{3} tokens in [\\d.,]+ s: [\\d,]+ tokens/s\n");
        List<String> scored = Files.readAllLines(output);
        assertThat(scored).hasSize(24);
        for (int i = 0; i < 24; i++) {
            assertThat(scored.get(i))
                    .matches(
                            i % 2 == 0
                                    ? "\\{\"n\": 1\\."
                                            + i
                                            + "0, \"prompt\": \".*\", \"reward\": [-.0-9E]+}"
                                    : "\\{\"n\":1\\."
                                            + i
                                            + "0,\"reward\":[-.0-9E]+,\"input_ids\":\\[.*]}");
            assertThat(JSON.readTree(scored.get(i)).path("reward").doubleValue())
                    .isCloseTo(cases.get(i).path("reward_f64").doubleValue(), within(TOLERANCE));
        }
    }

    @Test
    void readsAndWritesArrays() throws IOException {
        Path input = folder.resolve("ROWS.JSON");
        Path output = folder.resolve("scored.json");
        Files.writeString(
                input,
                "[\n  {\n    \"input_ids\": [5],\n    \"a\": \"x\"\n  },\n  {\"input_ids\": [6]}\n]");
        assertThat(score(input, output).status()).isZero();
        assertThat(Files.readString(output))
                .matches(
                        """
                        \\[
                        \\{ "input_ids": \\[5], "a": "x", "reward": [-.0-9E]+},
                        \\{"input_ids": \\[6], "reward": [-.0-9E]+}
                        ]
                        """);
        assertThat(JSON.readTree(output.toFile())).hasSize(2);
    }

    @Test
    void turnsLinesIntoAnArrayAndNoRowsIntoAnEmptyOne() throws IOException {
        Path output = folder.resolve("scored.json");
        Files.writeString(folder.resolve("rows.jsonl"), "{\"input_ids\": [5]}");
        assertThat(score(folder.resolve("rows.jsonl"), output).status()).isZero();
        assertThat(JSON.readTree(output.toFile())).hasSize(1);
        Files.writeString(folder.resolve("rows.jsonl"), "");
        assertThat(score(folder.resolve("rows.jsonl"), output).status()).isZero();
        assertThat(output).hasContent("[]");
    }

    @Test
    void readsStandardInputAndWritesStandardOutput() {
        CommandLineRun run =
                CommandLineRun.withInput(
                        "{\"input_ids\": [5], \"s\": \"中\"}\n",
                        "score",
                        "--model",
                        MODEL,
                        "--input",
                        "-");
        assertThat(run.status()).isZero();
        assertThat(run.out())
                .matches("\\{\"input_ids\": \\[5], \"s\": \"中\", \"reward\": [-.0-9E]+}\n");
    }

    @Test
    void givesTheSameRewardsWhateverTheBatch() {
        StringBuilder rows = new StringBuilder();
        for (int i = 1; i < 200; i++) {
            rows.append("{\"input_ids\": [%d, 17, %d]}\n".formatted(i, 3 * i));
        }
        String all = scored(rows.toString(), "5000");
        assertThat(scored(rows.toString(), "1")).isEqualTo(all);
        assertThat(scored(rows.toString(), "100")).isEqualTo(all);
        assertThat(all).hasLineCount(199);
    }

    @Test
    void usesHistoryAndTemplate() {
        String row =
                "{\"prompt\": \"q\", \"answer\": \"a\", \"history\": [[\"old\", \"reply\"]]}\n";
        String plain = "{\"prompt\": \"q\", \"answer\": \"a\"}\n";
        assertThat(reward(scored(row, "500"))).isNotEqualTo(reward(scored(plain, "500")));
        assertThat(reward(scored(plain, "500", "--template", "vanilla")))
                .isNotEqualTo(reward(scored(plain, "500")));
    }

    @Test
    void cutsToTheLimitsGiven() {
        String row =
                "{\"prompt\": \"%s\", \"answer\": \"%s\"}\n"
                        .formatted("猫".repeat(5000), "狗".repeat(5000));
        CommandLineRun tooLong =
                CommandLineRun.withInput(row, "score", "--model", MODEL, "--input", "-");
        assertThat(tooLong.status()).isEqualTo(1);
        assertThat(tooLong.err())
                .containsPattern("line 1: \\d+ tokens \\(prompt \\d+, answer 5002\\)")
                .contains("the model allows 4096 (model_max_length)")
                .contains("set max_source_length and max_target_length to have it cut")
                .endsWith("No row was written.\n");
        assertThat(scored(row, "5000", "--max_source_length", "20", "--max_target_length", "10"))
                .contains("\"reward\": ");
    }

    // Rows that cannot be scored

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            textBlock =
                    """
                    {"x": 1}                             | a row needs "prompt" and "answer", or "input_ids"
                    {"prompt": "q"}                      | field "answer" is missing
                    {"prompt": "q", "answer": 5}         | "answer" must be a string, but is an integer
                    {"input_ids": [1, "2"]}              | "input_ids"[1] must be an integer, but is a string
                    {"input_ids": null}                  | "input_ids" must be an array of integers, but is null
                    [1, 2]                               | a row is an object, {...}, but this is an array
                    {"prompt": "q" "answer": "a"}        | not valid JSON at column 16: Unexpected character ('"' (code 34)): was expecting comma to separate Object entries
                    """)
    void writesTheRowsBeforeABadOneThenNamesFileAndLine(String bad, String reason)
            throws IOException {
        Path input = folder.resolve("rows.jsonl");
        Path output = folder.resolve("scored.jsonl");
        Files.writeString(
                input,
                "{\"input_ids\": [5]}\n\n{\"input_ids\": [6]}\n"
                        + bad
                        + "\n{\"input_ids\": [7]}\n");
        assertThat(score(input, output))
                .isEqualTo(
                        new CommandLineRun(
                                1,
                                "",
                                "reward: %s, line 4: %s\nThe 2 rows before it went to %s.\n"
                                        .formatted(input, reason, output)));
        assertThat(Files.readAllLines(output))
                .hasSize(2)
                .element(1)
                .asString()
                .contains("[6], \"reward\": ");
    }

    @ParameterizedTest
    @ValueSource(strings = {"[]", "[-1]", "[7000]", "LONG"})
    void writesTheRowsBeforeOneThatTheModelRefuses(String ids) throws IOException {
        String bad = ids.equals("LONG") ? Collections.nCopies(4097, 5).toString() : ids;
        Path input = folder.resolve("rows.jsonl");
        Path output = folder.resolve("scored.json");
        Files.writeString(
                input,
                "{\"input_ids\": [5]}\n{\"input_ids\": %s}\n{\"input_ids\": [7]}\n".formatted(bad));
        CommandLineRun run = score(input, output, "--batch_tokens", "20000");
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err())
                .startsWith("reward: " + input + ", line 2: ")
                .doesNotContain("item")
                .endsWith("\nThe row before it went to " + output + ".\n")
                .hasLineCount(2);
        assertThat(JSON.readTree(output.toFile())).hasSize(1);
    }

    @Test
    void refusesHalvesOfCharacters() {
        CommandLineRun run =
                CommandLineRun.withInput(
                        "{\"prompt\": \"q\", \"answer\": \"\\ud83d\"}",
                        "score",
                        "--model",
                        MODEL,
                        "--input",
                        "-");
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err())
                .startsWith("reward: standard input, line 1: ")
                .contains("surrogate")
                .endsWith("\nNo row was written.\n")
                .hasLineCount(2);
    }

    @Test
    void closesAnArrayAfterTheFirstRowFails() throws IOException {
        Path input = folder.resolve("rows.json");
        Path output = folder.resolve("scored.json");
        Files.writeString(input, "[{\"input_ids\": 1}]");
        assertThat(score(input, output).status()).isEqualTo(1);
        assertThat(output).hasContent("[]");
    }

    // Files that cannot be used

    @Test
    void refusesToOverwriteItsInput() throws IOException {
        Path input = folder.resolve("rows.jsonl");
        Files.writeString(input, "{\"input_ids\": [5]}\n");
        Path link = Files.createSymbolicLink(folder.resolve("link.jsonl"), input);
        for (Path output : List.of(input, link, folder.resolve("./rows.jsonl"))) {
            assertThat(score(input, output))
                    .isEqualTo(
                            new CommandLineRun(
                                    2,
                                    "",
                                    "reward: --output %s is the input file; write to another one\nSee ./reward score --help\n"
                                            .formatted(output)));
        }
        assertThat(input).hasContent("{\"input_ids\": [5]}");
    }

    @Test
    void saysWhenTheInputIsNotThere() {
        Path input = folder.resolve("missing.jsonl");
        assertThat(score(input, folder.resolve("out.jsonl")))
                .isEqualTo(
                        new CommandLineRun(
                                1, "", "reward: " + input + ": no such file or directory\n"));
        assertThat(folder.resolve("out.jsonl")).doesNotExist();
    }

    @Test
    void saysWhenTheOutputCannotBeWritten() throws IOException {
        Path input = folder.resolve("rows.jsonl");
        Files.writeString(input, "");
        Path output = folder.resolve("no/folder/out.jsonl");
        assertThat(score(input, output).err())
                .isEqualTo("reward: " + output + ": no such file or directory\n");
        Path directory = Files.createDirectory(folder.resolve("d.jsonl"));
        assertThat(score(input, directory).err())
                .startsWith(
                        "reward: --output " + directory + " is a directory; name a file in it\n");
    }

    @Test
    void keepsAnOldOutputWhenTheModelDoesNotLoad() throws IOException {
        Path input = folder.resolve("rows.jsonl");
        Path output = folder.resolve("scored.jsonl");
        Files.writeString(input, "");
        Files.writeString(output, "old");
        CommandLineRun run =
                CommandLineRun.of(
                        "score",
                        "--model",
                        folder.toString(),
                        "--input",
                        input.toString(),
                        "--output",
                        output.toString());
        assertThat(run.status()).isEqualTo(1);
        assertThat(output).hasContent("old");
    }

    // Streams

    @Test
    void answersEachRowWhenTheNextOneWaitsForIt() throws Exception {
        PipedOutputStream rows = new PipedOutputStream();
        try (PipedInputStream in = new PipedInputStream(rows);
                PipedInputStream results = new PipedInputStream();
                PipedOutputStream out = new PipedOutputStream(results)) {
            CompletableFuture<Integer> status =
                    CompletableFuture.supplyAsync(
                            () ->
                                    Main.run(
                                            new String[] {
                                                "score", "--model", MODEL, "--input", "-", "--quiet"
                                            },
                                            in,
                                            out,
                                            new ByteArrayOutputStream()));
            String[] lineEnds = {"\n", "\r\n", "\n\n", "\n\r\n"};
            for (int i = 0; i < lineEnds.length; i++) {
                String row = "{\"input_ids\": [%d]}".formatted(i) + lineEnds[i];
                rows.write(row.getBytes(StandardCharsets.UTF_8));
                rows.flush();
                assertThat(readLine(results)).contains("[" + i + "], \"reward\": ");
            }
            rows.close();
            assertThat(status.get(60, TimeUnit.SECONDS)).isZero();
        }
    }

    private static String readLine(InputStream in) throws Exception {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (System.nanoTime() < end) {
            if (in.available() > 0) {
                int b = in.read();
                if (b == '\n') {
                    return line.toString(StandardCharsets.UTF_8);
                }
                line.write(b);
            } else {
                Thread.sleep(2);
            }
        }
        throw new AssertionError("no result within a minute");
    }

    @Test
    void writesResultsBeforeItHasReadAllRows() {
        String row = "{\"input_ids\": [5], \"x\": \"%s\"}\n".formatted("x".repeat(1000));
        byte[] rows = row.repeat(2000).getBytes(StandardCharsets.UTF_8);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        List<Integer> written = new ArrayList<>();
        InputStream in =
                new FilterInputStream(new java.io.ByteArrayInputStream(rows)) {
                    @Override
                    public int read(byte[] b, int offset, int length) throws IOException {
                        written.add(out.size());
                        return super.read(b, offset, length);
                    }
                };
        int status =
                Main.run(
                        new String[] {
                            "score", "--model", MODEL, "--input", "-", "--batch_tokens", "50"
                        },
                        in,
                        out,
                        new ByteArrayOutputStream());
        assertThat(status).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8)).hasLineCount(2000);
        // Of 64 KiB each; sixteen batches of 50 tokens may be read ahead.
        assertThat(written).hasSizeGreaterThan(20).isSorted().element(15).isNotEqualTo(0);
    }

    @Test
    void showsProgressOnATerminalOnly() throws IOException {
        Path input = folder.resolve("rows.jsonl");
        Files.writeString(input, "{\"input_ids\": [5]}\n".repeat(50));
        String[] args = {
            "score",
            "--model",
            MODEL,
            "--input",
            input.toString(),
            "--output",
            folder.resolve("o.jsonl").toString()
        };
        assertThat(CommandLineRun.onTerminal(100, args).err())
                .contains("100%", "50/50 rows", "rows/s");
        assertThat(CommandLineRun.of(args).err()).doesNotContain("%", "\r");
        String[] quiet = java.util.Arrays.copyOf(args, args.length + 1);
        quiet[args.length] = "--quiet";
        assertThat(CommandLineRun.onTerminal(100, quiet).err()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "--output -"})
    void showsNoProgressAmongRowsOnTheSameTerminal(String output) throws IOException {
        Path input = folder.resolve("rows.jsonl");
        Files.writeString(input, "{\"input_ids\": [5]}\n".repeat(50));
        List<String> args =
                new ArrayList<>(List.of("score", "--model", MODEL, "--input", input.toString()));
        args.addAll(output.isEmpty() ? List.of() : List.of(output.split(" ")));
        CommandLineRun run = CommandLineRun.onTerminal(100, args.toArray(String[]::new));
        assertThat(run.outLines()).hasSize(50);
        assertThat(run.err()).startsWith("50 rows with 50 tokens in ").hasLineCount(1);
    }

    private static JsonNode cases() throws IOException {
        return JSON.readTree(TestData.demoModel().resolve("expected.json").toFile()).path("cases");
    }

    private static CommandLineRun score(Path input, Path output, String... more) {
        List<String> args =
                new ArrayList<>(
                        List.of(
                                "score",
                                "--model",
                                MODEL,
                                "--input",
                                input.toString(),
                                "--output",
                                output.toString()));
        Collections.addAll(args, more);
        return CommandLineRun.of(args.toArray(String[]::new));
    }

    private static String scored(String rows, String batchTokens, String... more) {
        List<String> args =
                new ArrayList<>(
                        List.of(
                                "score",
                                "--model",
                                MODEL,
                                "--input",
                                "-",
                                "--batch_tokens",
                                batchTokens));
        Collections.addAll(args, more);
        CommandLineRun run = CommandLineRun.withInput(rows, args.toArray(String[]::new));
        assertThat(run.status()).as(run.err()).isZero();
        return run.out();
    }

    private static String reward(String row) {
        return row.substring(row.lastIndexOf(':'));
    }
}
