package io.github.baichuanreward.cli;

import static io.github.baichuanreward.cli.CommandLineRun.MODEL;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.baichuanreward.JavaProcess;
import io.github.baichuanreward.cli.StandardOutput.ReaderGoneException;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MainTest {

    @Test
    void asksForACommand() {
        assertThat(CommandLineRun.of())
                .isEqualTo(
                        new CommandLineRun(
                                2,
                                "",
                                """
                                reward: a command is missing: score, rank, tokenize, inspect, eval or bench
                                See ./reward --help
                                """));
    }

    @Test
    void refusesUnknownCommands() {
        CommandLineRun run = CommandLineRun.of("rewind");
        assertThat(run.status()).isEqualTo(2);
        assertThat(run.err())
                .isEqualTo(
                        "reward: Unmatched argument at index 0: 'rewind'\nSee ./reward --help\n");
    }

    @Test
    void helpsOnStandardOutput() {
        CommandLineRun run = CommandLineRun.of("--help");
        assertThat(run.status()).isZero();
        assertThat(run.out()).startsWith("Usage: reward ").contains("score", "rank", "tokenize");
        assertThat(run.err()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"score", "tokenize"})
    void helpsWithEachCommand(String command) {
        CommandLineRun run = CommandLineRun.of(command, "--help");
        assertThat(run.status()).isZero();
        assertThat(run.out())
                .startsWith("Usage: reward " + command)
                .contains("--model_name_or_path", "--input", "--output", "--quiet", "--stacktrace")
                .contains("--template", "--max_source_length", "--max_target_length");
        assertThat(run.out().lines()).allSatisfy(line -> assertThat(line.length()).isLessThan(101));
    }

    @Test
    void helpsWithRank() {
        CommandLineRun run = CommandLineRun.of("rank", "--help");
        assertThat(run.status()).isZero();
        assertThat(run.out())
                .startsWith("Usage: reward rank --model_name_or_path DIR --prompt TEXT")
                .contains("--output", "--adapter", "--template", "beats_next", "--quiet");
        assertThat(run.out().lines()).allSatisfy(line -> assertThat(line.length()).isLessThan(101));
    }

    @Test
    void saysItsVersionAndThatOfJava() {
        CommandLineRun run = CommandLineRun.of("--version");
        assertThat(run.status()).isZero();
        assertThat(run.outLines())
                .hasSize(2)
                .satisfiesExactly(
                        own -> assertThat(own).startsWith("baichuan-reward "),
                        java -> assertThat(java).isEqualTo("Java " + Runtime.version()));
    }

    @Test
    void showsATraceOnlyWhenAskedFor() {
        String[] args = {"score", "--model", "/nowhere", "--input", "/nowhere.jsonl"};
        assertThat(CommandLineRun.of(args).err()).doesNotContain("\tat ");
        String[] asked = {
            "score", "--model", "/nowhere", "--input", "/nowhere.jsonl", "--stacktrace"
        };
        CommandLineRun run = CommandLineRun.of(asked);
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err())
                .startsWith("reward: /nowhere.jsonl: no such file or directory\n")
                .contains("NoSuchFileException", "\tat ", "ScoreCommand");
    }

    @Test
    void endsQuietlyWhenNobodyReadsItsOutput() {
        OutputStream gone =
                new OutputStream() {
                    @Override
                    public void write(int b) throws IOException {
                        throw new ReaderGoneException(new IOException("Broken pipe"));
                    }
                };
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        byte[] rows = "{\"input_ids\": [5]}\n".getBytes(StandardCharsets.UTF_8);
        String[] args = {"score", "--model", MODEL, "--input", "-"};
        assertThat(Main.run(args, new ByteArrayInputStream(rows), gone, err)).isEqualTo(1);
        assertThat(err.toString(StandardCharsets.UTF_8)).isEmpty();
    }

    @Test
    void saysWhenItsOutputCannotBeWritten() {
        OutputStream full =
                new OutputStream() {
                    @Override
                    public void write(int b) throws IOException {
                        throw new IOException("standard output: No space left on device");
                    }
                };
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        byte[] rows = "{\"input_ids\": [5]}\n".getBytes(StandardCharsets.UTF_8);
        String[] args = {"score", "--model", MODEL, "--input", "-"};
        assertThat(Main.run(args, new ByteArrayInputStream(rows), full, err)).isEqualTo(1);
        assertThat(err.toString(StandardCharsets.UTF_8))
                .isEqualTo("reward: standard output: No space left on device\n");
    }

    @Test
    void refusesArgumentsThatTheLocaleHasLost() {
        String encoding = System.getProperty("sun.jnu.encoding");
        String[] args = {"score", "--prompt", "\uFFFD\uFFFD\uFFFD", "--answer", "a"};
        try {
            System.setProperty("sun.jnu.encoding", "ANSI_X3.4-1968");
            assertThat(CommandLineRun.of(args))
                    .isEqualTo(
                            new CommandLineRun(
                                    2,
                                    "",
                                    """
                                    reward: an argument has characters that the locale's character set lacks
                                    Set LC_ALL=C.UTF-8, or put the texts into a file for --input.
                                    """));
            System.setProperty("sun.jnu.encoding", "UTF-8");
            assertThat(CommandLineRun.of(args).err()).contains("--model_name_or_path is missing");
        } finally {
            System.setProperty("sun.jnu.encoding", encoding);
        }
    }

    @Test
    void writesUtf8WhateverThePlatformsEncoding() {
        CommandLineRun run = CommandLineRun.of("score", "--model", MODEL, "--input", "/猫/中.jsonl");
        assertThat(run.err()).contains("/猫/中.jsonl");
    }

    @Test
    void saysWhatToDoWhenMemoryIsTooSmall(@TempDir Path folder) throws Exception {
        Path rows = folder.resolve("rows.jsonl");
        StringBuilder text = new StringBuilder("{\"input_ids\": [5]}\n");
        for (int row = 0; row < 20; row++) { // which have nothing to share
            text.append("{\"input_ids\": %s}\n".formatted(Collections.nCopies(4096, 6 + row)));
        }
        Files.writeString(rows, text);
        String[] score = {
            "score",
            "--quiet",
            "--model",
            MODEL,
            "--input",
            rows.toString(),
            "--batch_tokens",
            "80000"
        };
        CommandLineRun run = inSmallHeap(score);
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err())
                .matches(
                        """
                        reward: cpu: a batch of 77825 tokens needs \\d+ MiB of the Java heap, whose limit is \\d+ MiB; .*
                        Give a smaller --batch_tokens, fewer --threads, or a larger heap: JAVA_TOOL_OPTIONS=-Xmx1g ./reward \\.\\.\\.
                        """);
        // The same where whoever asks waits for a list.
        CommandLineRun list =
                inSmallHeap(
                        "bench",
                        "--quiet",
                        "--model",
                        MODEL,
                        "--lengths",
                        "4000",
                        "--batch_tokens",
                        "80000",
                        "--seconds",
                        "1");
        assertThat(list.status()).isEqualTo(1);
        assertThat(list.err())
                .contains("of the Java heap, whose limit is", "Give a smaller --batch_tokens");
        String[] traced = Arrays.copyOf(score, score.length + 1);
        traced[score.length] = "--stacktrace";
        assertThat(inSmallHeap(traced).err())
                .startsWith(run.err())
                .contains("Caused by: java.lang.OutOfMemoryError: ");
    }

    @ParameterizedTest
    @ValueSource(strings = {"jsonl", "csv"})
    void scoresAFileLargerThanTheHeap(String kind, @TempDir Path folder) throws Exception {
        Path rows = folder.resolve("rows." + kind);
        boolean table = kind.equals("csv");
        String row =
                (table ? "5,\"%s\"\n" : "{\"input_ids\": [5], \"note\": \"%s\"}\n")
                        .formatted("x".repeat(8000));
        try (Writer file = Files.newBufferedWriter(rows)) {
            file.write(table ? "input_ids,note\n" : "");
            for (int i = 0; i < 8000; i++) {
                file.write(row);
            }
        }
        assertThat(Files.size(rows)).isGreaterThan(48 << 20);
        Path output = folder.resolve("out." + kind);

        CommandLineRun run =
                inSmallHeap(
                        "score",
                        "--model",
                        MODEL,
                        "--input",
                        rows.toString(),
                        "--output",
                        output.toString(),
                        "--quiet");

        assertThat(run).isEqualTo(new CommandLineRun(0, "", ""));
        try (Stream<String> lines = Files.lines(output)) {
            assertThat(lines.count()).isEqualTo(table ? 8001 : 8000);
        }
    }

    @Test
    void doesNotAdviseWhatACommandDoesNotHave(@TempDir Path folder) throws Exception {
        Path rows = folder.resolve("rows.jsonl");
        Files.writeString(rows, "{\"text\": \"" + "x".repeat(30_000_000) + "\"}\n");
        CommandLineRun run = inSmallHeap("tokenize", "--model", MODEL, "--input", rows.toString());
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err()).contains("\nGive a larger heap: JAVA_TOOL_OPTIONS=").hasLineCount(2);
    }

    /** Runs in a JVM of its own, whose heap has 48 MiB. */
    private static CommandLineRun inSmallHeap(String... command)
            throws IOException, InterruptedException {
        Process process =
                JavaProcess.of(
                                List.of("-Xmx48m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"),
                                Main.class,
                                command)
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .start();
        process.getOutputStream().close();
        String err = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
        return new CommandLineRun(process.waitFor(), "", err);
    }

    @Test
    @DisabledOnOs(OS.WINDOWS)
    void knowsABrokenPipeByWhatTheSystemSaysOfOne() throws Exception {
        Process reader =
                new ProcessBuilder("sh", "-c", "exec <&-; echo gone; exec sleep 60").start();
        try {
            assertThat(reader.getInputStream().read()).isEqualTo('g');
            OutputStream pipe = reader.getOutputStream();
            assertThatThrownBy(() -> pipe.write(new byte[1 << 16]))
                    .isInstanceOf(IOException.class)
                    .hasMessage(StandardOutput.brokenPipe());
        } finally {
            reader.destroy();
        }
    }
}
