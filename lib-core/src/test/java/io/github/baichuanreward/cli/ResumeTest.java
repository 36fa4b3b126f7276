package io.github.baichuanreward.cli;

import static io.github.baichuanreward.cli.CommandLineRun.MODEL;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.github.baichuanreward.Golden;
import io.github.baichuanreward.rows.FileOutput;
import io.github.baichuanreward.rows.JsonRow;
import io.github.baichuanreward.rows.RowFormat;
import io.github.baichuanreward.rows.RowWriter;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Runs that were interrupted at any byte, and all that must not be resumed. Long, because each
 * thing that may have changed meanwhile has a test of its own.
 */
class ResumeTest {

    private static final String ROWS =
            """
            {"input_ids": [5], "s": "a\\n\\"b\\""}
            {"input_ids": [6, 7], "s": ","}
            {"input_ids": [8], "s": "中"}
            """;

    @TempDir private Path folder;

    private static final class Interrupted extends RuntimeException {
        private static final long serialVersionUID = 1L;
    }

    // Where a run goes on

    @ParameterizedTest
    @ValueSource(strings = {"jsonl", "json", "csv", "tsv"})
    void givesTheSameBytesWhereverItWasInterrupted(String kind) throws IOException {
        Path input = input(ROWS);
        Path output = folder.resolve("o." + kind);
        byte[] record = interrupt(input, output);
        byte[] whole = Files.readAllBytes(output);
        for (int cut = 0; cut <= whole.length; cut += 3) {
            Files.write(output, Arrays.copyOf(whole, cut));
            Files.write(record(output), record);
            CommandLineRun run = score(input, output, "--resume");
            assertThat(run.status()).as(run.err()).isZero();
            assertThat(output).hasBinaryContent(whole);
            assertThat(record(output)).doesNotExist();
        }
    }

    @Test
    void saysWhereItGoesOnAndCountsWhatItScores() throws IOException {
        Path input = input(ROWS);
        Path output = folder.resolve("o.jsonl");
        interrupt(input, output);
        Files.writeString(output, Files.readString(output).lines().limit(2).toList().get(0) + "\n");
        CommandLineRun run = score(input, output, "--resume");
        assertThat(run.err())
                .matches("Going on after row 1\\.\n2 rows with 3 tokens in .* tokens/s\n");
        interrupt(input, output);
        assertThat(score(input, output, "--resume", "--quiet"))
                .isEqualTo(new CommandLineRun(0, "", ""));
    }

    @Test
    void startsFromTheBeginningWhereNothingIsThere() throws IOException {
        Path input = input(ROWS);
        Path output = folder.resolve("o.jsonl");
        assertThat(score(input, output, "--resume").status()).isZero();
        byte[] whole = Files.readAllBytes(output);
        assertThat(whole).isNotEmpty();
        assertThat(record(output)).doesNotExist();
        Files.write(output, new byte[0]);
        assertThat(score(input, output, "--resume").status()).isZero();
        assertThat(output).hasBinaryContent(whole);
    }

    @Test
    void hasNothingToDoWhenAllIsDone() throws IOException {
        Path input = input(ROWS);
        for (String kind : List.of("jsonl", "json", "csv")) {
            Path output = folder.resolve("o." + kind);
            score(input, output);
            byte[] whole = Files.readAllBytes(output);
            assertThat(score(input, output, "--resume", "--model", "/no/model/is/needed"))
                    .isEqualTo(
                            new CommandLineRun(
                                    0,
                                    "",
                                    "All rows (3) have their rewards already; there is nothing to"
                                            + " do.\n"));
            assertThat(output).hasBinaryContent(whole);
            assertThat(record(output)).doesNotExist();
        }
    }

    @Test
    void leavesTheOutputAsItWasWhenTheInputCannotBeReadAgain() throws IOException {
        Path input = input(ROWS);
        Path output = folder.resolve("o.jsonl");
        score(input, output);
        byte[] whole = Files.readAllBytes(output);
        Files.writeString(input, "{broken\n" + ROWS);
        CommandLineRun run = score(input, output, "--resume");

        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err())
                .startsWith("reward: " + input + ", line 1: ")
                .endsWith("\n" + output + " was left as it was.\n")
                .hasLineCount(2);
        assertThat(output).hasBinaryContent(whole);
    }

    @Test
    void finishesWhenItWasInterruptedAfterTheLastRow() throws IOException {
        Path input = input(ROWS);
        Path output = folder.resolve("o.json");
        interrupt(input, output);
        byte[] whole = Files.readAllBytes(output);
        assertThat(score(input, output, "--resume").err())
                .isEqualTo("All rows (3) have their rewards already; there is nothing to do.\n");
        assertThat(output).hasBinaryContent(whole);
        assertThat(record(output)).doesNotExist();
    }

    @Test
    void beginsAnewWithoutTheOption() throws IOException {
        Path input = input(ROWS);
        Path output = folder.resolve("o.jsonl");
        interrupt(input, output);
        byte[] whole = Files.readAllBytes(output);
        Files.writeString(output, "something else that is longer than what comes".repeat(20));
        assertThat(score(input, output).err()).startsWith("3 rows with 4 tokens");
        assertThat(output).hasBinaryContent(whole);
        assertThat(record(output)).doesNotExist();
    }

    @Test
    void goesOnWhenABadRowHasBeenMended() throws IOException {
        Path output = folder.resolve("o.json");
        String more = ROWS.repeat(2);
        score(input(more), output);
        byte[] whole = Files.readAllBytes(output);

        CommandLineRun bad = score(input(ROWS + "{}\n"), output);
        assertThat(bad.status()).isEqualTo(1);
        assertThat(bad.err()).endsWith("\nThe 3 rows before it went to " + output + ".\n");
        CommandLineRun again = score(input(ROWS + "{}\n"), output, "--resume");
        assertThat(again.status()).isEqualTo(1);
        assertThat(again.err()).endsWith("\nThe 3 rows before it went to " + output + ".\n");
        assertThat(score(input(more.replace("[5]", "[9]")), output, "--resume").err())
                .contains(": cannot go on: it holds something else");
        CommandLineRun mended = score(input(more), output, "--resume");
        assertThat(mended.status()).as(mended.err()).isZero();
        assertThat(output).hasBinaryContent(whole);
    }

    @Test
    void takesAnotherNumberOfThreadsAndSizeOfBatches() throws IOException {
        Path input = input(ROWS);
        Path output = folder.resolve("o.jsonl");
        interrupt(input, output, "--threads", "2");
        byte[] whole = Files.readAllBytes(output);
        Files.write(output, Arrays.copyOf(whole, whole.length - 3));
        CommandLineRun run =
                score(input, output, "--resume", "--threads", "1", "--batch_tokens", "50");
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(output).hasBinaryContent(whole);
    }

    // What is refused

    @Test
    void refusesAnInputThatHasChanged() throws IOException {
        for (String changed : List.of(ROWS + "\n", ROWS.replace("[8]", "[9]"), "", " " + ROWS)) {
            Path output = folder.resolve("o.jsonl");
            interrupt(input(ROWS), output);
            byte[] partial = Arrays.copyOf(Files.readAllBytes(output), 60);
            Files.write(output, partial);
            byte[] record = Files.readAllBytes(record(output));
            assertThat(score(input(changed), output, "--resume"))
                    .isEqualTo(
                            new CommandLineRun(
                                    1,
                                    "",
                                    "reward: %s: cannot go on: the input has changed since\nPut that back as it was, or run without --resume to start again, which replaces it.\n"
                                            .formatted(output)));
            assertThat(output).hasBinaryContent(partial);
            assertThat(record(output)).hasBinaryContent(record);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "--template,vanilla,--template default",
        "--max_source_length,9,--max_source_length unlimited",
        "--max_target_length,7,--max_target_length unlimited"
    })
    void refusesOtherOptions(String option, String value, String before) throws IOException {
        Path input = input(ROWS);
        Path output = folder.resolve("o.jsonl");
        interrupt(input, output);
        CommandLineRun run = score(input, output, "--resume", option, value);
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err())
                .startsWith(
                        "reward: %s: cannot go on: it was begun with %s, and this is %s\n"
                                .formatted(output, before, value));
    }

    @Test
    void refusesAnotherModelOrAdapter() throws IOException {
        Path input = input(ROWS);
        Path output = folder.resolve("o.jsonl");
        Golden golden = Golden.read("tiny-a-lora");
        Path model = copy(golden.model(), "model");
        interrupt(input, output, "--model", model.toString());
        assertThat(score(input, output, "--resume").err())
                .contains("the model's files have changed since, or it is another model\n");
        assertThat(
                        score(
                                        input,
                                        output,
                                        "--resume",
                                        "--model",
                                        model.toString(),
                                        "--adapter",
                                        golden.adapters().get(0).toString())
                                .err())
                .contains("it was begun with other adapters\n");
        Files.writeString(model.resolve("notes.txt"), "no part of it");
        assertThat(score(input, output, "--resume", "--model", model.toString()).status()).isZero();

        interrupt(input, output, "--model", model.toString());
        Files.setLastModifiedTime(model.resolve("config.json"), FileTime.fromMillis(0));
        assertThat(score(input, output, "--resume", "--model", model.toString()).err())
                .contains("the model's files have changed since, or it is another model\n");
    }

    @Test
    void refusesAnOutputThatNothingIsKnownOf() throws IOException {
        Path input = input(ROWS);
        Path output = folder.resolve("o.jsonl");
        interrupt(input, output);
        byte[] partial = Arrays.copyOf(Files.readAllBytes(output), 60);
        Files.write(output, partial);
        Files.delete(record(output));
        assertThat(score(input, output, "--resume"))
                .isEqualTo(
                        new CommandLineRun(
                                1,
                                "",
                                "reward: %1$s: cannot go on: %1$s.resume, which would say how it was begun, is not there\nName another output, or run without --resume to start again, which replaces it.\n"
                                        .formatted(output)));
        assertThat(output).hasBinaryContent(partial);
    }

    @Test
    void refusesAnOutputThatHasChanged() throws IOException {
        Path input = input(ROWS);
        Path output = folder.resolve("o.csv");
        interrupt(input, output);
        Files.writeString(output, Files.readString(output).replace("[8]", "[3]"));
        CommandLineRun run = score(input, output, "--resume");
        assertThat(run)
                .isEqualTo(
                        new CommandLineRun(
                                1,
                                "",
                                "reward: %s: cannot go on: it holds something else than the beginning of what this run writes\nName another output, or run without --resume to start again, which replaces it.\n"
                                        .formatted(output)));
        assertThat(output).content().contains("[3]");
    }

    @ParameterizedTest
    @ValueSource(strings = {"{", "null", ""})
    void refusesADamagedRecord(String damaged) throws IOException {
        Path input = input(ROWS);
        Path output = folder.resolve("o.csv");
        interrupt(input, output);
        Files.writeString(record(output), damaged);
        assertThat(score(input, output, "--resume").err())
                .isEqualTo(
                        "reward: %s.resume: damaged; run without --resume to start again, which replaces the output\n"
                                .formatted(output));
    }

    @ParameterizedTest
    @ValueSource(strings = {"--input -", "--input IN", "--input IN --output -", "", "--output OUT"})
    void needsFiles(String files) throws IOException {
        List<String> args = new ArrayList<>(List.of("score", "--model", MODEL, "--resume"));
        Collections.addAll(
                args,
                files.replace("IN", input(ROWS).toString())
                        .replace("OUT", folder.resolve("o.jsonl").toString())
                        .trim()
                        .split(" "));
        args.removeIf(String::isEmpty);
        CommandLineRun run = CommandLineRun.of(args.toArray(String[]::new));
        assertThat(run.status()).isEqualTo(2);
        assertThat(run.err()).contains("--resume needs ").endsWith("See ./reward score --help\n");
    }

    @Test
    void saysWhenTheInputHasVanished() throws IOException {
        Path input = input(ROWS);
        Path output = folder.resolve("o.jsonl");
        interrupt(input, output);
        Files.delete(input);
        assertThat(score(input, output, "--resume").err())
                .isEqualTo("reward: " + input + ": no such file or directory\n");
        assertThat(output).isNotEmptyFile();
    }

    // Disks

    @Test
    void scoresWhereNoRecordCanBeWrittenAndSaysSo() throws IOException {
        Path input = input(ROWS);
        Path output = folder.resolve("o.jsonl");
        Files.createDirectory(output.resolveSibling("o.jsonl.resume.new"));
        CommandLineRun run = score(input, output);
        assertThat(run.status()).isZero();
        assertThat(run.err())
                .startsWith(
                        output
                                + ".resume: cannot be written, so this run cannot be resumed when"
                                + " it is interrupted\n3 rows");
        assertThat(score(input, output, "--quiet").err()).isEmpty();
    }

    @Test
    void saysWhatToDoWhenTheDiskIsFull() throws IOException {
        assumeThat(Path.of("/dev/full")).exists();
        Path output = Files.createSymbolicLink(folder.resolve("o.jsonl"), Path.of("/dev/full"));
        assertThat(score(input(ROWS), output))
                .isEqualTo(
                        new CommandLineRun(
                                1,
                                "",
                                "reward: %s: No space left on device\nIf the disk is full, free some space; then run again.\n"
                                        .formatted(output)));
        assertThat(score(input(ROWS), output, "--resume").err())
                .startsWith("reward: --resume needs a file for --input and one for --output;");
    }

    @Test
    void writesNothingMoreAfterAFailure() throws IOException {
        ByteArrayOutputStream disk = new ByteArrayOutputStream();
        OutputStream almostFull =
                new OutputStream() {
                    @Override
                    public void write(int b) throws IOException {
                        if (disk.size() == 20) {
                            // Somebody frees space while the run is ending.
                            disk.write('!');
                            throw new IOException("No space left on device");
                        }
                        disk.write(b);
                    }
                };
        RowWriter writer =
                new RowWriter(
                        new FileOutput(almostFull, "o.jsonl", "Buy a disk."), RowFormat.JSON_LINES);
        assertThatThrownBy(
                        () -> {
                            try (writer) {
                                writer.write(JsonRow.empty(), Map.of("a", "1"));
                                writer.write(JsonRow.empty(), Map.of("a", "2"));
                                writer.write(JsonRow.empty(), Map.of("a", "3"));
                                writer.flush();
                            }
                        })
                .isInstanceOf(IOException.class)
                .hasMessage("o.jsonl: No space left on device\nBuy a disk.");
        assertThat(disk.toString(StandardCharsets.UTF_8)).isEqualTo("{\"a\": 1}\n{\"a\": 2}\n{\"!");
    }

    @Test
    void namesTheFileThatCannotBeRead() throws IOException {
        Path directory = Files.createDirectory(folder.resolve("d.jsonl"));
        assertThat(score(directory, folder.resolve("o.jsonl")).err())
                .startsWith(
                        "reward: --input " + directory + " is a directory; name a file in it\n");
        Path memory = Path.of("/proc/self/mem");
        assumeThat(memory).exists();
        Path input = Files.createSymbolicLink(folder.resolve("mem.jsonl"), memory);
        assertThat(score(input, folder.resolve("o.jsonl")).err())
                .isEqualTo(
                        "reward: %s: cannot be read: Input/output error\nMake the file readable, and run again.\n"
                                .formatted(input));
    }

    private Path input(String rows) throws IOException {
        return Files.writeString(folder.resolve("rows.jsonl"), rows);
    }

    private static Path record(Path output) {
        return output.resolveSibling(output.getFileName() + ".resume");
    }

    private Path copy(Path directory, String name) throws IOException {
        Path copy = Files.createDirectory(folder.resolve(name));
        try (var files = Files.list(directory)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Files.copy(file, copy.resolve(file.getFileName()));
            }
        }
        return copy;
    }

    private static CommandLineRun score(Path input, Path output, String... more) {
        return CommandLineRun.of(args(input, output, more));
    }

    /** Scores all rows, and stops before the run is declared finished. */
    private static byte[] interrupt(Path input, Path output, String... more) throws IOException {
        OutputStream err =
                new OutputStream() {
                    @Override
                    public void write(int b) {
                        throw new Interrupted();
                    }
                };
        assertThatThrownBy(
                        () ->
                                Main.run(
                                        args(input, output, more),
                                        new ByteArrayInputStream(new byte[0]),
                                        OutputStream.nullOutputStream(),
                                        err))
                .isInstanceOf(Interrupted.class);
        return Files.readAllBytes(record(output));
    }

    private static String[] args(Path input, Path output, String... more) {
        List<String> args = new ArrayList<>(List.of("score"));
        if (!List.of(more).contains("--model")) {
            args.addAll(List.of("--model", MODEL));
        }
        args.addAll(List.of("--input", input.toString(), "--output", output.toString()));
        Collections.addAll(args, more);
        return args.toArray(String[]::new);
    }
}
