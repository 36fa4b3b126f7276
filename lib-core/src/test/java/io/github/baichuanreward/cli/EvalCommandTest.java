package io.github.baichuanreward.cli;

import static io.github.baichuanreward.cli.CommandLineRun.MODEL;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.baichuanreward.JavaProcess;
import io.github.baichuanreward.TestData;
import io.github.baichuanreward.eval.Mimicry;
import io.github.baichuanreward.eval.PredictionLine;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Evaluations from the files to the files. Long, because they go through everything that may be
 * wrong with them.
 */
class EvalCommandTest {

    private static final ObjectMapper JSON = new ObjectMapper();

    private static final List<String> KEYS =
            List.of(
                    "eval_accuracy",
                    "eval_loss",
                    "eval_runtime",
                    "eval_samples_per_second",
                    "eval_steps_per_second");

    private static final String ROWS =
            """
            {"prompt": "a", "chosen": "one", "rejected": "two", "kind": "x"}
            {"prompt": "b", "chosen": "一个", "rejected": "两个答案", "kind": "y", "margin": 0.5}
            {"instruction": "c", "output": ["three", "four", "five"], "kind": "x"}
            {"prompt": "d", "chosen": "same", "rejected": "same", "kind": "z"}
            """;

    @TempDir private Path folder;

    // What it finds

    @Test
    void findsOfTheDemoModelWhatWasFoundInFloat64() throws IOException {
        JsonNode reference = JSON.readTree(TestData.demoModel().resolve("eval.json").toFile());
        Path data = TestData.demoModel().resolve("heldout-pairs.json");
        CommandLineRun run = eval(data, "--output_dir", out());

        assertThat(run.status()).as(run.err()).isZero();
        JsonNode metrics = JSON.readTree(run.out());
        assertThat(run.out()).hasLineCount(1);
        assertThat(metrics.fieldNames()).toIterable().containsExactlyElementsOf(KEYS);
        assertThat(metrics.get("eval_accuracy").doubleValue())
                .isEqualTo(reference.get("accuracy").doubleValue());
        assertThat(metrics.get("eval_loss").doubleValue())
                .isCloseTo(reference.get("mean_loss").doubleValue(), within(1e-4));
        List<PredictionLine> lines = lines();
        assertThat(lines).hasSize(221);
        for (int n = 0; n < lines.size(); n++) {
            JsonNode rewards = reference.get("rewards").get(n);
            assertThat((double) lines.get(n).scored().chosen().reward())
                    .as("pair %d", n)
                    .isCloseTo(rewards.get("chosen").doubleValue(), within(2e-5));
            assertThat((double) lines.get(n).scored().rejected().reward())
                    .as("pair %d", n)
                    .isCloseTo(rewards.get("rejected").doubleValue(), within(2e-5));
            assertThat(lines.get(n).scored().chosen().tokens())
                    .isEqualTo(rewards.get("tokens").get(0).intValue());
        }
        JsonNode results = results();
        KEYS.forEach(key -> assertThat(results.get(key)).isEqualTo(metrics.get(key)));
        assertThat(folder.resolve("out/report.html")).content().contains("58.4");
        assertThat(record()).doesNotExist();
    }

    /** Real data of 775 rows, some with earlier turns, some with as many as ten answers. */
    @Test
    void evaluatesTheFileThatCameWithTheOriginal() throws IOException {
        CommandLineRun run =
                eval(TestData.external("data/oaast_rm_zh.json"), "--output_dir", out());

        assertThat(run.status()).as(run.err()).isZero();
        List<PredictionLine> lines = lines();
        assertThat(lines).hasSize(775);
        assertThat(lines.stream().mapToInt(line -> line.scored().scores().size()).sum())
                .isEqualTo(434 * 2 + 263 * 3 + 63 * 4 + 12 * 5 + 6 + 8 + 10);
        JsonNode results = results();
        assertThat(results.get("ties").intValue()).isEqualTo(3);
        assertThat(run.err()).contains("775 pairs in ");
    }

    /** An earlier turn is part of what is scored: without it the same answers get other rewards. */
    @Test
    void usesEarlierTurns() throws IOException {
        String row = "{\"instruction\": \"b\", \"output\": [\"one\", \"two\"], \"history\": %s}%n";
        Path data = write("d.jsonl", row.formatted("[[\"a\", \"yes\"]]") + row.formatted("[]"));
        eval(data, "--output_dir", out());
        List<PredictionLine> lines = lines();

        assertThat(lines.get(0).scored().chosen().tokens())
                .isGreaterThan(lines.get(1).scored().chosen().tokens());
        assertThat(lines.get(0).scored().chosen().reward())
                .isNotEqualTo(lines.get(1).scored().chosen().reward());
    }

    @Test
    void countsTiesSubsetsMarginsAndFurtherAnswers() throws IOException {
        CommandLineRun run =
                eval(write("d.jsonl", ROWS), "--output_dir", out(), "--subset_column", "kind");

        assertThat(run.status()).as(run.err()).isZero();
        JsonNode results = results();
        assertThat(results.get("ties").intValue()).isEqualTo(1);
        List<PredictionLine> lines = lines();
        assertThat(lines)
                .extracting(line -> line.scored().subset())
                .containsExactly("x", "y", "x", "z");
        assertThat(lines.get(1).scored().margin()).isEqualTo(0.5);
        assertThat(lines.get(2).scored().scores()).hasSize(3);
        assertThat(results.findPath("subsets").toString()).contains("\"x\"", "\"y\"", "\"z\"");
    }

    @Test
    void readsSeveralFilesAndStopsAfterSomeComparisons() throws IOException {
        Path one = write("one.jsonl", ROWS);
        Path two = write("two.csv", "prompt,chosen,rejected\ne,five,six\nf,seven,eight\n");
        CommandLineRun run =
                eval(one, "--dataset", two.toString(), "--output_dir", out(), "--max_samples", "5");

        assertThat(run.status()).as(run.err()).isZero();
        assertThat(lines())
                .extracting(PredictionLine::place)
                .containsExactly(
                        "one.jsonl, line 1",
                        "one.jsonl, line 2",
                        "one.jsonl, line 3",
                        "one.jsonl, line 4",
                        "two.csv, line 2");
    }

    @Test
    void findsDatasetsByTheirNames() throws IOException {
        write("d.json", "[{\"q\": \"a\", \"good\": \"one\", \"bad\": \"two\"}]");
        String columns = "{\"prompt\": \"q\", \"chosen\": \"good\", \"rejected\": \"bad\"}";
        write(
                "dataset_info.json",
                "{\"mine\": {\"file_name\": \"d.json\", \"ranking\": true, \"columns\": %s}}"
                        .formatted(columns));
        CommandLineRun run =
                eval(Path.of("mine"), "--dataset_dir", folder.toString(), "--output_dir", out());
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(lines()).extracting(PredictionLine::place).containsExactly("d.json, line 1");

        assertThat(eval(Path.of("other"), "--dataset_dir", folder.toString()).err())
                .contains("dataset_info.json")
                .contains("other");
    }

    @Test
    void cutsWhatIsLongerThanTheOriginalAllowedAndCountsIt() throws IOException {
        String longText = "很长的答案。".repeat(2000);
        Path data =
                write(
                        "d.jsonl",
                        "{\"prompt\": \"a\", \"chosen\": \"%s\", \"rejected\": \"b\"}%n"
                                .formatted(longText));
        eval(data, "--output_dir", out());
        assertThat(results().get("cut").intValue()).isEqualTo(1);
        assertThat(lines().get(0).scored().chosen().truncated()).isTrue();
        assertThat(lines().get(0).scored().rejected().truncated()).isFalse();

        String[] limits = {"--max_source_length", "9000", "--max_target_length", "90000"};
        CommandLineRun uncut = eval(data, limits);
        assertThat(uncut.status()).isEqualTo(1);
        assertThat(uncut.err()).contains("d.jsonl, line 1: answer 1: ").contains("tokens");
    }

    // Mimicry

    @Test
    void mimicsTheHalfPrecisionOfTheOriginal() throws IOException {
        Path data = TestData.demoModel().resolve("heldout-pairs.json");
        CommandLineRun run =
                eval(data, "--output_dir", out(), "--mimic", "let-2023-07", "--max_samples", "12");

        assertThat(run.status()).as(run.err()).isZero();
        double loss = JSON.readTree(run.out()).get("eval_loss").doubleValue();
        assertThat(loss * 4096).as("float16 between 0.5 and 1").isEqualTo(Math.rint(loss * 4096));
        List<String> predictions =
                Files.readAllLines(folder.resolve("out/generated_predictions.jsonl"));
        assertThat(predictions)
                .hasSize(12)
                .allMatch(
                        line ->
                                line.matches(
                                        "\\{\"accept\": -?\\d\\.\\d\\d?, \"reject\": -?\\d\\.\\d\\d?}"));
        assertThat(Files.readString(folder.resolve("out/generated_predictions.jsonl")))
                .doesNotEndWith("\n");
        for (String line : Files.readAllLines(folder.resolve("out/full_predictions.jsonl"))) {
            float reward = PredictionLine.parse(line).scored().chosen().reward();
            assertThat(reward * 1024)
                    .as("float16 below 4")
                    .isEqualTo((float) Math.rint(reward * 1024));
        }
        assertThat(Files.readString(folder.resolve("out/report.html")))
                .contains("let-2023-07", "not mimicked");
    }

    // Bad rows

    @Test
    void endsAtABadRowOrPassesOverIt() throws IOException {
        Path data = write("d.jsonl", ROWS + "{\"prompt\": \"e\"}\n{broken\n" + ROWS);
        CommandLineRun ended = eval(data, "--output_dir", out());
        assertThat(ended.status()).isEqualTo(1);
        assertThat(ended.err())
                .contains("d.jsonl, line 5: ")
                .endsWith("--skip_bad_rows --resume.\n");
        assertThat(ended.err()).hasLineCount(2);
        assertThat(folder.resolve("out/eval_results.json")).doesNotExist();
        assertThat(lines()).hasSize(4);

        CommandLineRun goneOn = eval(data, "--output_dir", out(), "--skip_bad_rows", "--resume");
        assertThat(goneOn.status()).as(goneOn.err()).isZero();
        assertThat(goneOn.err()).contains("Going on after pair 4.", "2 bad rows were left out");
        assertThat(lines()).hasSize(8);
        assertThat(results().get("skipped").intValue()).isEqualTo(2);
    }

    @ParameterizedTest
    @CsvSource({"'',no comparison", "'{\"prompt\": \"e\"}',all 1 rows are bad"})
    void isNoEvaluationWithoutAPair(String rows, String said) throws IOException {
        CommandLineRun run = eval(write("d.jsonl", rows), "--skip_bad_rows", "--output_dir", out());
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).contains("there is no comparison to evaluate").contains(said);
    }

    // Going on

    /** Among bad rows, and comparisons that cannot be scored; also where all is on one line. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void findsTheSameWhereverItWasInterrupted(boolean onOneLine) throws IOException {
        String half =
                "{\"prompt\": \"h\", \"chosen\": \"\\ud800\", \"rejected\": \"x\", \"kind\": \"x\"}\n";
        String rows = ROWS + half + "{\"prompt\": \"\"}\n" + half + ROWS;
        Path data =
                onOneLine
                        ? write("d.json", "[" + String.join(",", rows.lines().toList()) + "]")
                        : write("d.jsonl", rows);
        String[] options = {"--output_dir", out(), "--skip_bad_rows", "--subset_column", "kind"};
        eval(data, options);
        byte[] whole = Files.readAllBytes(predictions());
        String found = withoutTimes(results());
        byte[] record = interrupted(data, options);
        for (int cut = 0; cut <= whole.length; cut += 37) {
            Files.write(predictions(), Arrays.copyOf(whole, cut));
            Files.write(record(), record);
            CommandLineRun run = eval(data, with(options, "--resume"));
            assertThat(run.status()).as(run.err()).isZero();
            assertThat(predictions()).hasBinaryContent(whole);
            assertThat(withoutTimes(results())).isEqualTo(found);
            assertThat(record()).doesNotExist();
        }
    }

    @Test
    void addsTheTimeOfTheInterruptedRun() throws IOException {
        Path data = write("d.jsonl", ROWS);
        interrupted(data, "--output_dir", out());
        String record = Files.readString(record());
        Files.writeString(record(), record.replaceFirst("\\{", "{\"seconds\": \"1000.0\","));
        eval(data, "--output_dir", out(), "--resume");
        assertThat(results().get("eval_runtime").doubleValue()).isBetween(1000.0, 1060.0);
    }

    @Test
    void hasNothingToDoWhenAllIsDone() throws IOException {
        Path data = write("d.jsonl", ROWS);
        CommandLineRun first = eval(data, "--output_dir", out());
        assertThat(eval(data, "--output_dir", out(), "--resume"))
                .isEqualTo(
                        new CommandLineRun(
                                0,
                                first.out(),
                                "This evaluation is finished; there is nothing to do.\n"));
    }

    /** What is there would be taken for what was asked for. */
    @Test
    void doesNotGiveTheResultsOfAnotherEvaluation() throws IOException {
        Path data = write("d.jsonl", ROWS);
        eval(data, "--output_dir", out());
        CommandLineRun fewer = eval(data, "--output_dir", out(), "--resume", "--max_samples", "2");
        assertThat(fewer.status()).isEqualTo(1);
        assertThat(fewer.out()).isEmpty();
        assertThat(fewer.err())
                .contains("cannot go on: it is from a finished evaluation with other data");
        assertThat(
                        eval(data, "--output_dir", out(), "--resume", "--precision", "bfloat16")
                                .status())
                .isEqualTo(1);
        write("d.jsonl", ROWS + ROWS);
        assertThat(eval(data, "--output_dir", out(), "--resume").status()).isEqualTo(1);
        Files.writeString(folder.resolve("out/eval_results.json"), "{\"eval_accuracy\": 0.5}");
        assertThat(eval(data, "--output_dir", out(), "--resume").status()).isEqualTo(1);
    }

    @Test
    void goesOnWhenABadRowHasBeenMended() throws IOException {
        Path data = write("d.jsonl", ROWS + "{\"prompt\": \"e\"}\n");
        eval(data, "--output_dir", out());
        write("d.jsonl", ROWS.replace("two", "too") + ROWS);
        assertThat(eval(data, "--output_dir", out(), "--resume").err())
                .contains("cannot go on: it has pairs of other data");
        write("d.jsonl", ROWS + ROWS);
        CommandLineRun mended = eval(data, "--output_dir", out(), "--resume");
        assertThat(mended.status()).as(mended.err()).isZero();
        assertThat(lines()).hasSize(8);
    }

    @Test
    void leavesNothingOfAnEvaluationInAnotherPrecision() throws IOException {
        Path data = write("d.jsonl", ROWS);
        interrupt(data, "--output_dir", out(), "--mimic", "let-2023-07");
        assertThat(folder.resolve("out/full_predictions.jsonl.resume")).exists();
        assertThat(eval(data, "--output_dir", out()).status()).isZero();
        try (Stream<Path> left = Files.list(folder.resolve("out"))) {
            assertThat(left.map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrder(
                            "eval_results.json", "generated_predictions.jsonl", "report.html");
        }
    }

    @Test
    void saysWhereResultsCannotBeWrittenAndHowToGoOn() throws IOException {
        Path data = write("d.jsonl", ROWS);
        Path inTheWay = folder.resolve("out/eval_results.json.new");
        Files.createDirectories(inTheWay);
        CommandLineRun run = eval(data, "--output_dir", out(), "--quiet");
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err())
                .startsWith("reward: " + out() + ": not all results can be written: " + inTheWay)
                .endsWith("then run the same command with --resume.\n")
                .hasLineCount(2);
        Files.delete(inTheWay);
        assertThat(eval(data, "--output_dir", out(), "--resume").status()).isZero();
    }

    /** The description of a file decides which answer is the better one. */
    @Test
    void refusesToGoOnWithAnswersTheOtherWayRound() throws IOException {
        Path data = write("d.jsonl", ROWS.lines().limit(2).toList().get(0) + "\n");
        String info =
                "{\"d\": {\"file_name\": \"./d.jsonl\", \"ranking\": true, \"columns\": {\"prompt\":"
                        + " \"prompt\", \"chosen\": \"%s\", \"rejected\": \"%s\"}}}";
        write("dataset_info.json", info.formatted("chosen", "rejected"));
        interrupted(data, "--output_dir", out());
        write("dataset_info.json", info.formatted("rejected", "chosen"));
        assertThat(eval(data, "--output_dir", out(), "--resume").err())
                .contains("cannot go on: it has pairs of other data");
    }

    // What is in the way

    @Test
    void refusesAFolderThatAnotherEvaluationWritesTo() throws IOException {
        Path data = write("d.jsonl", ROWS);
        try (EvaluationFiles other = EvaluationFiles.in(Path.of(out()), Mimicry.NONE)) {
            assertThat(other.finishedMetrics("")).isNull();
            CommandLineRun run = eval(data, "--output_dir", out());
            assertThat(run.status()).isEqualTo(1);
            assertThat(run.err()).contains("another evaluation is writing there");
        }
        assertThat(eval(data, "--output_dir", out()).status()).isZero();
    }

    @Test
    void neverReplacesWhatItReads() throws IOException {
        Files.createDirectories(Path.of(out()));
        Path data = write("out/generated_predictions.jsonl", ROWS);
        CommandLineRun run = eval(data, "--output_dir", out());
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err()).contains("would be replaced by the results");
        assertThat(data).content().isEqualTo(ROWS);
    }

    @ParameterizedTest
    @CsvSource({"out,is no directory", "out/report.html/x,report.html: is a directory"})
    void saysWhatStandsInTheWay(String name, String said) throws IOException {
        Path inTheWay = folder.resolve(name);
        Files.createDirectories(inTheWay.getParent());
        Files.createFile(inTheWay);
        CommandLineRun run = eval(write("d.jsonl", ROWS), "--output_dir", out());
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err()).contains(said).contains("name another --output_dir").hasLineCount(1);
    }

    @Test
    void writesTheSameDigitsInEveryLanguage() throws Exception {
        Path errors = folder.resolve("errors");
        Process process =
                JavaProcess.of(
                                List.of("-Duser.language=ar", "-Duser.country=EG"),
                                Main.class,
                                "eval",
                                "--model",
                                MODEL,
                                "--dataset",
                                write("d.jsonl", ROWS).toString(),
                                "--output_dir",
                                out())
                        .redirectError(errors.toFile())
                        .start();
        assertThat(process.waitFor()).isZero();
        assertThat(errors).content().matches("(?s)\\p{ASCII}*4 pairs in \\p{ASCII}*");
        assertThat(results().path("run").path("backend").asText()).matches("\\p{ASCII}*");
    }

    @ParameterizedTest
    @CsvSource({
        "--template,vanilla,it was begun with --template default",
        "--max_samples,3,it was begun with --max_samples unlimited",
        "--subset_column,kind,it was begun with --subset_column null",
    })
    void refusesToGoOnWithOtherOptions(String option, String value, String said)
            throws IOException {
        Path data = write("d.jsonl", ROWS);
        interrupted(data, "--output_dir", out());
        CommandLineRun run = eval(data, "--output_dir", out(), "--resume", option, value);
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err()).contains(": cannot go on: " + said);
    }

    @Test
    void refusesToGoOnWithOtherDataOrOtherLines() throws IOException {
        Path data = write("d.jsonl", ROWS);
        byte[] record = interrupted(data, "--output_dir", out());
        write("d.jsonl", ROWS + ROWS);
        assertThat(eval(data, "--output_dir", out(), "--resume").err())
                .contains("cannot go on: the input has changed since");

        write("d.jsonl", ROWS);
        Files.write(record(), record);
        Files.writeString(predictions(), "{\"something\": 1}\n");
        assertThat(eval(data, "--output_dir", out(), "--resume").err())
                .contains("cannot go on: it holds something else than lines of this run");
        Files.delete(record());
        assertThat(eval(data, "--output_dir", out(), "--resume").err())
                .contains("which would say how it was begun, is not there");
    }

    // Usage

    @ParameterizedTest
    @CsvSource({
        "eval --model MODEL,Missing required option",
        "eval --dataset x.json,--model_name_or_path is missing",
        "eval --model MODEL --dataset DATA --resume,--resume needs --output_dir",
        "eval --model MODEL --dataset DATA --mimic llama,nothing that can be mimicked",
        "eval --model MODEL --dataset DATA --max_samples 0,--max_samples",
    })
    void saysWhatIsWrongWithTheArguments(String arguments, String said) throws IOException {
        Path data = write("d.jsonl", ROWS);
        String[] args =
                arguments.replace("MODEL", MODEL).replace("DATA", data.toString()).split(" ");
        // The file comes before the model's directory.
        write("x.json", "[]");
        CommandLineRun run = CommandLineRun.of(args);
        assertThat(run.status()).as(run.err()).isEqualTo(2);
        assertThat(run.err()).contains(said).endsWith("See ./reward eval --help\n");
    }

    @ParameterizedTest
    @CsvSource({"missing.json,no such file", "d.txt,unknown kind of file"})
    void saysWhatIsWrongWithTheFile(String name, String said) throws IOException {
        write("d.txt", ROWS);
        CommandLineRun run = eval(folder.resolve(name));
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err()).startsWith("reward: ").contains(name).contains(said);
    }

    @Test
    void printsNothingButResultsWhenItIsQuiet() throws IOException {
        CommandLineRun run = eval(write("d.jsonl", ROWS), "--quiet");
        assertThat(run.status()).isZero();
        assertThat(run.err()).isEmpty();
        assertThat(run.out()).startsWith("{\"eval_accuracy\":").hasLineCount(1);
    }

    @Test
    void showsHowFarItIsOnATerminal() throws IOException {
        CommandLineRun run =
                CommandLineRun.onTerminal(
                        120,
                        "eval",
                        "--model",
                        MODEL,
                        "--dataset",
                        write("d.jsonl", ROWS).toString());
        assertThat(run.err()).contains("4/4 pairs").contains("accuracy 0.");
    }

    private CommandLineRun eval(Path data, String... options) {
        List<String> args =
                new ArrayList<>(List.of("eval", "--model", MODEL, "--dataset", data.toString()));
        args.addAll(List.of(options));
        return CommandLineRun.of(args.toArray(String[]::new));
    }

    /** Ends an evaluation when it would write its results. Returns its record. */
    private byte[] interrupted(Path data, String... options) throws IOException {
        interrupt(data, options);
        return Files.readAllBytes(record());
    }

    private void interrupt(Path data, String... options) throws IOException {
        Path inTheWay = folder.resolve("out/eval_results.json.new");
        Files.createDirectories(inTheWay);
        assertThat(eval(data, options).status()).isEqualTo(1);
        Files.delete(inTheWay);
    }

    private static String[] with(String[] options, String more) {
        return Stream.concat(Stream.of(options), Stream.of(more)).toArray(String[]::new);
    }

    private Path write(String name, String text) throws IOException {
        return Files.writeString(folder.resolve(name), text);
    }

    private String out() {
        return folder.resolve("out").toString();
    }

    private Path predictions() {
        return folder.resolve("out/generated_predictions.jsonl");
    }

    private Path record() {
        return folder.resolve("out/generated_predictions.jsonl.resume");
    }

    private List<PredictionLine> lines() throws IOException {
        return Files.readAllLines(predictions()).stream().map(PredictionLine::parse).toList();
    }

    private JsonNode results() throws IOException {
        return JSON.readTree(folder.resolve("out/eval_results.json").toFile());
    }

    private static String withoutTimes(JsonNode results) {
        return results.toString()
                .replaceAll("\"eval_(runtime|samples_per_second|steps_per_second)\":[^,]*,", "");
    }
}
